//! What Prometheus reads. Labels are route templates, never paths, so the number of series is fixed.

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

/// All the service counts.
pub struct Metrics {
    registry: Registry,
    pub requests: HistogramVec,
    pub in_flight: IntGauge,
    pub connections: IntGauge,
    pub bytes: IntCounterVec,
    pub processes: IntGauge,
    pub git_seconds: HistogramVec,
    pub git_ends: IntCounterVec,
    pub refused: IntCounterVec,
    pub announcements: IntCounterVec,
    pub announce_seconds: Histogram,
    pub spool: IntGauge,
    pub spans_dropped: IntCounter,
    pub spans_exported: IntCounter,
}

const SECONDS: [f64; 14] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];

impl Metrics {
    /// Every metric at zero.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let made = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(made.clone()))?;
            Ok::<_, prometheus::Error>(made)
        };
        let counter = |name: &str, help: &str| {
            let made = IntCounter::new(name, help)?;
            registry.register(Box::new(made.clone()))?;
            Ok::<_, prometheus::Error>(made)
        };
        let gauge = |name: &str, help: &str| {
            let made = IntGauge::new(name, help)?;
            registry.register(Box::new(made.clone()))?;
            Ok::<_, prometheus::Error>(made)
        };
        let options = |name: &str, help: &str| HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        let histograms = |name: &str, help: &str, labels: &[&str]| {
            let made = HistogramVec::new(options(name, help), labels)?;
            registry.register(Box::new(made.clone()))?;
            Ok::<_, prometheus::Error>(made)
        };
        let announce_seconds =
            Histogram::with_opts(options("git_announce_duration_seconds", "Time to announce a push."))?;
        registry.register(Box::new(announce_seconds.clone()))?;
        Ok(Self {
            requests: histograms(
                "http_server_request_duration_seconds",
                "Time to the end of the answer.",
                &["http_request_method", "http_route", "http_response_status_code"],
            )?,
            in_flight: gauge("http_server_active_requests", "Requests whose answer has not ended.")?,
            connections: gauge("http_server_open_connections", "Connections of clients.")?,
            bytes: counters("git_transferred_bytes_total", "Bytes of git bodies.", &["service", "direction"])?,
            processes: gauge("git_processes", "Git processes that serve a clone, a fetch or a push.")?,
            git_seconds: histograms("git_service_duration_seconds", "Life of git processes.", &["service"])?,
            git_ends: counters("git_service_ends_total", "How git processes ended.", &["service", "outcome"])?,
            refused: counters("git_refused_total", "Requests that were not let in.", &["reason"])?,
            announcements: counters("git_announcements_total", "Tries to announce a push.", &["result"])?,
            announce_seconds,
            spool: gauge("git_spool_entries", "Pushes that are not announced yet.")?,
            spans_dropped: counter("otel_spans_dropped_total", "Spans that could not be queued or delivered.")?,
            spans_exported: counter("otel_spans_exported_total", "Spans that the collector took.")?,
            registry,
        })
    }

    /// Everything in the text format of Prometheus.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // The encoder fails only when its writer does, and a vector doesn't.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        text
    }
}
