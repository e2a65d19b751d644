//! Repositories come, move and go together with their rows.

use std::path::{Path, PathBuf};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::Json;
use serde::Deserialize;
use serde_json::json;

use crate::announce::{announce, Announced};
use crate::database;
use crate::error::ApiError;
use crate::git::Git;
use crate::names::{is_branch, RepoName};
use crate::refs::Refs;
use crate::spool;
use crate::state::App;
use crate::telemetry::new_id;
use crate::web::{JsonBody, Repo};

/// Whether there is a git repository in a folder.
pub async fn present(dir: &Path) -> bool {
    let is = |path: PathBuf| async move { tokio::fs::metadata(path).await.ok() };
    is(dir.join("HEAD")).await.is_some_and(|head| head.is_file())
        && is(dir.join("objects")).await.is_some_and(|objects| objects.is_dir())
}

/// A folder that is being made or thrown away; it is removed unless it was put in its place.
struct Aside(Option<PathBuf>);

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // Removing a large repository takes long, and nobody waits for it.
            std::thread::spawn(move || {
                if let Err(error) = std::fs::remove_dir_all(&path) {
                    tracing::warn!(%error, "what is left of a repository can't be removed");
                }
            });
        }
    }
}

/// How long ago a half made or half removed folder was left, before it counts as nobody's.
const FORGOTTEN: std::time::Duration = std::time::Duration::from_secs(3600);

/// Remove what a killed service left half made or half removed; what was set aside stays.
pub fn tidy(root: &Path) -> std::io::Result<()> {
    for owner in std::fs::read_dir(root)?.flatten().filter(|owner| owner.path().is_dir()) {
        for place in std::fs::read_dir(owner.path())?.flatten() {
            let name = place.file_name();
            let name = name.to_string_lossy();
            let ours = name.starts_with(".incoming-") || name.starts_with(".outgoing-");
            let age = place.metadata().and_then(|known| known.modified()).map(|at| at.elapsed().unwrap_or_default());
            if ours && age.is_ok_and(|age| age > FORGOTTEN) {
                std::fs::remove_dir_all(place.path())?;
            }
        }
    }
    Ok(())
}

/// A name beside the repositories of an owner that no repository can have.
fn beside(place: &Path, what: &str) -> PathBuf {
    place.with_file_name(format!(".{what}-{}", new_id()))
}

/// Make an empty bare repository beside its place.
async fn prepare(app: &App, place: &Path, branch: &str) -> Result<Aside, ApiError> {
    let parent = place.parent().ok_or_else(|| ApiError::internal("a repository without a folder"))?;
    tokio::fs::create_dir_all(parent).await?;
    let path = beside(place, "incoming");
    let made = Aside(Some(path.clone()));
    let target = path.to_str().ok_or_else(|| ApiError::internal("the root is not UTF-8"))?;
    let initial = format!("--initial-branch={branch}");
    let git = Git { config: &app.config, dir: None, env: &[] };
    git.run(&["init", "--quiet", "--bare", "--template=", &initial, target], None, 4096).await?.success()?;
    Ok(made)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    owner: String,
    name: String,
    #[serde(default = "main")]
    default_branch: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    private: bool,
}

fn main() -> String {
    "main".to_owned()
}

/// Make a repository and its row, or neither.
pub async fn create(State(app): State<App>, JsonBody(asked): JsonBody<Create>) -> Result<Response, ApiError> {
    let repo = RepoName::new(&asked.owner, &asked.name)?;
    if !is_branch(&asked.default_branch) {
        return Err(ApiError::bad_request("This can't be the name of a branch"));
    }
    if asked.description.len() > 4096 || asked.description.contains('\0') {
        return Err(ApiError::bad_request("The description is too long"));
    }
    let _alone = app.locks.alone(&repo, app.config.queue).await?;
    let mut connection = database::connection(&app.pool).await?;
    let tx = connection.transaction().await?;
    // The folder has the owner's name as the forge writes it, whatever case the caller used.
    let owner = tx.query_opt("SELECT name FROM owner WHERE lower(name) = lower($1::text)", &[&repo.owner]).await?;
    let owner: String = owner.ok_or_else(|| ApiError::not_found("There is no such user or organisation"))?.get(0);
    let repo = RepoName::new(&owner, &asked.name)?;
    let place = repo.path(&app.config.root);
    let mut made = prepare(&app, &place, &asked.default_branch).await?;
    let inserted = tx
        .query_opt(
            "INSERT INTO repository (owner_id, name, description, is_private, default_branch)
            SELECT id, $2, $3, $4, $5 FROM owner WHERE name = $1
            ON CONFLICT DO NOTHING RETURNING id",
            &[&owner, &asked.name, &asked.description, &asked.private, &asked.default_branch],
        )
        .await?;
    if inserted.is_none() {
        return Err(ApiError::conflict("CONFLICT", "There already is a repository of this name"));
    }
    let row =
        database::repository_row(&tx, &repo).await?.ok_or_else(|| ApiError::internal("the new row is not there"))?;
    database::announce(&tx, "repository_created", &row, None, "", &[]).await?;
    if let Some(path) = &made.0 {
        database::record_digest(&tx, row.id, false, &Refs::read(&app.config, path).await?.digest()).await?;
        // A folder without a row is what a crash or a restore left. It is not ours to delete, and must not stop us.
        for old in [place.clone(), repo.wiki().path(&app.config.root)] {
            if tokio::fs::try_exists(&old).await? {
                let kept = beside(&old, "orphan");
                tokio::fs::rename(&old, &kept).await?;
                tracing::warn!(repository = %repo, kept = %kept.display(), "a git repository without a row was set aside");
            }
        }
        tokio::fs::rename(path, &place).await?;
        made.0 = None;
    }
    if let Err(error) = tx.commit().await {
        // Refused for certain: undo. Lost on the way: it may be there, and without a row it is set aside one day.
        if error.code().is_some() {
            drop(Aside(Some(place)));
        }
        return Err(error.into());
    }
    let body =
        json!({"data": {"id": row.id, "owner": row.owner, "name": row.name, "default_branch": row.default_branch}});
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// Make the wiki of a repository that the forge has; an empty one, so there is nothing to announce.
pub async fn create_wiki(app: &App, wiki: &RepoName) -> Result<(), ApiError> {
    let plain = RepoName { wiki: false, ..wiki.clone() };
    if !present(&plain.path(&app.config.root)).await {
        return Err(ApiError::no_repository());
    }
    let place = wiki.path(&app.config.root);
    let mut made = prepare(app, &place, "main").await?;
    if let Some(path) = &made.0 {
        match tokio::fs::rename(path, &place).await {
            Ok(()) => made.0 = None,
            Err(_) if present(&place).await => {} // somebody else was first
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Delete a repository: first its row, so that nobody finds it, then its folders.
pub async fn delete(State(app): State<App>, Repo(repo): Repo) -> Result<StatusCode, ApiError> {
    let _alone = app.locks.alone(&repo, app.config.queue).await?;
    let mut connection = database::connection(&app.pool).await?;
    let tx = connection.transaction().await?;
    let row = database::repository_row(&tx, &repo).await?.ok_or_else(ApiError::no_repository)?;
    tx.execute("UPDATE repository SET deleted_at = now() WHERE id = $1", &[&row.id]).await?;
    tx.execute("DELETE FROM repository_refs WHERE repository_id = $1", &[&row.id]).await?;
    database::announce(&tx, "deleted", &row, None, "", &[]).await?;
    tx.commit().await?;
    let stored = RepoName::new(&row.owner, &row.name)?;
    for place in [stored.path(&app.config.root), stored.wiki().path(&app.config.root)] {
        if tokio::fs::try_exists(&place).await? {
            let out = beside(&place, "outgoing");
            tokio::fs::rename(&place, &out).await?;
            drop(Aside(Some(out)));
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    #[serde(default)]
    owner: Option<String>,
    name: String,
}

/// Give a repository another name, another owner, or both: rows and folders, or neither.
pub async fn rename(
    State(app): State<App>,
    Repo(repo): Repo,
    JsonBody(to): JsonBody<Rename>,
) -> Result<Response, ApiError> {
    let target = RepoName::new(to.owner.as_deref().unwrap_or(&repo.owner), &to.name)?;
    // In one order for everybody, so that two renames never wait for each other.
    let same = repo.key() == target.key();
    let mut both = [&repo, &target];
    both.sort_by_key(|name| name.key());
    let _first = app.locks.alone(both[0], app.config.queue).await?;
    let _second = if same { None } else { Some(app.locks.alone(both[1], app.config.queue).await?) };
    spool::flush(&app, &repo).await?;
    let mut connection = database::connection(&app.pool).await?;
    let tx = connection.transaction().await?;
    let row = database::repository_row(&tx, &repo).await?.ok_or_else(ApiError::no_repository)?;
    let owner =
        tx.query_opt("SELECT id, name FROM owner WHERE lower(name) = lower($1::text)", &[&target.owner]).await?;
    let owner = owner.ok_or_else(|| ApiError::not_found("There is no such user or organisation"))?;
    let (owner_id, owner_name): (i64, String) = (owner.get(0), owner.get(1));
    let change = "UPDATE repository SET owner_id = $1, name = $2, updated_at = now() WHERE id = $3";
    if let Err(error) = tx.execute(change, &[&owner_id, &to.name, &row.id]).await {
        if error.code() == Some(&tokio_postgres::error::SqlState::UNIQUE_VIOLATION) {
            return Err(ApiError::conflict("CONFLICT", "There already is a repository of this name"));
        }
        return Err(error.into());
    }
    let before = RepoName::new(&row.owner, &row.name)?;
    let after = RepoName::new(&owner_name, &to.name)?;
    let moved = database::RepositoryRow { owner: owner_name.clone(), name: to.name.clone(), ..row.clone() };
    let previous = format!("{}/{}", row.owner, row.name);
    let transferred = row.owner != owner_name;
    if transferred {
        tx.execute("DELETE FROM team_repository WHERE repository_id = $1", &[&row.id]).await?;
    }
    database::announce(&tx, if transferred { "transferred" } else { "renamed" }, &moved, None, &previous, &[]).await?;
    let mut moves = Vec::new();
    if before != after {
        for (from, into) in [(before.clone(), after.clone()), (before.wiki(), after.wiki())] {
            let (from, into) = (from.path(&app.config.root), into.path(&app.config.root));
            if !tokio::fs::try_exists(&from).await? {
                continue;
            }
            let done = move_folder(&from, &into).await;
            if let Err(error) = done {
                undo(&moves).await;
                return Err(error);
            }
            moves.push((from, into));
        }
    }
    if let Err(error) = tx.commit().await {
        if error.code().is_some() || !renamed(&app, &row, &after).await {
            undo(&moves).await;
        }
        return Err(error.into());
    }
    Ok(Json(json!({"data": {"id": row.id, "owner": owner_name, "name": to.name}})).into_response())
}

async fn move_folder(from: &Path, into: &Path) -> Result<(), ApiError> {
    if let Some(parent) = into.parent() {
        tokio::fs::create_dir_all(parent).await?;
    }
    if tokio::fs::try_exists(into).await? {
        let kept = beside(into, "orphan");
        tokio::fs::rename(into, &kept).await?;
        tracing::warn!(kept = %kept.display(), "a git repository without a row was set aside");
    }
    Ok(tokio::fs::rename(from, into).await?)
}

async fn undo(moves: &[(PathBuf, PathBuf)]) {
    for (from, into) in moves.iter().rev() {
        if let Err(error) = tokio::fs::rename(into, from).await {
            tracing::error!(%error, at = %into.display(), "a repository can't be moved back");
        }
    }
}

/// After a commit whose answer was lost: whether it took place.
async fn renamed(app: &App, row: &database::RepositoryRow, after: &RepoName) -> bool {
    let Ok(connection) = database::connection(&app.pool).await else { return false };
    let query =
        "SELECT 1 FROM repository r JOIN owner o ON o.id = r.owner_id WHERE r.id = $1 AND o.name = $2 AND r.name = $3";
    matches!(connection.query_opt(query, &[&row.id, &after.owner, &after.name]).await, Ok(Some(_)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefaultBranch {
    branch: String,
}

/// Choose another default branch, in the row and in HEAD.
pub async fn set_default_branch(
    State(app): State<App>,
    Repo(repo): Repo,
    JsonBody(to): JsonBody<DefaultBranch>,
) -> Result<Response, ApiError> {
    if !is_branch(&to.branch) {
        return Err(ApiError::bad_request("This can't be the name of a branch"));
    }
    let repo = RepoName { wiki: false, ..repo };
    let _held = app.locks.alone(&repo, app.config.queue).await?;
    let dir = repo.path(&app.config.root);
    if !present(&dir).await {
        return Err(ApiError::no_repository());
    }
    let mut connection = database::connection(&app.pool).await?;
    let tx = connection.transaction().await?;
    let row = database::repository_row(&tx, &repo).await?.ok_or_else(ApiError::no_repository)?;
    let change = "UPDATE repository SET default_branch = $1, updated_at = now() WHERE id = $2";
    tx.execute(change, &[&to.branch, &row.id]).await?;
    let target = format!("refs/heads/{}", to.branch);
    let git = Git::at(&app.config, &dir);
    git.run(&["symbolic-ref", "HEAD", &target], None, 256).await?.success()?;
    database::announce(&tx, "default_branch", &row, None, &row.default_branch, &[]).await?;
    database::record_digest(&tx, row.id, false, &Refs::read(&app.config, &dir).await?.digest()).await?;
    if let Err(error) = tx.commit().await {
        if error.code().is_some() {
            let back = format!("refs/heads/{}", row.default_branch);
            git.run(&["symbolic-ref", "HEAD", &back], None, 256).await?.success()?;
        }
        return Err(error.into());
    }
    Ok(Json(json!({"data": {"default_branch": to.branch}})).into_response())
}

/// Let heads of pull requests follow their branches, and announce what nobody has announced.
///
/// The caller asks for it after it has opened a pull request.
pub async fn sync(State(app): State<App>, Repo(repo): Repo) -> Result<Response, ApiError> {
    let _held = app.locks.shared(&repo, app.config.queue).await?;
    if !present(&repo.path(&app.config.root)).await {
        return Err(ApiError::no_repository());
    }
    match announce(&app, &repo, None).await? {
        Announced::Unknown => Err(ApiError::no_repository()),
        what => Ok(Json(json!({"data": {"announced": what == Announced::Event}})).into_response()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_old_and_half_done_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let old = std::time::SystemTime::now() - FORGOTTEN * 2;
        for name in [".incoming-old", ".outgoing-old", ".orphan-old", "kept.git", ".incoming-new"] {
            let place = root.path().join("ada").join(name);
            std::fs::create_dir_all(&place).unwrap();
            if name != ".incoming-new" {
                std::fs::File::open(&place).unwrap().set_modified(old).unwrap();
            }
        }
        tidy(root.path()).unwrap();
        let left = std::fs::read_dir(root.path().join("ada")).unwrap().flatten();
        let mut left: Vec<_> = left.map(|place| place.file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, [".incoming-new", ".orphan-old", "kept.git"]);
    }
}
