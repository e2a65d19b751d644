package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus/testutil"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/config"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/metrics"
)

// collector is an exporter that can be away.
type collector struct {
	mutex sync.Mutex
	away  bool
	spans int
	block chan struct{}
}

func (c *collector) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if c.block != nil {
		select {
		case <-c.block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.away {
		return errors.New("connection refused")
	}
	c.spans += len(spans)
	return nil
}

func (c *collector) Shutdown(context.Context) error { return nil }

func quiet() *slog.Logger { return Logger(io.Discard, "error", "api") }

func provider(c *collector, settings config.Telemetry) (*sdk.TracerProvider, *metrics.Metrics) {
	counted := metrics.New()
	return sdk.NewTracerProvider(sdk.WithSpanProcessor(newProcessor(c, settings, counted, quiet()))), counted
}

func end(p *sdk.TracerProvider, count int) {
	for range count {
		_, span := p.Tracer("test").Start(context.Background(), "span")
		span.End()
	}
}

func TestEverySpanIsCountedAsExportedOrDropped(t *testing.T) {
	settings := config.Telemetry{QueueSize: 50, BatchSize: 10, Delay: time.Hour, Timeout: time.Second}
	c := &collector{block: make(chan struct{})}
	p, counted := provider(c, settings)
	end(p, 500) // the worker stands still: a batch in its hands, a queue, and the rest is beyond
	close(c.block)
	if err := p.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	exported, dropped := testutil.ToFloat64(counted.Exported), testutil.ToFloat64(counted.Dropped)
	if int(exported) != c.spans || exported+dropped != 500 || dropped < 400 || exported < 50 {
		t.Errorf("%d arrived, %v exported, %v dropped", c.spans, exported, dropped)
	}
}

func TestABatchOutlastsACollectorThatIsAway(t *testing.T) {
	settings := config.Telemetry{QueueSize: 50, BatchSize: 10, Delay: 10 * time.Millisecond, Timeout: time.Second}
	c := &collector{away: true}
	p, counted := provider(c, settings)
	end(p, 30)
	time.AfterFunc(300*time.Millisecond, func() { c.mutex.Lock(); c.away = false; c.mutex.Unlock() })
	for until := time.Now().Add(20 * time.Second); testutil.ToFloat64(counted.Exported) < 30; {
		if time.Now().After(until) {
			t.Fatalf("%v exported, %v dropped", testutil.ToFloat64(counted.Exported), testutil.ToFloat64(counted.Dropped))
		}
		time.Sleep(10 * time.Millisecond)
	}
	if dropped := testutil.ToFloat64(counted.Dropped); dropped != 0 {
		t.Errorf("%v dropped", dropped)
	}
	_ = p.Shutdown(context.Background())
}

func TestAnEndWithoutACollectorDropsAndCounts(t *testing.T) {
	settings := config.Telemetry{QueueSize: 50, BatchSize: 10, Delay: time.Hour, Timeout: time.Second}
	p, counted := provider(&collector{away: true}, settings)
	end(p, 25)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := p.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if dropped := testutil.ToFloat64(counted.Dropped); dropped != 25 {
		t.Errorf("%v dropped", dropped)
	}
}

func TestSpansReachACollectorThatTheEnvironmentNames(t *testing.T) {
	arrived := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if bytes.Contains(body, []byte("named-by-the-environment")) {
			arrived <- r.URL.Path + " " + r.Header.Get("Content-Type")
		}
	}))
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_SERVICE_NAME", "named-by-the-environment")
	counted := metrics.New()
	settings := config.Telemetry{Enabled: true, QueueSize: 10, BatchSize: 10, Delay: time.Hour, Timeout: time.Second}
	flush, err := Start(context.Background(), settings, "1", counted, quiet())
	if err != nil {
		t.Fatal(err)
	}
	_, span := Tracer().Start(context.Background(), "span")
	span.End()
	flush(context.Background())
	select {
	case got := <-arrived:
		if got != "/v1/traces application/x-protobuf" {
			t.Error(got)
		}
	default:
		t.Error("nothing arrived")
	}
	if testutil.ToFloat64(counted.Exported) != 1 {
		t.Error("it is not counted")
	}
}

func TestTheCauseOfAFailureTellsNoValues(t *testing.T) {
	address := &url.Error{Op: "Get", URL: "http://search/search?q=secret", Err: errors.New("refused")}
	refused := &pgconn.PgError{Code: "23505", ConstraintName: "user_email", Message: "Key (email)=(a@b.c) exists", Detail: "a@b.c"}
	for want, err := range map[string]error{"Get: refused": address, "SQLSTATE 23505 (user_email)": refused, "": nil} {
		if got := Cause(err); got != want {
			t.Errorf("%q", got)
		}
	}
}

func TestALineNamesItsRequestAndItsTrace(t *testing.T) {
	var out bytes.Buffer
	logger := Logger(&out, "info", "api")
	id, _ := trace.TraceIDFromHex("4bf92f3577b34da6a3ce929d0e0e4736")
	span, _ := trace.SpanIDFromHex("00f067aa0ba902b7")
	ctx := trace.ContextWithSpanContext(WithRequestID(context.Background(), "r1"),
		trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span}))
	logger.DebugContext(ctx, "hidden")
	logger.With("part", "x").WarnContext(ctx, "shown", "took", 1500*time.Millisecond)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err, out.String())
	}
	for name, want := range map[string]any{"message": "shown", "level": "warn", "service": "api", "request_id": "r1", "part": "x",
		"trace_id": id.String(), "span_id": span.String(), "took": 1.5} {
		if line[name] != want {
			t.Errorf("%s is %v", name, line[name])
		}
	}
}
