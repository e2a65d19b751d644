//! Smart HTTP: a request becomes one git process, streamed both ways.
//!
//! The process belongs to a session, a task of its own, not to the answer: a client that leaves ends a fetch, but a
//! push whose body has arrived is brought to its end and announced. Nothing is buffered but one chunk each way.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_compression::tokio::bufread::GzipDecoder;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{header, HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, OwnedRwLockReadGuard, OwnedSemaphorePermit};
use tokio_util::io::StreamReader;
use tracing::Instrument;

use crate::announce::Announced;
use crate::error::ApiError;
use crate::git::{self, Group};
use crate::names::RepoName;
use crate::refs::Refs;
use crate::repositories;
use crate::spool::{self, Entry};
use crate::state::App;
use crate::web::{Context, Route};

/// As much as is read from git or a client at once.
const CHUNK: usize = 128 * 1024;
/// Size of the pipes to and from git: as much as Linux gives to anybody (pipe(7)).
const PIPE: usize = 1 << 20;
/// How long and how much of a body that git no longer wants is read, so that its client reads the answer.
const LINGER: (Duration, u64) = (Duration::from_secs(5), 256 << 20);

/// How long git may take to clean up after a body that was cut.
const ALONE: Duration = Duration::from_secs(5);

/// The two services of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    UploadPack,
    ReceivePack,
}

impl Service {
    /// The name after `git-`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "upload-pack",
            Self::ReceivePack => "receive-pack",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "git-upload-pack" => Some(Self::UploadPack),
            "git-receive-pack" => Some(Self::ReceivePack),
            _ => None,
        }
    }
}

/// What a path of the public interface asks for.
enum Asked {
    Advertise,
    Call(Service),
}

/// Everything that no other route takes: git's own paths, or nothing.
///
/// The path is taken apart as it arrived. Names hold nothing that needs an escape, so a `%` is refused, not decoded.
pub async fn serve(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    let path = request.uri().path().to_owned();
    let endings = [
        ("/info/refs", "/{owner}/{repository}.git/info/refs", Asked::Advertise),
        ("/git-upload-pack", "/{owner}/{repository}.git/git-upload-pack", Asked::Call(Service::UploadPack)),
        ("/git-receive-pack", "/{owner}/{repository}.git/git-receive-pack", Asked::Call(Service::ReceivePack)),
    ];
    for (ending, template, asked) in endings {
        let Some(rest) = path.strip_suffix(ending) else { continue };
        Route::set(&request, template);
        let mut parts = rest.strip_prefix('/').unwrap_or(rest).splitn(2, '/');
        let (owner, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let repo = RepoName::from_folder(owner, folder)?;
        let expected = if matches!(asked, Asked::Advertise) { Method::GET } else { Method::POST };
        if *request.method() != expected {
            return Err(crate::web::wrong_method());
        }
        return match asked {
            Asked::Advertise => advertise(&app, &repo, &request.into_parts().0).await,
            Asked::Call(service) => call(&app, &repo, service, request).await,
        };
    }
    if path.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) && path != "/" {
        return Err(ApiError::bad_name("repository"));
    }
    Err(ApiError::not_found("There is nothing here"))
}

async fn advertise(app: &App, repo: &RepoName, request: &Parts) -> Result<Response, ApiError> {
    let query = request.uri.query().unwrap_or_default();
    let service = query.split('&').find_map(|pair| pair.strip_prefix("service=")).and_then(Service::parse);
    let service = service.ok_or_else(|| ApiError::bad_request("Only git's smart protocol is spoken here"))?;
    let context = request.extensions.get::<Context>().cloned().unwrap_or_default();
    context.may(service)?;
    let held = app.locks.shared(repo, app.config.queue).await?;
    let dir = repo.path(&app.config.root);
    if service == Service::ReceivePack && repo.wiki && !repositories::present(&dir).await {
        repositories::create_wiki(app, repo).await?; // a wiki begins with its first push
    }
    let permit = permit(app).await?;
    let protocol = protocol(&request.headers);
    let mut start = Bytes::new();
    if service == Service::ReceivePack || !protocol.as_deref().is_some_and(|p| p.split(':').any(|v| v == "version=2")) {
        let line = format!("# service=git-{}\n", service.name());
        start = Bytes::from(format!("{:04x}{line}0000", line.len() + 4));
    }
    let arguments = ["--stateless-rpc", "--http-backend-info-refs"];
    let session =
        Session::start(app, repo, &dir, service, &arguments, protocol.as_deref(), None, (permit, held)).await?;
    answer(session, None, &format!("application/x-git-{}-advertisement", service.name()), start).await
}

async fn call(app: &App, repo: &RepoName, service: Service, request: Request) -> Result<Response, ApiError> {
    let expected = format!("application/x-git-{}-request", service.name());
    if request.headers().get(header::CONTENT_TYPE).is_none_or(|given| given.as_bytes() != expected.as_bytes()) {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            format!("The content type must be {expected}"),
        ));
    }
    let gzip = match request.headers().get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => false,
        Some(b"gzip" | b"x-gzip") => true,
        Some(_) => {
            let message = "Only gzip is taken as content encoding";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message));
        }
    };
    let context = Context::of(&request);
    context.may(service)?;
    let held = app.locks.shared(repo, app.config.queue).await?;
    let permit = permit(app).await?;
    let dir = repo.path(&app.config.root);
    let protocol = protocol(request.headers());
    let push = match service {
        Service::UploadPack => None,
        Service::ReceivePack => {
            if !repositories::present(&dir).await {
                return Err(ApiError::no_repository());
            }
            let before = Refs::read(&app.config, &dir).await?.digest();
            let entry = app
                .spool
                .begin(repo, before, &context.request_id)
                .map_err(|error| ApiError::unavailable("Pushes can't be written down now", 10).because(error))?;
            Some(entry)
        }
    };
    let arguments = ["--stateless-rpc"];
    let started =
        Session::start(app, repo, &dir, service, &arguments, protocol.as_deref(), push.clone(), (permit, held)).await;
    let session = match started {
        Ok(session) => session,
        Err(error) => {
            if let Some(entry) = &push {
                app.spool.done(entry);
            }
            return Err(error);
        }
    };
    let body = request.into_body().into_data_stream().map_err(std::io::Error::other);
    let reader = StreamReader::new(body.boxed());
    let input: Box<dyn AsyncRead + Send + Unpin> =
        if gzip { Box::new(GzipDecoder::new(reader)) } else { Box::new(reader) };
    answer(session, Some(input), &format!("application/x-git-{}-result", service.name()), Bytes::new()).await
}

async fn permit(app: &App) -> Result<OwnedSemaphorePermit, ApiError> {
    let wait = app.streams.clone().acquire_owned();
    match tokio::time::timeout(app.config.queue, wait).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => {
            app.metrics.refused.with_label_values(&["busy"]).inc();
            Err(ApiError::unavailable("Too many clones and pushes run now", 5).because("no free git process in time"))
        }
    }
}

/// The protocol a client asks for, if it is one that git could know.
fn protocol(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("git-protocol")?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"=:.-_".contains(&byte);
    (text.len() <= 256 && text.bytes().all(plain)).then(|| text.to_owned())
}

/// Begin the answer when git has said something, so that an early failure has a status of its own.
async fn answer(
    session: Session,
    input: Option<Box<dyn AsyncRead + Send + Unpin>>,
    content_type: &str,
    start: Bytes,
) -> Result<Response, ApiError> {
    let (sender, mut receiver) = mpsc::channel::<Result<Bytes, ApiError>>(2);
    let app = session.app.clone();
    app.sessions.spawn(session.run(input, sender).in_current_span());
    let first = match receiver.recv().await {
        Some(Ok(chunk)) => Some(chunk),
        Some(Err(error)) => return Err(error),
        None => None,
    };
    let begin =
        futures_util::stream::iter([Some(start), first].into_iter().flatten().filter(|chunk| !chunk.is_empty()));
    let rest = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (chunk.map_err(broken), receiver))
    });
    let body = Body::from_stream(begin.map(Ok::<_, std::io::Error>).chain(rest));
    Response::builder()
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CACHE_CONTROL, "no-cache, max-age=0, must-revalidate")
        .header(header::PRAGMA, "no-cache")
        .header(header::EXPIRES, "Fri, 01 Jan 1980 00:00:00 GMT")
        .body(body)
        .map_err(ApiError::internal)
}

fn broken(error: ApiError) -> std::io::Error {
    std::io::Error::other(error.cause.unwrap_or(error.message))
}

/// How long a client let us wait, and for how much.
#[derive(Default)]
struct Pace {
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// Whether a client is so slow that its place is given to another.
    fn add(&mut self, waited: Duration, bytes: usize, idle: Duration, rate: u64) -> bool {
        self.waited += waited;
        self.bytes += bytes as u64;
        self.waited > idle && self.bytes < rate.saturating_mul(self.waited.as_secs())
    }
}

/// How the request's body ended.
#[derive(Debug)]
enum Input {
    Complete,
    /// The body is cut, too slow, too long or no gzip.
    Refused(ApiError),
}

/// How git's output ended.
enum Output {
    Complete,
    ClientGone,
    ClientSlow,
}

/// One git process and what it holds.
struct Session {
    app: App,
    repo: RepoName,
    service: Service,
    child: Child,
    group: Group,
    push: Option<Entry>,
    started: Instant,
    _held: (OwnedSemaphorePermit, OwnedRwLockReadGuard<()>),
}

impl Drop for Session {
    fn drop(&mut self) {
        self.app.metrics.processes.dec();
        if let Some(entry) = &self.push {
            self.app.spool.release(&entry.id);
        }
    }
}

impl Session {
    #[allow(clippy::too_many_arguments)]
    async fn start(
        app: &App,
        repo: &RepoName,
        dir: &Path,
        service: Service,
        arguments: &[&str],
        protocol: Option<&str>,
        push: Option<Entry>,
        held: (OwnedSemaphorePermit, OwnedRwLockReadGuard<()>),
    ) -> Result<Self, ApiError> {
        if !repositories::present(dir).await {
            return Err(ApiError::no_repository());
        }
        let limit = app.config.max_push_bytes.to_string();
        let settings = [
            ("receive.hideRefs", "refs/pull"), // ours to write; a push names them in vain
            ("receive.autogc", "false"),
            ("receive.maxInputSize", limit.as_str()),
            ("receive.fsckObjects", if app.config.fsck { "true" } else { "false" }),
            ("uploadpack.allowFilter", "true"),
        ];
        let mut command = git::command(&app.config, &settings);
        command.arg(service.name()).args(arguments).arg(dir);
        command.stdin(std::process::Stdio::piped());
        if let Some(protocol) = protocol {
            command.env("GIT_PROTOCOL", protocol);
        }
        if let Some(entry) = &push {
            command.env("ENGINEROOM_PUSH", app.spool.refs_file(entry));
        }
        let child = command.spawn().map_err(|error| ApiError::internal(format!("git can't be run: {error}")))?;
        let group = Group::of(&child);
        // Fewer turns between git and us; where the kernel's limit is lower, the pipes stay as they are.
        if let (Some(input), Some(output)) = (&child.stdin, &child.stdout) {
            let _ = rustix::pipe::fcntl_setpipe_size(input, PIPE);
            let _ = rustix::pipe::fcntl_setpipe_size(output, PIPE);
        }
        app.metrics.processes.inc();
        Ok(Self {
            app: app.clone(),
            repo: repo.clone(),
            service,
            child,
            group,
            push,
            started: Instant::now(),
            _held: held,
        })
    }

    async fn run(
        mut self,
        input: Option<Box<dyn AsyncRead + Send + Unpin>>,
        sender: mpsc::Sender<Result<Bytes, ApiError>>,
    ) {
        let span = tracing::info_span!(
            "git",
            otel.name = format!("git {}", self.service.name()),
            otel.kind = "internal",
            git.service = self.service.name(),
            process.exit.code = tracing::field::Empty
        );
        let failure = self.drive(input, &sender).instrument(span).await;
        if let Some(error) = failure {
            let _ = sender.send(Err(error)).await;
        }
    }

    /// Stream until git has ended and, after a push, its event is written; what the client is to be told.
    async fn drive(
        &mut self,
        input: Option<Box<dyn AsyncRead + Send + Unpin>>,
        sender: &mpsc::Sender<Result<Bytes, ApiError>>,
    ) -> Option<ApiError> {
        let (stdin, stdout, stderr) = (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Some(ApiError::internal("git has no pipes"));
        };
        let errors = tokio::spawn(git::read_some(stderr, 4096));
        let (app, service, push) = (self.app.clone(), self.service, self.push.is_some());
        let (begun, reported, mute) = (AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false));
        let (refused, gone, code) = {
            let feeding = feed(&app, service, input, stdin);
            let emptying = empty(&app, service, stdout, sender, push, &begun, &reported, &mute);
            tokio::pin!(feeding, emptying);
            let (mut refused, mut gone, mut stopped) = (None, None, None);
            let mut fed_at = None;
            let mut feeding_ended = false;
            loop {
                let patience =
                    fed_at.map_or(Duration::MAX, |at: Instant| app.config.push_timeout.saturating_sub(at.elapsed()));
                tokio::select! {
                    end = &mut feeding, if !feeding_ended => {
                        feeding_ended = true;
                        match end {
                            Input::Complete => fed_at = push.then(Instant::now),
                            Input::Refused(error) => { refused = Some(error); break }
                        }
                    }
                    end = &mut emptying => {
                        match end {
                            Output::Complete => {}
                            Output::ClientGone => gone = Some("client_gone"),
                            Output::ClientSlow => gone = Some("client_slow"),
                        }
                        break;
                    }
                    () = sender.closed(), if !push => { gone = Some("client_gone"); break }
                    // A push that is still being read is stopped there, by the end of its input.
                    () = app.stopping.cancelled(), if feeding_ended || !push => { stopped = Some("shutdown"); break }
                    () = tokio::time::sleep(patience), if fed_at.is_some() => { stopped = Some("too_long"); break }
                }
            }
            let gone = gone.or(stopped);
            if refused.is_some() {
                mute.store(true, Ordering::Relaxed); // the client is told by the status
                                                     // Its input has ended early: git cleans up by itself, better than when it is told to go.
                let _ = tokio::time::timeout(ALONE, async { tokio::join!(self.child.wait(), &mut emptying) }).await;
            }
            let code = if refused.is_some() || gone.is_some() {
                git::stop(&mut self.child, &mut self.group).await
            } else {
                match tokio::time::timeout(app.config.push_timeout, self.child.wait()).await {
                    Ok(status) => status.ok().and_then(|status| status.code()),
                    Err(_) => git::stop(&mut self.child, &mut self.group).await,
                }
            };
            if refused.is_none() && gone.is_none() && !feeding_ended {
                // Git has answered without reading all. The client still writes, and would not see the answer.
                let _ = tokio::time::timeout(LINGER.0, &mut feeding).await;
            }
            (refused, gone, code)
        };
        self.group.ended();
        let stderr = match tokio::time::timeout(Duration::from_secs(2), errors).await {
            Ok(Ok(text)) => git::clip(&text),
            _ => String::new(),
        };
        tracing::Span::current().record("process.exit.code", code.unwrap_or(-1));
        if let Some(entry) = self.push.take() {
            self.announce(&entry).await;
        }
        let outcome = match (&refused, gone, code) {
            (Some(_), ..) => "refused",
            (None, Some(why), _) => why,
            (None, None, Some(0)) => "success",
            _ => "failed",
        };
        let labels = [self.service.name()];
        self.app.metrics.git_ends.with_label_values(&[labels[0], outcome]).inc();
        self.app.metrics.git_seconds.with_label_values(&labels).observe(self.started.elapsed().as_secs_f64());
        if outcome != "success" {
            tracing::warn!(repository = %self.repo, service = self.service.name(), outcome, exit_code = code, stderr,
                begun = begun.load(Ordering::Relaxed), "git did not end well");
        }
        match (refused, gone, code) {
            (Some(error), ..) => Some(error),
            (None, Some("shutdown"), _) => Some(ApiError::unavailable("The service is stopping", 5)),
            (None, Some(why), _) => Some(ApiError::internal(why)),
            (None, None, Some(0)) => None,
            // Git has told the client itself, in the protocol: an answer that is whole.
            _ if reported.load(Ordering::Relaxed) => None,
            (None, None, code) => Some(failed(code, &stderr)),
        }
    }

    /// Write the event of a push now if that is quick, else leave it to the spool's worker.
    async fn announce(&self, entry: &Entry) {
        let timer = self.app.metrics.announce_seconds.start_timer();
        let span = tracing::info_span!("announce", otel.kind = "client", db.system.name = "postgresql");
        let work = async {
            spool::flush(&self.app, &self.repo).await?;
            spool::settle(&self.app, entry).await
        };
        let done = tokio::time::timeout(self.app.config.announce_timeout, work.instrument(span)).await;
        timer.observe_duration();
        if !matches!(done, Ok(Ok(what)) if what != Announced::Later) {
            self.app.spool.release(&entry.id);
        }
    }
}

/// What git's failure is to a client that has seen nothing of the answer.
fn failed(code: Option<i32>, stderr: &str) -> ApiError {
    let cause = format!("git ended with {code:?}: {stderr}");
    let clients = [
        "protocol error",
        "bad line length",
        "unexpected",
        "expected",
        "early EOF",
        "hung up",
        "bad pack",
        "not our ref",
    ];
    if clients.iter().any(|words| stderr.contains(words)) {
        return ApiError::bad_request("Git can't understand this request").because(cause);
    }
    ApiError::internal(cause)
}

/// Write the request's body to git.
async fn feed(
    app: &App,
    service: Service,
    input: Option<Box<dyn AsyncRead + Send + Unpin>>,
    stdin: ChildStdin,
) -> Input {
    let Some(mut input) = input else { return Input::Complete };
    let mut pipe = Some(stdin);
    let (idle, rate) = (app.config.idle, app.config.min_rate);
    let counter = app.metrics.bytes.with_label_values(&[service.name(), "in"]);
    let limit = if service == Service::UploadPack { app.config.max_fetch_request_bytes } else { u64::MAX };
    let mut pace = Pace::default();
    let mut lingered = 0_u64;
    let mut buffer = BytesMut::with_capacity(CHUNK);
    loop {
        buffer.clear();
        buffer.reserve(CHUNK);
        let asked = Instant::now();
        let read = tokio::select! {
            read = tokio::time::timeout(idle, input.read_buf(&mut buffer)) => read,
            () = app.stopping.cancelled() => {
                return Input::Refused(ApiError::unavailable("The service is stopping", 5));
            }
        };
        let count = match read {
            Ok(Ok(count)) => count,
            Ok(Err(error)) => {
                return Input::Refused(ApiError::bad_request("The body of the request is damaged").because(error))
            }
            Err(_) => return Input::Refused(too_slow()),
        };
        if count == 0 {
            break;
        }
        counter.inc_by(count as u64);
        if pace.add(asked.elapsed(), count, idle, rate) {
            return Input::Refused(too_slow());
        }
        if pace.bytes > limit {
            let message = "The request is too long";
            return Input::Refused(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message));
        }
        match pipe.as_mut() {
            Some(open) => {
                if open.write_all(&buffer).await.is_err() {
                    pipe = None; // git wants no more; its answer says why
                }
            }
            None => {
                lingered += count as u64;
                if lingered > LINGER.1 {
                    break;
                }
            }
        }
    }
    Input::Complete
}

fn too_slow() -> ApiError {
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "The request came too slowly").because("slow client")
}

/// Hand git's output to the client.
#[allow(clippy::too_many_arguments)]
async fn empty(
    app: &App,
    service: Service,
    mut stdout: ChildStdout,
    sender: &mpsc::Sender<Result<Bytes, ApiError>>,
    push: bool,
    begun: &AtomicBool,
    reported: &AtomicBool,
    mute: &AtomicBool,
) -> Output {
    let (idle, rate) = (app.config.idle, app.config.min_rate);
    let counter = app.metrics.bytes.with_label_values(&[service.name(), "out"]);
    let mut pace = Pace::default();
    let mut deaf = false;
    loop {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        match stdout.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return Output::Complete,
            Ok(_) => {}
        }
        if deaf || mute.load(Ordering::Relaxed) {
            continue;
        }
        let first = !begun.swap(true, Ordering::Relaxed);
        reported.store(first && buffer.get(4..8) == Some(b"ERR "), Ordering::Relaxed);
        let count = buffer.len();
        let asked = Instant::now();
        let sent = tokio::time::timeout(idle, sender.send(Ok(buffer.freeze()))).await;
        let slow = match sent {
            Ok(Ok(())) => {
                counter.inc_by(count as u64);
                pace.add(asked.elapsed(), count, idle, rate)
            }
            // The refs of a push move whether or not somebody listens: read on, so that git can end.
            Ok(Err(_)) if push => {
                deaf = true;
                false
            }
            Ok(Err(_)) => return Output::ClientGone,
            Err(_) if push => {
                deaf = true;
                false
            }
            Err(_) => true,
        };
        if slow {
            return Output::ClientSlow;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_is_slow_and_a_pause_of_git_is_not() {
        let (idle, second) = (Duration::from_secs(10), Duration::from_secs(1));
        let mut pace = Pace::default();
        assert!(!(0..10).any(|_| pace.add(second, 1, idle, 64)));
        assert!(pace.add(second, 1, idle, 64));
        let mut fine = Pace::default();
        assert!(!(0..100).any(|_| fine.add(second, 64, idle, 64)));
    }

    #[test]
    fn odd_protocols_never_reach_git() {
        let mut headers = HeaderMap::new();
        headers.insert("git-protocol", HeaderValue::from_static("version=2"));
        assert_eq!(protocol(&headers).as_deref(), Some("version=2"));
        headers.insert("git-protocol", HeaderValue::from_static("version=2;rm"));
        assert_eq!(protocol(&headers), None);
    }

    #[test]
    fn a_client_is_blamed_for_its_own_mistakes_only() {
        assert_eq!(failed(Some(128), "fatal: protocol error: bad line length character").status, 400);
        assert_eq!(failed(Some(128), "fatal: unable to read tree").status, 500);
        assert!(!failed(Some(128), "fatal: /data/x").message.contains("/data"));
    }
}
