package telemetry

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/config"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/metrics"
)

// Propagator knows traceparent and tracestate. Baggage is anybody's text, so it is neither kept nor passed on.
var Propagator = propagation.TraceContext{}

// Start sends spans to the collector that the environment names, or none; the function given back ends that in order.
func Start(
	ctx context.Context, settings config.Telemetry, version string, counted *metrics.Metrics, logger *slog.Logger,
) (func(context.Context), error) {
	otel.SetTextMapPropagator(Propagator)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		logger.Warn("telemetry", "error", Cause(err))
	}))
	if !settings.Enabled {
		return func(context.Context) {}, nil
	}
	// The processor retries by itself, so that waiting and dropping happen in one place.
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}))
	if err != nil {
		return nil, err
	}
	// From weak to strong: our name, then OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME.
	described, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "api"), attribute.String("service.version", version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		logger.Warn("OTEL_RESOURCE_ATTRIBUTES is not understood in part", "error", Cause(err))
	}
	provider := sdk.NewTracerProvider(
		sdk.WithResource(described), sdk.WithSpanProcessor(newProcessor(exporter, settings, counted, logger)))
	otel.SetTracerProvider(provider)
	return func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			logger.Warn("spans were left behind", "error", Cause(err))
		}
	}, nil
}

// Tracer makes the spans of this service.
func Tracer() trace.Tracer {
	return otel.Tracer("github.com/SMSLYCLOUD/smsly-code/smsly-code-api")
}
