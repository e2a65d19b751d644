//! What every request goes through: an id, a span, limits, the bearer token, one log line, and the counters.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{ready, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Query, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{header, HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::Router;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tracing::{Instrument, Span};

use crate::error::{ApiError, Cause};
use crate::names::{is_owner, RepoName};
use crate::smart::{self, Service};
use crate::state::App;
use crate::{browse, health, merge, repositories, telemetry};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const USER: HeaderName = HeaderName::from_static("x-engineroom-user");
const ACCESS: HeaderName = HeaderName::from_static("x-engineroom-access");
/// The routes that need no token: what looks at them has none.
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// All routes of the service.
pub fn router(app: App) -> Router {
    let one = "/internal/repositories/{owner}/{name}";
    let of = |rest: &str| format!("{one}/{rest}");
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/internal/repositories", post(repositories::create))
        .route(one, get(browse::summary).delete(repositories::delete))
        .route(&of("rename"), post(repositories::rename))
        .route(&of("default-branch"), put(repositories::set_default_branch))
        .route(&of("sync"), post(repositories::sync))
        .route(&of("refs"), get(browse::refs))
        .route(&of("commits"), get(browse::commits))
        .route(&of("tree"), get(browse::tree))
        .route(&of("blob"), get(browse::blob))
        .route(&of("compare"), get(browse::compare))
        .route(&of("pulls/{number}/merge"), post(merge::merge))
        .fallback(smart::serve)
        .method_not_allowed_fallback(|| async { wrong_method() })
        .layer(axum::middleware::from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

/// The method is not one that this route knows.
pub fn wrong_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "This route doesn't take this method")
}

/// What the caller says about a request.
#[derive(Clone, Debug, Default)]
pub struct Context {
    pub request_id: String,
    /// Who the caller says it is for.
    pub user: Option<String>,
    read_only: bool,
}

impl Context {
    /// The context that `observe` made.
    pub fn of(request: &Request) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_default()
    }

    /// Refuse a push when the caller has granted no more than reading.
    pub fn may(&self, service: Service) -> Result<(), ApiError> {
        if self.read_only && service == Service::ReceivePack {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "FORBIDDEN",
                "You may read this repository, not write it",
            ));
        }
        Ok(())
    }

    fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("\u{0}").to_owned());
        let plain = |id: &String| {
            (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
        };
        let user = text(&USER).filter(|user| !user.is_empty());
        if user.as_deref().is_some_and(|user| !is_owner(user)) {
            return Err(ApiError::bad_request("X-Engineroom-User is no user's name"));
        }
        let read_only = match text(&ACCESS).as_deref() {
            None | Some("write") => false,
            Some("read") => true,
            Some(_) => return Err(ApiError::bad_request("X-Engineroom-Access must be read or write")),
        };
        Ok(Self { request_id: text(&REQUEST_ID).filter(plain).unwrap_or_else(telemetry::new_id), user, read_only })
    }
}

/// The template of the route that was taken; the fallback learns it only by looking at the path.
#[derive(Clone, Default)]
pub struct Route(Arc<OnceLock<&'static str>>);

impl Route {
    /// Say which one it was.
    pub fn set(request: &Request, template: &'static str) {
        if let Some(route) = request.extensions().get::<Self>() {
            let _ = route.0.set(template);
        }
    }
}

async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    app.metrics.in_flight.inc();
    let route = Route::default();
    let matched = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = method_label(request.method().as_str());
    let context = Context::read(request.headers());
    let shown = context
        .as_ref()
        .map(Clone::clone)
        .unwrap_or_else(|_| Context { request_id: telemetry::new_id(), ..Context::default() });
    let span = telemetry::request_span(method, &shown.request_id, request.headers());
    request.extensions_mut().insert(shown.clone());
    request.extensions_mut().insert(route.clone());
    let answer = async {
        match admit(&app, &request, context.err()) {
            Err(error) => error.into_response(),
            Ok(()) if request.uri().path().starts_with("/internal/") => {
                let wait = tokio::time::timeout(app.config.queue, app.commands.clone().acquire_owned());
                match wait.await {
                    Ok(Ok(_permit)) => next.run(request).await,
                    _ => ApiError::unavailable("Too many questions at once", 5).into_response(),
                }
            }
            Ok(()) => next.run(request).await,
        }
    };
    let mut response = answer.instrument(span.clone()).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        response = in_envelope(response);
    }
    if let Ok(value) = HeaderValue::from_str(&shown.request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let route = matched.or_else(|| route.0.get().map(|&template| template.to_owned()));
    let done = Done {
        cause: response.extensions().get::<Cause>().map(|cause| cause.0.clone()),
        route: route.unwrap_or_else(|| "unmatched".to_owned()),
        status: response.status(),
        app,
        span,
        method,
        user: shown.user,
        started,
        bytes: 0,
        // A body without a byte is never asked for one.
        complete: http_body::Body::is_end_stream(response.body()),
    };
    response.map(|body| Body::new(Observed { body, done }))
}

/// A failure that the framework answered itself gets the envelope too.
fn in_envelope(response: Response) -> Response {
    let json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if json {
        return response;
    }
    let status = response.status();
    let code = match status {
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::METHOD_NOT_ALLOWED => "METHOD_NOT_ALLOWED",
        StatusCode::PAYLOAD_TOO_LARGE => "PAYLOAD_TOO_LARGE",
        status if status.is_server_error() => "INTERNAL_ERROR",
        _ => "BAD_REQUEST",
    };
    ApiError::new(status, code, status.canonical_reason().unwrap_or("This can't be done")).into_response()
}

fn admit(app: &App, request: &Request, wrong: Option<ApiError>) -> Result<(), ApiError> {
    let uri = request.uri();
    let length = uri.path_and_query().map_or(0, |text| text.as_str().len());
    if length > app.config.max_url_bytes {
        return Err(ApiError::new(StatusCode::URI_TOO_LONG, "URI_TOO_LONG", "The address is too long"));
    }
    let size: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size > app.config.max_header_bytes {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Err(ApiError::new(status, "HEADERS_TOO_LARGE", "The headers are too long"));
    }
    if OPEN.contains(&uri.path()) {
        return Ok(());
    }
    let given = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let given = given.and_then(|text| text.strip_prefix(b"Bearer ")).unwrap_or_default();
    // Of equal length whatever was sent, so that the time of comparing tells nothing.
    let same = Sha256::digest(given).ct_eq(&Sha256::digest(app.config.token.as_bytes()));
    if !bool::from(same) {
        app.metrics.refused.with_label_values(&["token"]).inc();
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "The service's token is needed"));
    }
    wrong.map_or(Ok(()), Err)
}

/// One of a fixed set, whatever a client calls it.
fn method_label(method: &str) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
    known.into_iter().find(|name| *name == method).unwrap_or("_OTHER")
}

/// Writes the one line about a request when its answer has ended, however that was.
struct Done {
    app: App,
    span: Span,
    method: &'static str,
    route: String,
    status: StatusCode,
    user: Option<String>,
    cause: Option<String>,
    started: Instant,
    bytes: u64,
    complete: bool,
}

impl Drop for Done {
    fn drop(&mut self) {
        let seconds = self.started.elapsed().as_secs_f64();
        let metrics = &self.app.metrics;
        metrics.in_flight.dec();
        metrics.requests.with_label_values(&[self.method, &self.route, self.status.as_str()]).observe(seconds);
        telemetry::end_request(&self.span, self.method, &self.route, self.status.as_u16(), self.complete);
        let _entered = self.span.enter();
        let (user, bytes, complete) = (self.user.as_deref(), self.bytes, self.complete);
        let cause = self.cause.as_deref();
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    http_request_method = self.method,
                    http_route = self.route.as_str(),
                    http_response_status_code = self.status.as_u16(),
                    duration_seconds = (seconds * 1e6).round() / 1e6,
                    bytes,
                    complete,
                    user,
                    cause,
                    "request"
                )
            };
        }
        if self.status.is_server_error() {
            line!(error);
        } else if OPEN.contains(&self.route.as_str()) {
            line!(debug);
        } else {
            line!(info);
        }
    }
}

/// A body that tells when it ends.
struct Observed {
    body: Body,
    done: Done,
}

impl http_body::Body for Observed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            None => self.done.complete = true,
            Some(Ok(frame)) => {
                self.done.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                // A body of known length is not asked again after its last byte.
                self.done.complete = http_body::Body::is_end_stream(&self.body);
            }
            Some(Err(error)) => {
                self.done.complete = false;
                self.done.cause.get_or_insert_with(|| crate::database::describe(error));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// The repository that a route of the internal interface names; `?wiki=true` means its wiki.
pub struct Repo(pub RepoName);

impl<S: Send + Sync> FromRequestParts<S> for Repo {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let names =
            RawPathParams::from_request_parts(parts, state).await.map_err(|_| ApiError::bad_name("repository"))?;
        let of = |key: &str| names.iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value);
        let repo = RepoName::new(of("owner"), of("name"))?;
        let wiki = parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "wiki=true"));
        Ok(Self(if wiki { repo.wiki() } else { repo }))
    }
}

/// The parameters after the `?`.
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(value)| Self(value))
            .map_err(|error| ApiError::bad_request("The parameters can't be understood").because(error.body_text()))
    }
}

/// A JSON body: of the right type, limited in length and in the time it takes.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.split(';').next().unwrap_or_default().trim() != "application/json" {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(ApiError::new(status, "UNSUPPORTED_MEDIA_TYPE", "The content type must be application/json"));
        }
        let read = Limited::new(request.into_body(), app.config.max_json_bytes).collect();
        let wait = app.config.idle.min(Duration::from_secs(30));
        let body = match tokio::time::timeout(wait, read).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", "The body is too long"));
            }
            Ok(Err(error)) => return Err(ApiError::bad_request("The body is cut off").because(error)),
            Err(_) => {
                return Err(ApiError::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "REQUEST_TIMEOUT",
                    "The request came too slowly",
                ));
            }
        };
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| ApiError::bad_request("The body is not the JSON that this route takes").because(error))
    }
}
