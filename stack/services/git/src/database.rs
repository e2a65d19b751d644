//! The database: a small pool of plain connections, each wait bounded.

use std::error::Error;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::{NoTls, Row, Transaction};

use crate::config::{Config, ConfigError};
use crate::error::ApiError;
use crate::names::RepoName;

const WAIT: Duration = Duration::from_secs(5);

/// Connect to nothing yet.
pub fn pool(config: &Config) -> Result<Pool, ConfigError> {
    let mut to: tokio_postgres::Config =
        config.database_url.parse().map_err(|_| ConfigError("DATABASE_URL can't be understood".into()))?;
    to.application_name("engineroom-git").connect_timeout(WAIT).keepalives_idle(Duration::from_secs(30));
    to.tcp_user_timeout(Duration::from_secs(15));
    // A lost client must not hold a repository's row for ever.
    let limits = "-c statement_timeout=15s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s";
    let options = format!("{} {limits}", to.get_options().unwrap_or_default());
    to.options(options.trim());
    let manager = Manager::from_config(to, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    Pool::builder(manager)
        .max_size(config.database_pool)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts { wait: Some(WAIT), create: Some(WAIT), recycle: Some(WAIT) })
        .build()
        .map_err(|error| ConfigError(error.to_string()))
}

/// A connection, or "unavailable".
pub async fn connection(pool: &Pool) -> Result<Object, ApiError> {
    pool.get().await.map_err(|error| ApiError::database(describe(&error)))
}

/// An error with its causes; the driver's own text is often only "db error".
pub fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// The row of a repository.
#[derive(Clone, Debug)]
pub struct RepositoryRow {
    pub id: i64,
    pub owner: String,
    pub name: String,
    pub default_branch: String,
}

/// The row of a repository, locked until the transaction ends; `None` when there is none of that name.
pub async fn repository_row(tx: &Transaction<'_>, repo: &RepoName) -> Result<Option<RepositoryRow>, ApiError> {
    let query = "SELECT r.id, o.name AS owner, r.name, r.default_branch
        FROM repository r JOIN owner o ON o.id = r.owner_id
        WHERE lower(o.name) = lower($1::text) AND lower(r.name) = lower($2::text) AND r.deleted_at IS NULL FOR UPDATE OF r";
    Ok(tx.query_opt(query, &[&repo.owner, &repo.name]).await?.map(|row| to_repository(&row)))
}

fn to_repository(row: &Row) -> RepositoryRow {
    RepositoryRow {
        id: row.get("id"),
        owner: row.get("owner"),
        name: row.get("name"),
        default_branch: row.get("default_branch"),
    }
}

/// One row in the outbox, as `announce` in `stack/forge/smsly/base.py` writes it.
pub async fn announce(
    tx: &Transaction<'_>,
    kind: &str,
    repository: &RepositoryRow,
    subject: Option<i64>,
    previous: &str,
    updates: &[crate::refs::RefUpdate],
) -> Result<(), ApiError> {
    let urgent = matches!(kind, "visibility" | "deleted" | "transferred" | "access");
    let updates = serde_json::to_value(updates).map_err(ApiError::internal)?;
    tx.execute(
        "INSERT INTO search_outbox (kind, priority, repository_id, subject_id, owner, name, previous, updates)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            &kind,
            &i16::from(!urgent),
            &repository.id,
            &subject,
            &repository.owner,
            &repository.name,
            &previous,
            &updates,
        ],
    )
    .await?;
    Ok(())
}

/// Remember what the refs are now.
pub async fn record_digest(tx: &Transaction<'_>, id: i64, wiki: bool, digest: &str) -> Result<(), ApiError> {
    tx.execute(
        "INSERT INTO repository_refs (repository_id, is_wiki, digest, recorded_at) VALUES ($1, $2, $3, now())
        ON CONFLICT (repository_id, is_wiki)
        DO UPDATE SET digest = EXCLUDED.digest, recorded_at = EXCLUDED.recorded_at",
        &[&id, &wiki, &digest],
    )
    .await?;
    Ok(())
}
