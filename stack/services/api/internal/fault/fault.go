// Package fault holds the one kind of error that becomes an answer: a status, a code of the contract, one sentence.
package fault

import (
	"errors"
	"net/http"
)

// Fault is an answer that is not a success. Cause goes to the log only, never to the client.
type Fault struct {
	Status     int
	Code       string
	Message    string
	Details    map[string]any
	RetryAfter int // seconds; 0: none
	Challenge  string
	Cause      error
}

func (f *Fault) Error() string {
	if f.Cause != nil {
		return f.Code + ": " + f.Message + ": " + f.Cause.Error()
	}
	return f.Code + ": " + f.Message
}

func (f *Fault) Unwrap() error { return f.Cause }

// With adds details for the client.
func (f *Fault) With(name string, value any) *Fault {
	if f.Details == nil {
		f.Details = map[string]any{}
	}
	f.Details[name] = value
	return f
}

// Because keeps the cause for the log.
func (f *Fault) Because(cause error) *Fault {
	f.Cause = cause
	return f
}

// As finds the fault in an error.
func As(err error) (*Fault, bool) {
	var found *Fault
	ok := errors.As(err, &found)
	return found, ok
}

// Is says whether an error is a fault with this status.
func Is(err error, status int) bool {
	found, ok := As(err)
	return ok && found.Status == status
}

var codes = map[int]string{
	http.StatusBadRequest:                  "BAD_REQUEST",
	http.StatusUnauthorized:                "UNAUTHORIZED",
	http.StatusForbidden:                   "FORBIDDEN",
	http.StatusNotFound:                    "NOT_FOUND",
	http.StatusMethodNotAllowed:            "METHOD_NOT_ALLOWED",
	http.StatusRequestTimeout:              "REQUEST_TIMEOUT",
	http.StatusConflict:                    "CONFLICT",
	http.StatusRequestEntityTooLarge:       "PAYLOAD_TOO_LARGE",
	http.StatusRequestURITooLong:           "URI_TOO_LONG",
	http.StatusUnsupportedMediaType:        "UNSUPPORTED_MEDIA_TYPE",
	http.StatusUnprocessableEntity:         "UNPROCESSABLE",
	http.StatusTooManyRequests:             "TOO_MANY_REQUESTS",
	http.StatusRequestHeaderFieldsTooLarge: "HEADERS_TOO_LARGE",
	http.StatusServiceUnavailable:          "UNAVAILABLE",
}

// Code is the contract's code of a status.
func Code(status int) string {
	if code, ok := codes[status]; ok {
		return code
	}
	if status >= 500 {
		return "INTERNAL_ERROR"
	}
	return "BAD_REQUEST"
}

// New makes a fault of a status.
func New(status int, message string) *Fault {
	return &Fault{Status: status, Code: Code(status), Message: message}
}

// BadRequest is a request that can't be understood.
func BadRequest(message string) *Fault { return New(http.StatusBadRequest, message) }

// Unauthorized is a request without a caller, where one is needed.
func Unauthorized(message string) *Fault {
	fault := New(http.StatusUnauthorized, message)
	fault.Challenge = `Bearer realm="smsly-code"`
	return fault
}

// Forbidden is what the caller may know of, and may not do.
func Forbidden(message string) *Fault { return New(http.StatusForbidden, message) }

// NotFound is what isn't there, or what the caller may not know of.
func NotFound(message string) *Fault { return New(http.StatusNotFound, message) }

// Conflict is what the present state doesn't allow.
func Conflict(message string) *Fault { return New(http.StatusConflict, message) }

// Invalid is a value that a field can't have.
func Invalid(field, message string) *Fault {
	return New(http.StatusUnprocessableEntity, "A value can't be accepted").With(field, message)
}

// Unavailable is something behind this service that doesn't answer; asking again may help.
func Unavailable(message string, cause error) *Fault {
	fault := New(http.StatusServiceUnavailable, message).Because(cause)
	fault.RetryAfter = 5
	return fault
}

// Internal is a mistake of ours.
func Internal(cause error) *Fault {
	return New(http.StatusInternalServerError, "Something went wrong here; it is in the log").Because(cause)
}
