//! Whether the service lives, whether it can serve, and what it counts.

use std::future::Future;
use std::time::Duration;

use axum::extract::State;
use axum::http::{header, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::Json;
use serde_json::json;

use crate::database;
use crate::git::Git;
use crate::state::App;
use crate::telemetry::new_id;

const LIMIT: Duration = Duration::from_secs(3);

/// The process runs; nothing else is looked at, or a database outage would have it restarted.
pub async fn alive() -> Response {
    Json(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})).into_response()
}

/// It can serve: database, disk, git, and it isn't about to leave.
pub async fn ready(State(app): State<App>) -> Response {
    let database = async {
        let connection = database::connection(&app.pool).await.map_err(|error| error.cause.unwrap_or_default())?;
        connection.simple_query("SELECT 1").await.map_err(|error| database::describe(&error))?;
        Ok::<_, String>(())
    };
    let disk = async {
        let probe = app.config.state.join(format!(".probe-{}", new_id()));
        tokio::fs::write(&probe, b"probe").await.map_err(|error| error.to_string())?;
        tokio::fs::remove_file(&probe).await.map_err(|error| error.to_string())
    };
    let root = async {
        tokio::fs::metadata(&app.config.root).await.map_err(|error| error.to_string())?;
        let free = rustix::fs::statvfs(&app.config.root).map_err(|error| error.to_string())?;
        let bytes = free.f_bavail.saturating_mul(free.f_frsize);
        if bytes < app.config.min_free_bytes {
            return Err(format!("{bytes} bytes are free"));
        }
        Ok(())
    };
    let git = async {
        let git = Git { config: &app.config, dir: None, env: &[] };
        let answer = git.run(&["--version"], None, 4096).await.map_err(|error| error.cause.unwrap_or_default())?;
        if answer.code == 0 {
            Ok(())
        } else {
            Err(answer.stderr)
        }
    };
    let draining = async {
        if app.draining.is_cancelled() {
            Err("draining".to_owned())
        } else {
            Ok(())
        }
    };
    let (database, disk, root, git, draining) =
        tokio::join!(limited(database), limited(disk), limited(root), limited(git), limited(draining));
    let mut checks = serde_json::Map::new();
    let mut well = true;
    let results =
        [("database", database), ("disk_writable", disk), ("disk_free", root), ("git", git), ("accepting", draining)];
    for (name, result) in results {
        if let Err(why) = &result {
            well = false;
            // What exactly is wrong may name hosts and paths: that is for the log.
            tracing::warn!(check = name, why, "not ready");
        }
        checks.insert(name.to_owned(), json!(if result.is_ok() { "ok" } else { "failed" }));
    }
    let status = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = json!({"status": if well { "ready" } else { "not_ready" }, "checks": checks});
    if !well {
        body["error"] = json!({"code": "UNAVAILABLE", "message": "The service can't serve now"});
    }
    (status, Json(body)).into_response()
}

async fn limited(check: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    tokio::time::timeout(LIMIT, check).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
}

/// For Prometheus.
pub async fn metrics(State(app): State<App>) -> Response {
    app.metrics.spool.set(i64::try_from(app.spool.len()).unwrap_or(i64::MAX));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.text()).into_response()
}
