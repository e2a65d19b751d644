package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/metrics"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/telemetry"
)

const unmatched = "unmatched"

// state is what the inner parts tell about a request for its log line, its span and its counters.
type state struct {
	route  string // template, as registered
	user   int64
	cause  error
	exempt bool // looked at by machines every second: no span, and a line only when it fails
	body   *paced
}

type stateKey struct{}

func stateOf(r *http.Request) *state {
	if known, ok := r.Context().Value(stateKey{}).(*state); ok {
		return known
	}
	return &state{route: unmatched}
}

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func newRequestID() string {
	var random [16]byte
	_, _ = rand.Read(random[:])
	return hex.EncodeToString(random[:])
}

func probed(path string) bool { return path == "/healthz" || path == "/readyz" || path == "/metrics" }

// observe is what every request goes through: an id, a span, limits, one log line, and the counters.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		s.Metrics.Active.Inc()
		defer s.Metrics.Active.Dec()

		id := r.Header.Get("X-Request-Id")
		if !requestIDPattern.MatchString(id) {
			id = newRequestID()
		}
		known := &state{route: unmatched, exempt: probed(r.URL.Path)}
		method := metrics.Method(r.Method)
		ctx := telemetry.WithRequestID(context.WithValue(r.Context(), stateKey{}, known), id)
		span := trace.SpanFromContext(context.Background())
		if !known.exempt {
			ctx = telemetry.Propagator.Extract(ctx, propagation.HeaderCarrier(r.Header))
			ctx, span = telemetry.Tracer().Start(ctx, spanMethod(method), trace.WithSpanKind(trace.SpanKindServer),
				trace.WithAttributes(attribute.String("http.request.method", method),
					attribute.String("url.scheme", "http")))
		}
		control := http.NewResponseController(w)
		body := &paced{ReadCloser: r.Body, control: control, idle: s.Config.Body}
		out := &recorder{ResponseWriter: w, control: control, idle: s.Config.Body, body: body}
		_ = out.control.SetWriteDeadline(time.Time{})
		out.Header().Set("X-Request-Id", id)
		out.Header().Set("X-Content-Type-Options", "nosniff")
		r = r.WithContext(ctx)
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = body
		}
		known.body = body

		defer func() {
			failure := recover()
			cut := failure == http.ErrAbortHandler //nolint:errorlint // compared as net/http does
			if failure != nil && !cut {
				s.Logger.ErrorContext(ctx, "a handler panicked", "panic", failure, "stack", string(debug.Stack()))
				if out.status == 0 {
					writeFault(out, fault.Internal(nil))
				} else {
					cut = true
				}
			}
			status := out.status
			if status == 0 {
				status = http.StatusOK
			}
			s.told(ctx, span, known, method, status, out.bytes, cut, time.Since(started))
			body.finish()
			if cut {
				panic(http.ErrAbortHandler)
			}
		}()
		if refused := s.tooLong(r); refused != nil {
			known.cause = refused
			out.Header().Set("Connection", "close")
			writeFault(out, refused)
			return
		}
		next.ServeHTTP(out, r)
	})
}

func spanMethod(method string) string {
	if method == "_OTHER" {
		return "HTTP"
	}
	return method
}

func (s *Server) tooLong(r *http.Request) *fault.Fault {
	if len(r.RequestURI) > s.Config.MaxURLBytes {
		return fault.New(http.StatusRequestURITooLong, "The address is too long")
	}
	size := 0
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + 4
		}
	}
	if size > s.Config.MaxHeaderBytes {
		return fault.New(http.StatusRequestHeaderFieldsTooLarge, "The headers are too long")
	}
	return nil
}

// told writes the one line, ends the span and counts.
func (s *Server) told(
	ctx context.Context, span trace.Span, known *state, method string, status int, bytes int64, cut bool,
	took time.Duration,
) {
	s.Metrics.Request(method, known.route, status, took)
	switch status {
	case http.StatusUnauthorized:
		s.Metrics.Denied("unauthorized")
	case http.StatusForbidden:
		s.Metrics.Denied("forbidden")
	}
	if !known.exempt {
		span.SetName(spanMethod(method) + " " + known.route)
		span.SetAttributes(attribute.String("http.route", known.route),
			attribute.Int("http.response.status_code", status))
		if known.route != unmatched && !strings.Contains(known.route, "{") {
			span.SetAttributes(attribute.String("url.path", known.route))
		}
		switch {
		case status >= 500:
			span.SetAttributes(attribute.String("error.type", strconv.Itoa(status)))
			span.SetStatus(codes.Error, "")
		case cut:
			span.SetAttributes(attribute.String("error.type", "cut"))
			span.SetStatus(codes.Error, "")
		}
		defer span.End()
	}
	level := slog.LevelInfo
	switch {
	case status >= 500:
		level = slog.LevelError
	case known.exempt:
		level = slog.LevelDebug
	}
	attributes := []any{
		"http_request_method", method, "http_route", known.route, "http_response_status_code", status,
		"duration_seconds", took, "response_bytes", bytes,
	}
	if known.user != 0 {
		attributes = append(attributes, "user_id", known.user)
	}
	if cut {
		attributes = append(attributes, "complete", false)
	}
	if cause := causeOf(known.cause); cause != "" {
		attributes = append(attributes, "error", cause)
	}
	s.Logger.Log(ctx, level, "request", attributes...)
}

// causeOf is what the log is told of a failure: its cause, or for want of one our own words.
func causeOf(err error) string {
	found, ok := fault.As(err)
	if !ok {
		return telemetry.Cause(err)
	}
	if found.Cause != nil {
		if _, again := fault.As(found.Cause); !again {
			return found.Message + ": " + telemetry.Cause(found.Cause)
		}
	}
	return found.Message
}

// recorder remembers what was answered, and gives a client that reads nothing no more than its time.
type recorder struct {
	http.ResponseWriter
	control *http.ResponseController
	idle    time.Duration
	body    *paced
	status  int
	bytes   int64
	renewed time.Time
}

func (w *recorder) renew() {
	// Setting a deadline for each small write would cost more than writing.
	if now := time.Now(); now.Sub(w.renewed) > w.idle/16 {
		w.renewed = now
		_ = w.control.SetWriteDeadline(now.Add(w.idle))
	}
}

func (w *recorder) WriteHeader(status int) {
	w.renew()
	if w.body.failed != nil {
		w.Header().Set("Connection", "close") // or net/http would wait for the rest of the body before it answers
	}
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(text []byte) (int, error) {
	w.renew()
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(text)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush sends what is written.
func (w *recorder) Flush() {
	w.renew()
	_ = w.control.Flush()
}

// paced is a body whose sender has so long for each piece of it.
type paced struct {
	io.ReadCloser
	control *http.ResponseController
	idle    time.Duration
	until   time.Time // no later than this, unless zero
	renewed time.Time
	ended   bool
	failed  error // other than its end
	count   func(int64)
}

func (b *paced) Read(into []byte) (int, error) {
	now := time.Now()
	if now.Sub(b.renewed) > b.idle/16 || !b.until.IsZero() {
		b.renewed = now
		deadline := now.Add(b.idle)
		if !b.until.IsZero() && b.until.Before(deadline) {
			deadline = b.until
		}
		_ = b.control.SetReadDeadline(deadline)
	}
	n, err := b.ReadCloser.Read(into)
	if n > 0 && b.count != nil {
		b.count(int64(n))
	}
	if err != nil {
		b.ended = true
		if err != io.EOF {
			b.failed = err
			return n, err
		}
		// From here on net/http reads to learn of a client that leaves; a deadline would look like that.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// finish bounds how long net/http may wait for what nobody has read.
func (b *paced) finish() {
	if b.ReadCloser != nil && b.ReadCloser != http.NoBody && !b.ended {
		_ = b.control.SetReadDeadline(time.Now().Add(5 * time.Second))
	}
}

// pace sets how long this request's client may let us wait, both ways.
func pace(c *call, idle time.Duration, count func(int64)) {
	if out, ok := c.w.(*recorder); ok {
		out.idle = idle
	}
	if body, ok := c.r.Body.(*paced); ok {
		body.idle, body.count = idle, count
	}
}

// timedOut says whether a body was read for too long.
func timedOut(err error) bool {
	var late interface{ Timeout() bool }
	return errors.As(err, &late) && late.Timeout()
}
