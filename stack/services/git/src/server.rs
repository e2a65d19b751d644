//! Accepts connections, and leaves in order: no new ones, the present ones to their end, within a grace period.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::state::App;
use crate::{repositories, spool, web};

/// Above what our own limit of headers allows, so that whoever sends too much gets an answer in the envelope.
const CONNECTION_BUFFER: usize = 1280 * 1024;
/// After the grace period: for git to end and for its push to be written down.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Serve until `app.draining` is set; returns when everything has ended.
pub async fn serve(app: App, listener: TcpListener) {
    let worker = tokio::spawn(spool::work(app.clone()));
    let root = app.config.root.clone();
    std::thread::spawn(move || {
        if let Err(error) = repositories::tidy(&root) {
            tracing::warn!(%error, "what an earlier service left can't be removed");
        }
    });
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(app.config.max_connections));
    let router = web::router(app.clone());
    loop {
        // A full house lets the next ones wait in the kernel's queue.
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = app.draining.cancelled() => break,
        };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection can't be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await; // out of files: let some be closed
                    continue;
                }
            },
            () = app.draining.cancelled() => break,
        };
        let _ = stream.set_nodelay(true);
        let (app, router) = (app.clone(), router.clone());
        connections.spawn(async move {
            let _place = place;
            app.metrics.connections.inc();
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(app.config.header_timeout)
                .max_buf_size(CONNECTION_BUFFER)
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
            tokio::pin!(connection);
            let mut leaving = false;
            loop {
                tokio::select! {
                    ended = connection.as_mut() => {
                        if let Err(error) = ended {
                            tracing::debug!(error = crate::database::describe(&error), "a connection broke");
                        }
                        break;
                    }
                    () = app.draining.cancelled(), if !leaving => {
                        leaving = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    () = app.stopping.cancelled() => {
                        // Answers that say so are still written.
                        let _ = tokio::time::timeout(Duration::from_secs(2), connection.as_mut()).await;
                        break;
                    }
                }
            }
            app.metrics.connections.dec();
        });
    }
    drop(listener);
    connections.close();
    app.sessions.close();
    let all = async {
        connections.wait().await;
        app.sessions.wait().await;
    };
    let in_time = tokio::time::timeout(app.config.grace, all).await.is_ok();
    if !in_time {
        tracing::warn!(connections = connections.len(), sessions = app.sessions.len(), "the grace period is over");
    }
    app.stopping.cancel();
    let rest = async {
        app.sessions.wait().await;
        connections.wait().await;
        let _ = worker.await;
    };
    let _ = tokio::time::timeout(LAST_WORDS, rest).await;
    tracing::info!(in_time, spool = app.spool.len(), "stopped");
}
