package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/config"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/metrics"
)

// How long a batch is held while the collector is away; meanwhile the queue fills, and what is beyond it is dropped.
const hold = 2 * time.Minute

// processor hands spans to the exporter from a bounded queue, never blocks a request, and counts every span as
// exported or dropped, which the SDK's own doesn't.
type processor struct {
	exporter trace.SpanExporter
	metrics  *metrics.Metrics
	logger   *slog.Logger
	settings config.Telemetry

	queue   chan trace.ReadOnlySpan
	flush   chan chan struct{}
	closing chan struct{}
	ended   chan struct{}
	once    sync.Once
	failing bool
}

func newProcessor(
	exporter trace.SpanExporter, settings config.Telemetry, counted *metrics.Metrics, logger *slog.Logger,
) *processor {
	p := &processor{
		exporter: exporter, metrics: counted, logger: logger, settings: settings,
		queue: make(chan trace.ReadOnlySpan, settings.QueueSize), flush: make(chan chan struct{}),
		closing: make(chan struct{}), ended: make(chan struct{}),
	}
	go p.run()
	return p
}

func (p *processor) OnStart(context.Context, trace.ReadWriteSpan) {}

func (p *processor) OnEnd(span trace.ReadOnlySpan) {
	if !span.SpanContext().IsSampled() {
		return
	}
	select {
	case <-p.closing:
		p.metrics.Dropped.Inc()
		return
	default:
	}
	select {
	case p.queue <- span:
	default:
		p.metrics.Dropped.Inc()
	}
}

func (p *processor) run() {
	defer close(p.ended)
	ticker := time.NewTicker(p.settings.Delay)
	defer ticker.Stop()
	batch := make([]trace.ReadOnlySpan, 0, p.settings.BatchSize)
	send := func() {
		if len(batch) > 0 {
			p.export(batch)
			batch = batch[:0]
		}
	}
	drain := func() {
		for {
			select {
			case span := <-p.queue:
				if batch = append(batch, span); len(batch) >= p.settings.BatchSize {
					send()
				}
			default:
				send()
				return
			}
		}
	}
	for {
		select {
		case span := <-p.queue:
			if batch = append(batch, span); len(batch) >= p.settings.BatchSize {
				send()
			}
		case <-ticker.C:
			send()
		case done := <-p.flush:
			drain()
			close(done)
		case <-p.closing:
			drain()
			return
		}
	}
}

// export tries until the collector takes the batch, it was held for long enough, or the service ends.
func (p *processor) export(batch []trace.ReadOnlySpan) {
	started, wait := time.Now(), time.Second
	for {
		ctx, cancel := context.WithTimeout(context.Background(), p.settings.Timeout)
		err := p.exporter.ExportSpans(ctx, batch)
		cancel()
		if err == nil {
			p.metrics.Exported.Add(float64(len(batch)))
			p.failing = false
			return
		}
		if !p.failing {
			p.failing = true
			p.logger.Warn("the collector does not take spans", "error", Cause(err))
		}
		closing := false
		select {
		case <-p.closing:
			closing = true
		case <-time.After(wait):
		}
		if closing || time.Since(started)+wait > hold {
			p.metrics.Dropped.Add(float64(len(batch)))
			return
		}
		wait = min(2*wait, 8*time.Second)
	}
}

func (p *processor) ForceFlush(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case p.flush <- done:
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *processor) Shutdown(ctx context.Context) error {
	p.once.Do(func() { close(p.closing) })
	select {
	case <-p.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	return p.exporter.Shutdown(ctx)
}
