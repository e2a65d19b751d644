// Package osbulk sends log records to OpenSearch, or to Elasticsearch, by their bulk interface: one index per day, made
// from a template, and a record that is sent twice is there once.
package osbulk

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

const (
	defaultTimeout = 30 * time.Second
	// Both servers advise bulk requests of a few megabytes; their own limit is 100 MB.
	defaultMaxRequestBytes = 5 << 20
)

var componentType = component.MustNewType("osbulk")

// NewFactory is what the Collector's builder asks for.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(componentType, createDefaultConfig, exporter.WithLogs(createLogs, component.StabilityLevelBeta))
}

func createDefaultConfig() component.Config {
	client := confighttp.NewDefaultClientConfig()
	client.Timeout = defaultTimeout
	return &Config{
		ClientConfig:    client,
		QueueConfig:     configoptional.Some(exporterhelper.NewDefaultQueueConfig()),
		RetryConfig:     configretry.NewDefaultBackOffConfig(),
		Index:           "logs",
		Shards:          1,
		MaxRequestBytes: defaultMaxRequestBytes,
	}
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	config := cfg.(*Config)
	sender, err := newSender(config, set)
	if err != nil {
		return nil, err
	}
	return exporterhelper.NewLogs(
		ctx, set, cfg, sender.push,
		exporterhelper.WithStart(sender.start),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}),
		// The client has the limit of one request; a batch may take several.
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{Timeout: 0}),
		exporterhelper.WithRetry(config.RetryConfig),
		exporterhelper.WithQueue(config.QueueConfig),
	)
}
