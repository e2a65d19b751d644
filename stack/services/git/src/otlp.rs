//! Spans to a collector, by OTLP over HTTP. What can't be delivered is counted and forgotten: no request waits for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TracerProvider as _};
use opentelemetry::Context;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span as SdkSpan, SpanData, SpanExporter, SpanProcessor};
use opentelemetry_sdk::Resource;
use tokio::sync::mpsc;
use tracing::Span;
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::registry::LookupSpan;

use crate::metrics::Metrics;

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

/// Make a span the child of the caller's and write its ids where log lines find them; false when tracing is off.
pub fn adopt(span: &Span, headers: &HeaderMap) -> bool {
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
    let _ = span.set_parent(parent);
    let context = span.context();
    let ids = context.span().span_context().clone();
    if ids.is_valid() {
        span.record("trace_id", ids.trace_id().to_string());
        span.record("span_id", ids.span_id().to_string());
    }
    ids.is_valid()
}

/// Give a span that has begun another name; the bridge takes `otel.name` only before that.
pub fn rename(span: &Span, name: String) {
    span.context().span().update_name(name);
}

/// The layer that makes spans, and what delivers them.
pub fn layer<S>(metrics: &Arc<Metrics>) -> (Option<OpenTelemetryLayer<S, SdkTracer>>, Provider)
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    if var("OTEL_SDK_DISABLED").eq_ignore_ascii_case("true") {
        return (None, Provider(None));
    }
    let mut resource = Resource::builder();
    if var("OTEL_SERVICE_NAME").is_empty() && !var("OTEL_RESOURCE_ATTRIBUTES").contains("service.name=") {
        resource = resource.with_service_name("git");
    }
    // The sampler is read from OTEL_TRACES_SAMPLER by the SDK itself.
    let mut builder = SdkTracerProvider::builder().with_resource(resource.build());
    let asked = !var("OTEL_EXPORTER_OTLP_ENDPOINT").is_empty() || !var("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").is_empty();
    if asked && !var("OTEL_TRACES_EXPORTER").eq_ignore_ascii_case("none") {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new())
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .build();
        match exporter {
            Ok(exporter) => builder = builder.with_span_processor(Queue::start(exporter, metrics.clone())),
            Err(error) => eprintln!(
                "{{\"level\":\"error\",\"message\":\"spans can't be delivered\",\"error\":{:?}}}",
                error.to_string()
            ),
        }
    }
    let provider = builder.build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("engineroom-git"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    (Some(layer), Provider(Some(provider)))
}

/// Ends the delivery.
pub struct Provider(Option<SdkTracerProvider>);

impl Provider {
    /// Deliver what is queued.
    pub async fn finish(self) {
        if let Some(provider) = self.0 {
            let _ = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(Duration::from_secs(5))).await;
        }
    }
}

/// Plain HTTP, which is all that a collector beside the service needs.
#[derive(Debug)]
struct Client(
    hyper_util::client::legacy::Client<hyper_util::client::legacy::connect::HttpConnector, http_body_util::Full<Bytes>>,
);

impl Client {
    fn new() -> Self {
        let executor = hyper_util::rt::TokioExecutor::new();
        Self(hyper_util::client::legacy::Client::builder(executor).build_http())
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        use http_body_util::BodyExt;
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, http_body_util::Full::new(body));
        let response = tokio::time::timeout(Duration::from_secs(10), self.0.request(request)).await??;
        let (parts, body) = response.into_parts();
        let body = http_body_util::Limited::new(body, 1 << 20).collect().await?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

/// A bounded queue before the exporter. The SDK's own doesn't tell how many spans it had to drop.
#[derive(Debug)]
struct Queue {
    sender: Mutex<Option<mpsc::Sender<SpanData>>>,
    ended: Mutex<Option<std::sync::mpsc::Receiver<()>>>,
    metrics: Counters,
    resource: Arc<Mutex<Option<Resource>>>,
}

#[derive(Clone)]
struct Counters(Arc<Metrics>);

impl std::fmt::Debug for Counters {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Counters")
    }
}

impl Queue {
    fn start(mut exporter: impl SpanExporter + 'static, metrics: Arc<Metrics>) -> Self {
        let number = |name: &str, default: usize| {
            std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default).max(1)
        };
        let (size, batch) = (number("OTEL_BSP_MAX_QUEUE_SIZE", 2048), number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512));
        let delay = Duration::from_millis(number("OTEL_BSP_SCHEDULE_DELAY", 1000) as u64);
        let (sender, mut receiver) = mpsc::channel::<SpanData>(size);
        let (end, ended) = std::sync::mpsc::channel();
        let resource: Arc<Mutex<Option<Resource>>> = Arc::default();
        let counters = Counters(metrics);
        let (given, counted) = (resource.clone(), counters.clone());
        tokio::spawn(async move {
            let mut spans = Vec::with_capacity(batch);
            let mut open = true;
            while open {
                let until = tokio::time::Instant::now() + delay;
                while spans.len() < batch {
                    match tokio::time::timeout_at(until, receiver.recv_many(&mut spans, batch)).await {
                        Ok(0) => {
                            open = false;
                            break;
                        }
                        Ok(_) => {}
                        Err(_) => break,
                    }
                }
                if let Some(resource) = given.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    exporter.set_resource(&resource);
                }
                if spans.is_empty() {
                    continue;
                }
                let count = spans.len() as u64;
                match exporter.export(std::mem::take(&mut spans)).await {
                    Ok(()) => counted.0.spans_exported.inc_by(count),
                    Err(_) => counted.0.spans_dropped.inc_by(count),
                }
            }
            let _ = end.send(());
        });
        Self { sender: Mutex::new(Some(sender)), ended: Mutex::new(Some(ended)), metrics: counters, resource }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut SdkSpan, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if sender.as_ref().is_none_or(|sender| sender.try_send(span).is_err()) {
            self.metrics.0.spans_dropped.inc();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        match ended.map(|ended| ended.recv_timeout(timeout)) {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) => Err(OTelSdkError::Timeout(timeout)),
            None => Err(OTelSdkError::AlreadyShutdown),
        }
    }

    fn set_resource(&mut self, resource: &Resource) {
        *self.resource.lock().unwrap_or_else(PoisonError::into_inner) = Some(resource.clone());
    }
}
