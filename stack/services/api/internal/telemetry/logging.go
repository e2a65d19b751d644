// Package telemetry writes logs, spans and the timing of what goes out, all tied together by the request.
package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/trace"
)

type requestID struct{}

// WithRequestID keeps the id of the request in its context.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestID{}, id)
}

// RequestID is the id of the request, or nothing.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestID{}).(string)
	return id
}

// Logger writes one JSON object a line, under the names that all services share.
func Logger(out io.Writer, level, service string) *slog.Logger {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		least = slog.LevelInfo
	}
	handler := slog.NewJSONHandler(out, &slog.HandlerOptions{Level: least, ReplaceAttr: rename})
	return slog.New(contextual{handler.WithAttrs([]slog.Attr{slog.String("service", service)})})
}

func rename(groups []string, attr slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return attr
	}
	switch attr.Key {
	case slog.TimeKey:
		return slog.String("timestamp", attr.Value.Time().UTC().Format("2006-01-02T15:04:05.000000Z"))
	case slog.LevelKey:
		return slog.String("level", strings.ToLower(attr.Value.String()))
	case slog.MessageKey:
		return slog.String("message", attr.Value.String())
	}
	if attr.Value.Kind() == slog.KindDuration {
		return slog.Float64(attr.Key, attr.Value.Duration().Round(time.Microsecond).Seconds())
	}
	return attr
}

// contextual adds what the context knows about the request.
type contextual struct{ slog.Handler }

func (h contextual) Handle(ctx context.Context, record slog.Record) error {
	if id := RequestID(ctx); id != "" {
		record.AddAttrs(slog.String("request_id", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		record.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

func (h contextual) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextual{h.Handler.WithAttrs(attrs)}
}
func (h contextual) WithGroup(name string) slog.Handler { return contextual{h.Handler.WithGroup(name)} }

// Cause describes an error for the log: without addresses' queries, and without what a statement's values were.
func Cause(err error) string {
	if err == nil {
		return ""
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		text := "SQLSTATE " + refused.Code
		if refused.ConstraintName != "" {
			text += " (" + refused.ConstraintName + ")"
		}
		// Of these classes the message tells of the server's state; of the others it may repeat a value.
		if class := refused.Code[:min(2, len(refused.Code))]; class == "08" || class == "53" || class == "57" {
			text += " " + refused.Message
		}
		return text
	}
	var address *url.Error
	if errors.As(err, &address) {
		return address.Op + ": " + address.Err.Error()
	}
	text := err.Error()
	if len(text) > 500 {
		text = text[:500]
	}
	return text
}
