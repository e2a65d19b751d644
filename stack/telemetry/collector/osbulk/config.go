package osbulk

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

// indexPrefix is what OpenSearch and Elasticsearch both take as the beginning of an index name.
var indexPrefix = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)

// Config says where log records go and under which name.
type Config struct {
	// ClientConfig has the server's address, headers (credentials), TLS and the time limit of one request.
	ClientConfig confighttp.ClientConfig `mapstructure:",squash"`

	// QueueConfig is what waits while the server is away; with a storage it survives the Collector.
	QueueConfig configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`

	// RetryConfig says for how long, and how often, what may succeed later is tried again.
	RetryConfig configretry.BackOffConfig `mapstructure:"retry_on_failure"`

	// Index is the beginning of each index's name; the day of the record, in UTC, follows: `logs-2026.11.25`.
	Index string `mapstructure:"index"`

	// Shards and Replicas of each day's index.
	Shards   int `mapstructure:"shards"`
	Replicas int `mapstructure:"replicas"`

	// IndexSettings are further settings of each day's index.
	IndexSettings map[string]any `mapstructure:"index_settings"`

	// MaxRequestBytes bounds the body of one bulk request; a single larger record goes alone.
	MaxRequestBytes int `mapstructure:"max_request_bytes"`
}

var _ component.Config = (*Config)(nil)

// Validate refuses what could not work.
func (cfg *Config) Validate() error {
	address, err := url.Parse(cfg.ClientConfig.Endpoint)
	switch {
	case cfg.ClientConfig.Endpoint == "":
		return errors.New("endpoint must be given: the server's address, as in http://127.0.0.1:9200")
	case err != nil:
		return fmt.Errorf("endpoint is no address: %w", err)
	case (address.Scheme != "http" && address.Scheme != "https") || address.Host == "":
		return errors.New("endpoint must begin with http:// or https:// and name a host")
	case !indexPrefix.MatchString(cfg.Index):
		return fmt.Errorf("index %q must be of a-z, 0-9, '.', '_' and '-', begin with a letter or a digit, and have at most 100 of them", cfg.Index)
	case cfg.Shards < 1 || cfg.Replicas < 0:
		return errors.New("shards must be at least 1 and replicas at least 0")
	case cfg.MaxRequestBytes < 1:
		return errors.New("max_request_bytes must be positive")
	}
	return nil
}
