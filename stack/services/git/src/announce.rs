//! Announces a push: heads of pull requests, the outbox rows, `updated_at` and the digest of the refs, in one
//! transaction. It works from the state of the refs, so announcing twice does no harm.

use std::time::Duration;

use tokio_postgres::Transaction;

use crate::database::{self, RepositoryRow};
use crate::error::ApiError;
use crate::git::Git;
use crate::names::RepoName;
use crate::refs::{RefUpdate, Refs};
use crate::state::App;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// The row is in the outbox.
    Event,
    /// Nothing had moved since the last announcement.
    Nothing,
    /// The forge has no such repository (any more): nobody to tell.
    Unknown,
    /// It can't be told yet whose moves these are.
    Later,
}

/// Announce what happened to a repository.
///
/// With `updates`, these moves are told whatever the digest says. Without, nobody knows what moved (git was killed, or
/// this service was): an event is written only if the refs differ from those of the last announcement.
pub async fn announce(app: &App, repo: &RepoName, updates: Option<&[RefUpdate]>) -> Result<Announced, ApiError> {
    let work = async {
        let mut connection = database::connection(&app.pool).await?;
        let tx = connection.transaction().await?;
        let Some(row) = database::repository_row(&tx, repo).await? else {
            return Ok(Announced::Unknown);
        };
        let dir = repo.path(&app.config.root);
        // Read under the row's lock: whoever announces after us reads later, so the last digest is of the last refs.
        let mut refs = Refs::read(&app.config, &dir).await?;
        let mut told = updates.map(<[RefUpdate]>::to_vec).unwrap_or_default();
        if !repo.wiki {
            told.extend(follow_pulls(app, &tx, &row, repo, &mut refs).await?);
        }
        let digest = refs.digest();
        if updates.is_none() && told.is_empty() {
            let query = "SELECT digest FROM repository_refs WHERE repository_id = $1 AND is_wiki = $2";
            let known = tx.query_opt(query, &[&row.id, &repo.wiki]).await?;
            if known.is_some_and(|known| known.get::<_, String>(0) == digest) {
                return Ok(Announced::Nothing);
            }
        }
        record(&tx, &row, repo.wiki, &told, &digest).await?;
        tx.commit().await?;
        Ok(Announced::Event)
    };
    // A database that hangs is a database that is down.
    let limit = app.config.command_timeout * 2 + Duration::from_secs(5);
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(ApiError::database("the database hangs")))
}

/// Write what `record_push` in `stack/forge/smsly/outbox.py` writes.
pub async fn record(
    tx: &Transaction<'_>,
    row: &RepositoryRow,
    wiki: bool,
    updates: &[RefUpdate],
    digest: &str,
) -> Result<(), ApiError> {
    tx.execute("UPDATE repository SET updated_at = now() WHERE id = $1", &[&row.id]).await?;
    database::record_digest(tx, row.id, wiki, digest).await?;
    database::announce(tx, if wiki { "wiki" } else { "push" }, row, None, "", updates).await
}

/// Let `refs/pull/N/head` and the row of each open pull request follow its branch; how the refs moved.
///
/// A branch that was deleted leaves its pull request at the last commit, where it can still be read.
pub async fn follow_pulls(
    app: &App,
    tx: &Transaction<'_>,
    row: &RepositoryRow,
    repo: &RepoName,
    refs: &mut Refs,
) -> Result<Vec<RefUpdate>, ApiError> {
    let query = "SELECT i.id, i.number, p.head_branch, p.head_commit
        FROM pull_request p JOIN issue i ON i.id = p.issue_id
        WHERE i.repository_id = $1 AND i.state = 'open' ORDER BY i.number FOR UPDATE OF p";
    let mut moves = Vec::new();
    for pull in tx.query(query, &[&row.id]).await? {
        let (id, number): (i64, i32) = (pull.get("id"), pull.get("number"));
        let branch: String = pull.get("head_branch");
        let known: String = pull.get("head_commit");
        let head = refs.get(&format!("refs/heads/{branch}")).cloned();
        if let Some(commit) = head.as_ref().filter(|commit| **commit != known) {
            tx.execute("UPDATE pull_request SET head_commit = $1 WHERE issue_id = $2", &[commit, &id]).await?;
            database::announce(tx, "pull_request", row, Some(id), "", &[]).await?;
        }
        let name = format!("refs/pull/{number}/head");
        let old = refs.get(&name).cloned();
        // Without its branch only a missing ref is made again, and only if its commit may still be here.
        let Some(wanted) = head.or_else(|| old.is_none().then_some(known)) else { continue };
        if old.as_ref() != Some(&wanted) {
            moves.push(RefUpdate { name, old, new: Some(wanted) });
        }
    }
    let dir = repo.path(&app.config.root);
    let mut done = Vec::new();
    for batch in moves.chunks(500) {
        if write_refs(app, &dir, batch).await.is_ok() {
            done.extend_from_slice(batch);
            continue;
        }
        // One commit that is not here must not keep the others back.
        for update in batch {
            match write_refs(app, &dir, std::slice::from_ref(update)).await {
                Ok(()) => done.push(update.clone()),
                Err(error) => tracing::warn!(repository = %repo, reference = %update.name,
                    error = error.cause.as_deref().unwrap_or_default(), "the head of a pull request can't be set"),
            }
        }
    }
    for update in &done {
        if let Some(new) = &update.new {
            refs.all.insert(update.name.clone().into_bytes(), new.clone());
        }
    }
    Ok(done)
}

/// Move refs, all or none, each only from where it was seen.
pub async fn write_refs(app: &App, dir: &std::path::Path, updates: &[RefUpdate]) -> Result<(), ApiError> {
    let zero = "0".repeat(updates.iter().find_map(|u| u.new.as_ref().or(u.old.as_ref())).map_or(40, String::len));
    let mut commands = String::new();
    for update in updates {
        let (old, new) = (update.old.as_ref().unwrap_or(&zero), update.new.as_ref().unwrap_or(&zero));
        commands.push_str(&format!("update {}\0{new}\0{old}\0", update.name));
    }
    let git = Git::at(&app.config, dir);
    git.run(&["update-ref", "--no-deref", "-z", "--stdin"], Some(commands.as_bytes()), 4096).await?.success()?;
    Ok(())
}
