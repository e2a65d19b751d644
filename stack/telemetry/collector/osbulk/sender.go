package osbulk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// scope is the name that this exporter's own metrics carry.
const scope = "engineroom.invalid/collector/osbulk"

type sender struct {
	config    *Config
	set       component.TelemetrySettings
	client    *http.Client
	address   string
	now       func() time.Time
	documents metric.Int64Counter
	exporter  attribute.KeyValue

	// The template is there before the first record: an index made without it would guess its fields.
	preparing sync.Mutex
	prepared  bool
}

func newSender(config *Config, set exporter.Settings) (*sender, error) {
	documents, err := set.MeterProvider.Meter(scope).Int64Counter(
		"otelcol_osbulk_documents",
		metric.WithDescription("Log records by what the server made of them: created, duplicate, retried, refused."),
		metric.WithUnit("{document}"),
	)
	if err != nil {
		return nil, err
	}
	return &sender{
		config:    config,
		set:       set.TelemetrySettings,
		address:   strings.TrimRight(config.ClientConfig.Endpoint, "/"),
		now:       time.Now,
		documents: documents,
		exporter:  attribute.String("exporter", set.ID.String()),
	}, nil
}

func (s *sender) start(ctx context.Context, host component.Host) error {
	client, err := s.config.ClientConfig.ToClient(ctx, host.GetExtensions(), s.set)
	s.client = client
	return err
}

// push sends every record and returns an error that holds those, and only those, that may succeed later.
func (s *sender) push(ctx context.Context, logs plog.Logs) error {
	rendered, err := items(s.config.Index, logs, s.now())
	if err != nil {
		return consumererror.NewPermanent(err)
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	later := make([]bool, len(rendered))
	var problem error
	for _, chunk := range chunks(rendered, s.config.MaxRequestBytes) {
		err := s.sendChunk(ctx, rendered, chunk, later)
		problem = errors.Join(problem, err)
	}
	left := 0
	for _, again := range later {
		if again {
			left++
		}
	}
	s.count(ctx, retried, left)
	if left == 0 {
		if problem != nil {
			return consumererror.NewPermanent(problem)
		}
		return nil
	}
	if problem == nil {
		problem = fmt.Errorf("the server could not take %d of %d records now", left, len(rendered))
	}
	return consumererror.NewLogs(problem, only(logs, later))
}

// sendChunk sends one request, and halves it where the server finds it too large.
func (s *sender) sendChunk(ctx context.Context, all []item, part span, later []bool) error {
	outcomes, err := s.bulk(ctx, all[part.from:part.to])
	var refusal *refusalError
	if errors.As(err, &refusal) && refusal.status == http.StatusRequestEntityTooLarge && part.to-part.from > 1 {
		middle := (part.from + part.to) / 2
		return errors.Join(
			s.sendChunk(ctx, all, span{part.from, middle}, later),
			s.sendChunk(ctx, all, span{middle, part.to}, later),
		)
	}
	if err != nil {
		permanent := errors.As(err, &refusal) && !mayPass(refusal.status)
		for at := part.from; at < part.to; at++ {
			later[at] = !permanent
		}
		if permanent {
			s.count(ctx, refused, part.to-part.from)
			return err
		}
		if refusal != nil && refusal.after > 0 {
			return exporterhelper.NewThrottleRetry(err, refusal.after)
		}
		return err
	}
	s.settle(ctx, part, outcomes, later)
	return nil
}

// settle counts what became of each record of a request that was answered, and notes which to send again.
func (s *sender) settle(ctx context.Context, part span, outcomes []outcome, later []bool) {
	counted := map[verdict]int{}
	reasons := map[string]int{}
	for at, each := range outcomes {
		counted[each.verdict]++
		switch each.verdict {
		case retried:
			later[part.from+at] = true
		case refused:
			reasons[fmt.Sprintf("%d %s", each.status, each.reason)]++
		case created, duplicate:
		}
	}
	for _, each := range []verdict{created, duplicate, refused} {
		s.count(ctx, each, counted[each])
	}
	if counted[refused] > 0 {
		// The kind of error only: its full text quotes the record.
		s.set.Logger.Warn("Records were refused for good and are lost", zap.Int("records", counted[refused]), zap.Any("reasons", reasons))
	}
}

func (s *sender) count(ctx context.Context, result verdict, number int) {
	if number > 0 {
		s.documents.Add(ctx, int64(number), metric.WithAttributes(s.exporter, attribute.String("result", string(result))))
	}
}

// prepare lays the template once in the life of a Collector; until then nothing is sent.
func (s *sender) prepare(ctx context.Context) error {
	s.preparing.Lock()
	defer s.preparing.Unlock()
	if s.prepared {
		return nil
	}
	err := s.putTemplate(ctx)
	var refusal *refusalError
	if errors.As(err, &refusal) && !mayPass(refusal.status) {
		// Without its template the records would still be stored, with guessed fields; that is found out too late.
		return consumererror.NewPermanent(fmt.Errorf("the index template was refused: %w", err))
	}
	if err != nil {
		return fmt.Errorf("the index template could not be laid: %w", err)
	}
	s.prepared = true
	return nil
}

// only copies the records that are marked, with their resources and scopes.
func only(logs plog.Logs, marked []bool) plog.Logs {
	rest := plog.NewLogs()
	logs.CopyTo(rest)
	at := 0
	rest.ResourceLogs().RemoveIf(func(resource plog.ResourceLogs) bool {
		resource.ScopeLogs().RemoveIf(func(scope plog.ScopeLogs) bool {
			scope.LogRecords().RemoveIf(func(plog.LogRecord) bool {
				at++
				return !marked[at-1]
			})
			return scope.LogRecords().Len() == 0
		})
		return resource.ScopeLogs().Len() == 0
	})
	return rest
}
