package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
)

// call is one request on its way through a handler.
type call struct {
	*Server
	w      http.ResponseWriter
	r      *http.Request
	caller *store.Caller     // nil: anonymous
	repo   *store.Repository // on routes below a repository
}

// meta is what the envelope says of a page. Where counting would cost more than the page, total is null and `more`
// says whether another page follows.
type meta struct {
	Page    int    `json:"page"`
	PerPage int    `json:"per_page"`
	Total   *int64 `json:"total"`
	More    *bool  `json:"more,omitempty"`
}

func (c *call) json(status int, data any, about *meta) error {
	answer := struct {
		Data any   `json:"data"`
		Meta *meta `json:"meta,omitempty"`
	}{data, about}
	text, err := json.Marshal(answer)
	if err != nil {
		return fault.Internal(err)
	}
	header := c.w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(text)))
	header.Set("Cache-Control", "no-store")
	c.w.WriteHeader(status)
	_, err = c.w.Write(text)
	return sent(err)
}

func (c *call) ok(data any) error      { return c.json(http.StatusOK, data, nil) }
func (c *call) created(data any) error { return c.json(http.StatusCreated, data, nil) }

func (c *call) none() error {
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// page answers a part of a list; a list without elements is [], not null.
func page[T any](c *call, data []T, total int64, of store.Page) error {
	if data == nil {
		data = []T{}
	}
	return c.json(http.StatusOK, data, &meta{Page: of.Number, PerPage: of.Size, Total: &total})
}

// uncounted answers a part of a list whose length nobody knows.
func uncounted[T any](c *call, data []T, more bool, of store.Page) error {
	if data == nil {
		data = []T{}
	}
	return c.json(http.StatusOK, data, &meta{Page: of.Number, PerPage: of.Size, More: &more})
}

// slice takes a page out of a list that is here whole.
func slice[T any](c *call, all []T, of store.Page) error {
	from := min(len(all), (of.Number-1)*of.Size)
	return page(c, all[from:min(len(all), from+of.Size)], int64(len(all)), of)
}

// gone is a client that left while the answer was written: there is nobody left to tell.
type gone struct{ error }

func sent(err error) error {
	if err != nil {
		return gone{err}
	}
	return nil
}

// fail answers with a failure, and keeps its cause for the log.
func (c *call) fail(err error) {
	known := stateOf(c.r)
	known.cause = err
	var left gone
	if errors.As(err, &left) {
		panic(http.ErrAbortHandler)
	}
	found, ok := fault.As(err)
	if !ok {
		found = fault.Internal(err)
	}
	unfinished := known.body != nil && known.body.failed != nil // which ends the context too, though somebody may listen
	if found.Status == 499 || (c.r.Context().Err() != nil && !unfinished) {
		// Nobody reads this; the status is for the log and the counters.
		found = &fault.Fault{Status: 499, Code: "CLIENT_CLOSED_REQUEST", Message: "The client left", Cause: err}
	}
	writeFault(c.w, found)
}

func writeFault(w http.ResponseWriter, found *fault.Fault) {
	if out, ok := w.(*recorder); ok && out.status != 0 {
		panic(http.ErrAbortHandler) // the answer has begun: only its end can say that it is wrong
	}
	header := w.Header()
	for _, name := range []string{"Content-Disposition", "Content-Encoding", "Etag", "Last-Modified"} {
		header.Del(name)
	}
	text := found.JSON()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(text)))
	header.Set("Cache-Control", "no-store")
	if found.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(found.RetryAfter))
	}
	if found.Challenge != "" {
		header.Set("WWW-Authenticate", found.Challenge)
	}
	w.WriteHeader(found.Status)
	_, _ = w.Write(text)
}
