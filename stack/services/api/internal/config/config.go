// Package config reads the environment once, and refuses to start on a value it can't understand.
package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Config is everything that the service is told.
type Config struct {
	Listen       string
	PublicURL    string // where clients reach it; empty: what their Host header says
	Registration bool
	Grace        time.Duration
	LogLevel     string
	Proxies      []netip.Prefix // whose X-Forwarded-For is believed

	Database        *pgxpool.Config
	DatabaseTimeout time.Duration

	GitURL, GitToken       string
	SearchURL, SearchToken string

	RedisNodes    []string
	RedisPassword string
	Cache         time.Duration

	Objects *Objects // nil: no object storage

	Header, Body, GitIdle time.Duration
	MaxConnections        int
	MaxHeaderBytes        int
	MaxURLBytes           int
	MaxJSONBytes          int64
	MaxAttachmentBytes    int64
	SessionLife           time.Duration
	SignInFailures        int
	SignInWindow          time.Duration
	BcryptCost            int

	Telemetry Telemetry
}

// Objects is an S3 bucket.
type Objects struct {
	Endpoint, AccessKey, SecretKey, Bucket, Region string
	Secure                                         bool
}

// Telemetry is where spans go; the rest of OTEL_* is read by the SDK itself.
type Telemetry struct {
	Enabled   bool
	QueueSize int
	BatchSize int
	Delay     time.Duration
	Timeout   time.Duration
}

// Error is a variable that can't be understood.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

// reader collects the first mistake, so that reading stays a list of lines.
type reader struct {
	look func(string) (string, bool)
	err  error
}

func (r *reader) fail(format string, values ...any) {
	if r.err == nil {
		r.err = &Error{fmt.Sprintf(format, values...)}
	}
}

func (r *reader) text(name, otherwise string) string {
	if value, ok := r.look(name); ok && strings.TrimSpace(value) != "" {
		return strings.TrimSpace(value)
	}
	return otherwise
}

// secret reads X, or the file that X_FILE names.
func (r *reader) secret(name string) string {
	value, file := r.text(name, ""), r.text(name+"_FILE", "")
	if file == "" {
		return value
	}
	if value != "" {
		r.fail("set %s or %s_FILE, not both", name, name)
		return ""
	}
	content, err := os.ReadFile(file)
	if err != nil {
		r.fail("the file that %s_FILE names can't be read", name)
		return ""
	}
	return strings.TrimSpace(string(content))
}

func (r *reader) number(name string, otherwise, least, most int64) int64 {
	text := r.text(name, "")
	if text == "" {
		return otherwise
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || value < least || value > most {
		r.fail("%s must be a whole number from %d to %d, and is %q", name, least, most, text)
	}
	return value
}

func (r *reader) seconds(name string, otherwise, least, most float64) time.Duration {
	value := otherwise
	if text := r.text(name, ""); text != "" {
		parsed, err := strconv.ParseFloat(text, 64)
		if err != nil || !(parsed >= least && parsed <= most) {
			r.fail("%s must be a number of seconds from %g to %g, and is %q", name, least, most, text)
			return 0
		}
		value = parsed
	}
	return time.Duration(value * float64(time.Second))
}

func (r *reader) address(name string, needed bool) string {
	text := r.text(name, "")
	if text == "" {
		if needed {
			r.fail("%s must be set", name)
		}
		return ""
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.User != nil ||
		parsed.RawQuery != "" || parsed.Fragment != "" {
		r.fail("%s must be an address such as http://host:port, without a password", name)
		return ""
	}
	return strings.TrimRight(text, "/")
}

// Read takes the settings from a lookup such as os.LookupEnv.
func Read(look func(string) (string, bool)) (*Config, error) {
	r := &reader{look: look}
	host := r.text("API_HOST", "127.0.0.1")
	if strings.ContainsAny(host, "/ ") {
		r.fail("API_HOST must be a host or an address, and is %q", host)
	}
	c := &Config{
		Listen:             net.JoinHostPort(host, strconv.FormatInt(r.number("API_PORT", 8080, 0, 65535), 10)),
		PublicURL:          r.address("API_PUBLIC_URL", false),
		Grace:              r.seconds("API_GRACE_SECONDS", 30, 0, 86400),
		DatabaseTimeout:    r.seconds("API_DATABASE_SECONDS", 5, 0.05, 300),
		GitURL:             r.address("GIT_URL", true),
		GitToken:           r.secret("GIT_TOKEN"),
		SearchURL:          r.address("SEARCH_URL", false),
		SearchToken:        r.secret("SEARCH_TOKEN"),
		RedisPassword:      r.secret("REDIS_PASSWORD"),
		Cache:              r.seconds("API_CACHE_SECONDS", 5, 0, 60),
		Header:             r.seconds("API_HEADER_SECONDS", 10, 0.1, 600),
		Body:               r.seconds("API_BODY_SECONDS", 30, 0.1, 600),
		GitIdle:            r.seconds("API_IDLE_SECONDS", 120, 0.1, 86400),
		MaxConnections:     int(r.number("API_MAX_CONNECTIONS", 4096, 1, 1<<20)),
		MaxHeaderBytes:     int(r.number("API_MAX_HEADER_BYTES", 32<<10, 1<<10, 1<<20)),
		MaxURLBytes:        int(r.number("API_MAX_URL_BYTES", 4<<10, 256, 1<<20)),
		MaxJSONBytes:       r.number("API_MAX_JSON_BYTES", 1<<20, 1<<10, 1<<30),
		MaxAttachmentBytes: r.number("API_MAX_ATTACHMENT_BYTES", 2<<30, 1, 1<<40),
		SessionLife:        r.seconds("API_SESSION_SECONDS", 30*86400, 1, 10*365*86400),
		SignInFailures:     int(r.number("API_SIGN_IN_FAILURES", 10, 1, 1<<20)),
		SignInWindow:       r.seconds("API_SIGN_IN_WINDOW_SECONDS", 300, 1, 86400),
		BcryptCost:         int(r.number("API_BCRYPT_COST", 12, 4, 16)),
	}
	switch registration := r.text("API_REGISTRATION", "open"); registration {
	case "open", "closed":
		c.Registration = registration == "open"
	default:
		r.fail("API_REGISTRATION must be open or closed, and is %q", registration)
	}
	switch c.LogLevel = r.text("API_LOG_LEVEL", "info"); c.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		r.fail("API_LOG_LEVEL must be debug, info, warn or error, and is %q", c.LogLevel)
	}
	if c.GitToken == "" {
		r.fail("GIT_TOKEN (or GIT_TOKEN_FILE) must be set")
	}
	if c.SearchURL != "" && c.SearchToken == "" {
		r.fail("SEARCH_TOKEN (or SEARCH_TOKEN_FILE) must be set with SEARCH_URL")
	}
	for _, text := range list(r.text("API_TRUSTED_PROXIES", "")) {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			r.fail("API_TRUSTED_PROXIES must be networks such as 10.0.0.0/8, and holds %q", text)
		}
		c.Proxies = append(c.Proxies, prefix)
	}
	for _, node := range list(r.text("REDIS_NODES", "")) {
		if nodeHost, port, err := net.SplitHostPort(node); err != nil || nodeHost == "" || !isPort(port) {
			r.fail("REDIS_NODES must be host:port,host:port, and holds %q", node)
		}
		c.RedisNodes = append(c.RedisNodes, node)
	}
	r.database(c)
	r.objects(c)
	r.telemetry(c)
	return c, r.err
}

func (r *reader) database(c *Config) {
	conninfo := r.secret("DATABASE_URL")
	if conninfo == "" {
		r.fail("DATABASE_URL (or DATABASE_URL_FILE) must be set")
		return
	}
	database, err := pgxpool.ParseConfig(conninfo)
	if err != nil {
		// The driver's words may repeat the password.
		r.fail("DATABASE_URL can't be understood; write postgresql://user:password@host:port/forge or a libpq string")
		return
	}
	database.MaxConns = int32(r.number("API_DATABASE_POOL", 16, 1, 1000))
	c.Database = database
}

func (r *reader) objects(c *Config) {
	endpoint := r.address("S3_ENDPOINT", false)
	access, secret, bucket := r.secret("S3_ACCESS_KEY"), r.secret("S3_SECRET_KEY"), r.text("S3_BUCKET", "")
	if endpoint == "" {
		return
	}
	if access == "" || secret == "" || bucket == "" {
		r.fail("S3_ACCESS_KEY, S3_SECRET_KEY and S3_BUCKET must be set with S3_ENDPOINT")
		return
	}
	parsed, err := url.Parse(endpoint)
	if err != nil || (parsed.Path != "" && parsed.Path != "/") {
		r.fail("S3_ENDPOINT must be an address without a path")
		return
	}
	c.Objects = &Objects{
		Endpoint: parsed.Host, Secure: parsed.Scheme == "https", AccessKey: access, SecretKey: secret, Bucket: bucket,
		Region: r.text("S3_REGION", "us-east-1"),
	}
}

func (r *reader) telemetry(c *Config) {
	endpoint := r.address("OTEL_EXPORTER_OTLP_ENDPOINT", false)
	traces := r.address("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", false)
	disabled := strings.EqualFold(r.text("OTEL_SDK_DISABLED", "false"), "true")
	exporter := r.text("OTEL_TRACES_EXPORTER", "otlp")
	if exporter != "otlp" && exporter != "none" {
		r.fail("OTEL_TRACES_EXPORTER must be otlp or none, and is %q", exporter)
	}
	milliseconds := func(name string, otherwise int64) time.Duration {
		return time.Duration(r.number(name, otherwise, 1, 3_600_000)) * time.Millisecond
	}
	c.Telemetry = Telemetry{
		Enabled:   (endpoint != "" || traces != "") && !disabled && exporter == "otlp",
		QueueSize: int(r.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048, 1, 1<<20)),
		BatchSize: int(r.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, 1, 1<<20)),
		Delay:     milliseconds("OTEL_BSP_SCHEDULE_DELAY", 5000),
		Timeout:   milliseconds("OTEL_BSP_EXPORT_TIMEOUT", 30000),
	}
	switch sampler := r.text("OTEL_TRACES_SAMPLER", "parentbased_always_on"); sampler {
	case "always_on", "always_off", "parentbased_always_on", "parentbased_always_off":
	case "traceidratio", "parentbased_traceidratio":
		ratio, err := strconv.ParseFloat(r.text("OTEL_TRACES_SAMPLER_ARG", "1"), 64)
		if err != nil || !(ratio >= 0 && ratio <= 1) {
			r.fail("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1")
		}
	default:
		r.fail("OTEL_TRACES_SAMPLER is %q, which is no sampler", sampler)
	}
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}

func list(text string) []string {
	var items []string
	for _, item := range strings.Split(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
