// Package metrics holds what the service counts, under the names of OpenTelemetry's semantic conventions.
package metrics

import (
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

var buckets = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// Metrics is everything that is counted. Every label has a small, fixed set of values.
type Metrics struct {
	Registry *prometheus.Registry

	requests  *prometheus.HistogramVec
	Active    prometheus.Gauge
	outgoing  *prometheus.HistogramVec
	database  *prometheus.HistogramVec
	Exported  prometheus.Counter
	Dropped   prometheus.Counter
	signIns   *prometheus.CounterVec
	denied    *prometheus.CounterVec
	cache     *prometheus.CounterVec
	Limited   prometheus.Counter
	streamed  *prometheus.CounterVec
	poolStats func() *pgxpool.Stat
}

// New makes them, all at zero.
func New() *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_server_request_duration_seconds", Help: "Requests served, by route template.", Buckets: buckets,
		}, []string{"http_request_method", "http_route", "http_response_status_code"}),
		Active: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "http_server_active_requests", Help: "Requests being served.",
		}),
		outgoing: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_client_request_duration_seconds", Help: "Requests to other services, until their answer ended.",
			Buckets: buckets,
		}, []string{"http_request_method", "http_response_status_code", "server_service"}),
		database: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "db_client_operation_duration_seconds", Help: "Statements sent to the database.", Buckets: buckets,
		}, []string{"db_system_name", "db_operation_name"}),
		Exported: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "otel_spans_exported_total", Help: "Spans that the collector took.",
		}),
		Dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "otel_spans_dropped_total", Help: "Spans that were given up.",
		}),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "api_sign_ins_total", Help: "Attempts to sign in with a password.",
		}, []string{"result"}),
		denied: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "api_denied_total", Help: "Requests that were refused for want of a caller or of a permission.",
		}, []string{"reason"}),
		cache: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cache_operations_total", Help: "Questions to the cache.",
		}, []string{"operation", "result"}),
		Limited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "api_rate_limited_total", Help: "Attempts refused because there were too many.",
		}),
		streamed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "api_git_transferred_bytes_total", Help: "Bytes of git's protocol handed on, as they were on the wire.",
		}, []string{"direction"}),
	}
	m.Registry.MustRegister(
		m.requests, m.Active, m.outgoing, m.database, m.Exported, m.Dropped, m.signIns, m.denied, m.cache, m.Limited,
		m.streamed, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	for _, result := range []string{"success", "refused", "unavailable"} {
		m.signIns.WithLabelValues(result)
	}
	for _, reason := range []string{"unauthorized", "forbidden"} {
		m.denied.WithLabelValues(reason)
	}
	return m
}

// Method is one of a fixed set, whatever a client calls it.
func Method(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return method
	}
	return "_OTHER"
}

// Request counts a served request.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(Method(method), route, strconv.Itoa(status)).Observe(took.Seconds())
}

// Outgoing counts a request to another service; status 0: there was no answer.
func (m *Metrics) Outgoing(method string, status int, service string, took time.Duration) {
	code := ""
	if status > 0 {
		code = strconv.Itoa(status)
	}
	m.outgoing.WithLabelValues(Method(method), code, service).Observe(took.Seconds())
}

// Statement counts a statement.
func (m *Metrics) Statement(operation string, took time.Duration) {
	m.database.WithLabelValues("postgresql", operation).Observe(took.Seconds())
}

// SignIn counts an attempt: success, refused or unavailable.
func (m *Metrics) SignIn(result string) { m.signIns.WithLabelValues(result).Inc() }

// Denied counts a refusal: unauthorized or forbidden.
func (m *Metrics) Denied(reason string) { m.denied.WithLabelValues(reason).Inc() }

// Cache counts a question to the cache: hit, miss or error.
func (m *Metrics) Cache(operation, result string) { m.cache.WithLabelValues(operation, result).Inc() }

// Streamed counts bytes of git's protocol: received (from the client) or sent.
func (m *Metrics) Streamed(direction string, bytes int64) {
	m.streamed.WithLabelValues(direction).Add(float64(bytes))
}

// Pool lets the connections of a pool be seen.
func (m *Metrics) Pool(pool *pgxpool.Pool) {
	m.poolStats = pool.Stat
	m.Registry.MustRegister(&poolCollector{m})
}

type poolCollector struct{ m *Metrics }

var (
	connectionCount = prometheus.NewDesc("db_client_connection_count", "Connections to the database.",
		[]string{"db_client_connection_state"}, nil)
	connectionMax = prometheus.NewDesc("db_client_connection_max", "The most connections there may be.", nil, nil)
)

func (p *poolCollector) Describe(out chan<- *prometheus.Desc) {
	out <- connectionCount
	out <- connectionMax
}

func (p *poolCollector) Collect(out chan<- prometheus.Metric) {
	stat := p.m.poolStats()
	gauge := func(desc *prometheus.Desc, value int32, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), labels...)
	}
	gauge(connectionCount, stat.IdleConns(), "idle")
	gauge(connectionCount, stat.AcquiredConns(), "used")
	gauge(connectionMax, stat.MaxConns())
}
