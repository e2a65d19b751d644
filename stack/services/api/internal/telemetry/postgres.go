package telemetry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/metrics"
)

// Statements makes a span and a measurement of every statement. Values are always parameters, so the text has none.
type Statements struct{ Metrics *metrics.Metrics }

type running struct {
	operation string
	started   time.Time
	span      trace.Span
}

type runningKey struct{}

// TraceQueryStart begins a span below the request's; what no request asks for gets none.
func (s *Statements) TraceQueryStart(
	ctx context.Context, connection *pgx.Conn, data pgx.TraceQueryStartData,
) context.Context {
	text := strings.Join(strings.Fields(data.SQL), " ")
	state := &running{operation: operation(text), started: time.Now(), span: trace.SpanFromContext(context.Background())}
	if trace.SpanFromContext(ctx).IsRecording() {
		to := connection.Config()
		_, state.span = Tracer().Start(ctx, state.operation,
			trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(
				attribute.String("db.system.name", "postgresql"),
				attribute.String("db.namespace", to.Database),
				attribute.String("db.operation.name", state.operation),
				attribute.String("db.query.text", text),
				attribute.String("server.address", to.Host),
				attribute.Int("server.port", int(to.Port)),
				attribute.String("peer.service", "postgresql"),
			))
	}
	return context.WithValue(ctx, runningKey{}, state)
}

// TraceQueryEnd ends it.
func (s *Statements) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	state, ok := ctx.Value(runningKey{}).(*running)
	if !ok {
		return
	}
	s.Metrics.Statement(state.operation, time.Since(state.started))
	if data.Err != nil && !errors.Is(data.Err, pgx.ErrNoRows) {
		kind := fmt.Sprintf("%T", data.Err)
		var refused *pgconn.PgError
		if errors.As(data.Err, &refused) {
			kind = refused.Code
			state.span.SetAttributes(attribute.String("db.response.status_code", refused.Code))
		}
		state.span.SetAttributes(attribute.String("error.type", kind))
		state.span.SetStatus(codes.Error, "")
	}
	state.span.End()
}

func operation(text string) string {
	word, _, _ := strings.Cut(text, " ")
	switch word = strings.ToUpper(strings.TrimSuffix(word, ";")); word {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "BEGIN", "COMMIT", "ROLLBACK":
		return word
	}
	return "_OTHER"
}
