//! Logs as JSON lines that carry the trace, and spans by OTLP where the environment asks for it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tracing::field::{Empty, Field, Visit};
use tracing::{Event, Span, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// An id that no other request has: 128 bits in hexadecimal.
#[must_use]
pub fn new_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let text = format!("{now}/{}/{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    crate::refs::hex(&Sha256::digest(text)[..16])
}

/// The span of one request, a child of the caller's.
pub fn request_span(method: &str, request_id: &str, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        "request",
        otel.name = method,
        otel.kind = "server",
        http.request.method = method,
        http.route = Empty,
        http.response.status_code = Empty,
        otel.status_code = Empty,
        request_id,
        trace_id = Empty,
        span_id = Empty
    );
    #[cfg(feature = "otlp")]
    if crate::otlp::adopt(&span, headers) {
        return span;
    }
    if let Some((trace, _)) = headers.get("traceparent").and_then(|text| parent(text.to_str().ok()?)) {
        span.record("trace_id", trace);
    }
    span
}

/// Fill in what is known only at the end.
pub fn end_request(span: &Span, method: &str, route: &str, status: u16, complete: bool) {
    #[cfg(feature = "otlp")]
    crate::otlp::rename(span, format!("{method} {route}"));
    #[cfg(not(feature = "otlp"))]
    let _ = method;
    span.record("http.route", route);
    span.record("http.response.status_code", status);
    if status >= 500 || !complete {
        span.record("otel.status_code", "ERROR");
    }
}

/// Trace and span of a `traceparent` header (W3C Trace Context, version 00); `None` when it is malformed.
fn parent(text: &str) -> Option<(&str, &str)> {
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let parts: Vec<&str> = text.split('-').collect();
    let ["00", trace, span, flags] = parts.as_slice() else { return None };
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    (hex(trace, 32) && hex(span, 16) && hex(flags, 2) && !zero(trace) && !zero(span)).then_some((*trace, *span))
}

/// Start logging; `RUST_LOG` chooses what.
pub fn start(metrics: &std::sync::Arc<crate::metrics::Metrics>) -> Guard {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().fmt_fields(JsonFields::new()).event_format(Lines).with_filter(filter);
    let registry = tracing_subscriber::registry().with(lines);
    #[cfg(feature = "otlp")]
    {
        let (layer, provider) = crate::otlp::layer(metrics);
        let _ = registry.with(layer).try_init();
        Guard { provider }
    }
    #[cfg(not(feature = "otlp"))]
    {
        let _ = (metrics, registry.try_init());
        Guard {}
    }
}

/// Delivers the last spans.
pub struct Guard {
    #[cfg(feature = "otlp")]
    provider: crate::otlp::Provider,
}

impl Guard {
    /// Hand over what is queued; bounded in time.
    pub async fn finish(self) {
        #[cfg(feature = "otlp")]
        self.provider.finish().await;
    }
}

/// One line for each event: what it says, with the fields of the spans around it.
struct Lines;

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

/// Fields of spans that a log line needs; the others are in the trace.
const FROM_SPANS: [&str; 3] = ["request_id", "trace_id", "span_id"];

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, JsonFields> for Lines {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = Map::new();
        line.insert("timestamp".into(), timestamp(SystemTime::now()).into());
        line.insert("level".into(), event.metadata().level().as_str().to_ascii_lowercase().into());
        line.insert("service".into(), "git".into());
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let Some(known) = extensions.get::<FormattedFields<JsonFields>>() else { continue };
            if let Ok(Value::Object(known)) = serde_json::from_str::<Value>(known.fields.as_str()) {
                line.extend(known.into_iter().filter(|(name, _)| FROM_SPANS.contains(&name.as_str())));
            }
        }
        line.extend(fields.0);
        writeln!(out, "{}", Value::Object(line))
    }
}

/// RFC 3339 in UTC with microseconds; the days are turned into a date by Howard Hinnant's `civil_from_days`.
fn timestamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, micros) = (since.as_secs(), since.subsec_micros());
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_dates_in_utc() {
        let at = |seconds| timestamp(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(at(951_827_696), "2000-02-29T12:34:56.000000Z");
        assert_eq!(at(1_767_225_599), "2025-12-31T23:59:59.000000Z");
    }

    #[test]
    fn malformed_parents_are_no_parents() {
        let good = format!("00-{}-{}-01", "a".repeat(32), "b".repeat(16));
        assert!(parent(&good).is_some());
        for bad in
            ["", "00", "00-xyz-abc-01", &good.to_uppercase(), &format!("00-{}-{}-01", "0".repeat(32), "b".repeat(16))]
        {
            assert!(parent(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn ids_differ() {
        assert_ne!(new_id(), new_id());
        assert_eq!(new_id().len(), 32);
    }
}
