//! Merges a pull request: git and its row, in an order that a crash in between forgives.
//!
//! The base branch moves, from where it was seen only, just before the transaction commits. If that commit is lost, the
//! branch has moved and the row says "open": asking again finds the merge in the branch and completes the row.

use axum::extract::{Path as Segments, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::Json;
use serde::Deserialize;
use serde_json::json;

use crate::announce::{follow_pulls, record, write_refs};
use crate::browse::folder;
use crate::database;
use crate::error::ApiError;
use crate::git::Git;
use crate::names::{is_oid, is_owner, RepoName};
use crate::refs::{RefUpdate, Refs};
use crate::state::App;
use crate::web::{JsonBody, Repo};

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Always a merge commit.
    #[default]
    Merge,
    /// Move the base branch to the head, or refuse.
    FastForward,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    name: String,
    email: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// The user who merges.
    by: String,
    /// Whom the merge commit names.
    author: Person,
    message: Option<String>,
    /// The head that was reviewed; another one is refused.
    expected_head: Option<String>,
    #[serde(default)]
    strategy: Strategy,
}

impl Merge {
    fn check(&self) -> Result<(), ApiError> {
        // Git takes these characters out or stops at them; better to say so.
        let odd = |text: &str| text.trim().is_empty() || text.len() > 255 || text.contains(['<', '>', '\n', '\0']);
        if odd(&self.author.name) || odd(&self.author.email) {
            return Err(ApiError::bad_request("The author's name or address can't stand in a commit"));
        }
        if !is_owner(&self.by) {
            return Err(ApiError::bad_request("This can't be the name of a user"));
        }
        if self.message.as_deref().is_some_and(|text| text.len() > 64 * 1024 || text.contains('\0')) {
            return Err(ApiError::bad_request("The message can't stand in a commit"));
        }
        if self.expected_head.as_deref().is_some_and(|id| !is_oid(id)) {
            return Err(ApiError::bad_request("The expected head is not the id of a commit"));
        }
        Ok(())
    }
}

/// `POST .../pulls/{number}/merge`.
pub async fn merge(
    State(app): State<App>,
    Segments((_, _, number)): Segments<(String, String, String)>,
    Repo(repo): Repo,
    JsonBody(asked): JsonBody<Merge>,
) -> Result<Response, ApiError> {
    let number: i32 = number.parse().map_err(|_| ApiError::bad_request("This is not the number of a pull request"))?;
    asked.check()?;
    let repo = RepoName { wiki: false, ..repo };
    let _held = app.locks.shared(&repo, app.config.queue).await?;
    let dir = folder(&app, &repo).await?;
    // Whatever happens to us once the branch has moved, the spool announces it.
    let before = Refs::read(&app.config, &dir).await?.digest();
    let entry = app.spool.begin(&repo, before, "merge").map_err(ApiError::internal)?;
    let result = perform(&app, &repo, number, &asked).await;
    match &result {
        Ok(_) => app.spool.done(&entry),
        // The worker compares the refs with those of before: usually nothing happened.
        Err(_) => app.spool.release(&entry.id),
    }
    result
}

async fn perform(app: &App, repo: &RepoName, number: i32, asked: &Merge) -> Result<Response, ApiError> {
    let dir = repo.path(&app.config.root);
    let mut connection = database::connection(&app.pool).await?;
    let tx = connection.transaction().await?;
    let row = database::repository_row(&tx, repo).await?.ok_or_else(ApiError::no_repository)?;
    let query =
        "SELECT i.id, i.state, i.title, p.head_branch, p.head_commit, p.base_branch, p.merged_at IS NOT NULL AS merged
        FROM issue i JOIN pull_request p ON p.issue_id = i.id
        WHERE i.repository_id = $1 AND i.number = $2 FOR UPDATE";
    let pull = tx.query_opt(query, &[&row.id, &number]).await?;
    let pull = pull.ok_or_else(|| ApiError::not_found("There is no such pull request"))?;
    let id: i64 = pull.get("id");
    if pull.get::<_, bool>("merged") {
        return Err(ApiError::conflict("ALREADY_MERGED", "The pull request is merged"));
    }
    if pull.get::<_, &str>("state") != "open" {
        return Err(ApiError::conflict("NOT_OPEN", "The pull request is closed"));
    }
    let user = tx.query_opt("SELECT id FROM \"user\" WHERE lower(username) = lower($1::text)", &[&asked.by]).await?;
    let user: i64 = user.ok_or_else(|| ApiError::not_found("There is no such user"))?.get(0);
    let mut refs = Refs::read(&app.config, &dir).await?;
    let mut updates = follow_pulls(app, &tx, &row, repo, &mut refs).await?;
    let base_ref = format!("refs/heads/{}", pull.get::<_, &str>("base_branch"));
    let head_branch: &str = pull.get("head_branch");
    let base = refs.get(&base_ref).cloned();
    let base = base.ok_or_else(|| ApiError::conflict("NO_BASE", "The branch to merge into is not there"))?;
    let head = refs.get(&format!("refs/heads/{head_branch}")).or_else(|| refs.get(&format!("refs/pull/{number}/head")));
    let head = head.cloned().ok_or_else(|| ApiError::conflict("NO_HEAD", "The branch to merge is not there"))?;
    if asked.expected_head.as_ref().is_some_and(|expected| *expected != head) {
        return Err(ApiError::conflict("HEAD_MOVED", "The branch has moved").with(json!({"head": head})));
    }
    let git = Git::at(&app.config, &dir);
    let contained = git.run(&["merge-base", "--is-ancestor", &head, &base], None, 256).await?.code == 0;
    let (result, fast_forward) = if contained {
        (earlier_merge(git, &base, &head).await?, false)
    } else {
        let ahead = git.run(&["merge-base", "--is-ancestor", &base, &head], None, 256).await?.code == 0;
        match asked.strategy {
            Strategy::FastForward if ahead => (head.clone(), true),
            Strategy::FastForward => {
                return Err(ApiError::conflict("NOT_FAST_FORWARD", "The base branch has commits of its own"));
            }
            Strategy::Merge => {
                let title: &str = pull.get("title");
                let message = format!("Merge pull request #{number} from {head_branch}\n\n{title}\n");
                let message = asked.message.clone().unwrap_or(message);
                (merge_commit(git, &base, &head, &message, &asked.author).await?, false)
            }
        }
    };
    tx.execute("UPDATE issue SET state = 'closed', closed_at = now(), updated_at = now() WHERE id = $1", &[&id])
        .await?;
    let change = "UPDATE pull_request SET head_commit = $1, merge_commit = $2, merged_at = now(), merged_by = $3 WHERE issue_id = $4";
    tx.execute(change, &[&head, &result, &user, &id]).await?;
    database::announce(&tx, "pull_request", &row, Some(id), "", &[]).await?;
    if !contained {
        let update = RefUpdate { name: base_ref.clone(), old: Some(base.clone()), new: Some(result.clone()) };
        refs.all.insert(base_ref.clone().into_bytes(), result.clone());
        if refs.head_ref.as_deref() == Some(base_ref.as_str()) {
            refs.head_commit = Some(result.clone());
        }
        updates.push(update.clone());
        // Everything that the database could refuse is written; only the commit is left.
        let moved = write_refs(app, &dir, std::slice::from_ref(&update)).await;
        moved.map_err(|error| {
            ApiError::conflict("BASE_MOVED", "The base branch has moved").because(error.cause.unwrap_or_default())
        })?;
        // Pull requests whose head is this base follow it.
        updates.extend(follow_pulls(app, &tx, &row, repo, &mut refs).await?);
    }
    record(&tx, &row, false, &updates, &refs.digest()).await?;
    tx.commit().await?;
    let body = json!({"data": {
        "number": number, "merge_commit": result, "head": head, "base": base, "fast_forward": fast_forward,
        "already_contained": contained,
    }});
    Ok((StatusCode::OK, Json(body)).into_response())
}

/// Merge two commits without a checkout; conflicts are told by path.
async fn merge_commit(
    git: Git<'_>,
    base: &str,
    head: &str,
    message: &str,
    author: &Person,
) -> Result<String, ApiError> {
    let arguments = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", base, head];
    let merged = git.run(&arguments, None, 16 << 20).await?;
    let mut fields = merged.stdout.split(|&byte| byte == 0).filter(|field| !field.is_empty());
    let tree = fields.next().map(|tree| String::from_utf8_lossy(tree).trim().to_owned()).unwrap_or_default();
    match merged.code {
        0 => {}
        1 => {
            let mut files: Vec<String> =
                fields.map(|path| String::from_utf8_lossy(path).into_owned()).take(1000).collect();
            files.dedup();
            let error = ApiError::conflict("MERGE_CONFLICT", "The branches change the same lines");
            return Err(error.with(json!({"files": files})));
        }
        _ if merged.stderr.contains("unrelated histories") => {
            return Err(ApiError::conflict("UNRELATED", "The branches have no common history"));
        }
        code => return Err(ApiError::internal(format!("merge-tree ended with {code}: {}", merged.stderr))),
    }
    let (name, email) = (author.name.trim(), author.email.trim());
    let env = [
        ("GIT_AUTHOR_NAME", name),
        ("GIT_AUTHOR_EMAIL", email),
        ("GIT_COMMITTER_NAME", name),
        ("GIT_COMMITTER_EMAIL", email),
    ];
    let arguments = ["commit-tree", "-p", base, "-p", head, "-F", "-", &tree];
    let made = Git { env: &env, ..git }.run(&arguments, Some(message.as_bytes()), 256).await?;
    Ok(String::from_utf8_lossy(&made.success()?).trim().to_owned())
}

/// The merge by which a head came into a branch; the head itself when it came without one.
async fn earlier_merge(git: Git<'_>, base: &str, head: &str) -> Result<String, ApiError> {
    let excluded = format!("^{head}");
    let arguments = ["rev-list", "--first-parent", "--merges", "--parents", "--reverse", base, &excluded];
    let merges = git.run(&arguments, None, 16 << 20).await?.success()?;
    let merges = String::from_utf8_lossy(&merges).into_owned();
    let found = merges.lines().find_map(|line| {
        let mut ids = line.split(' ');
        let merge = ids.next()?;
        ids.any(|parent| parent == head).then(|| merge.to_owned())
    });
    Ok(found.unwrap_or_else(|| head.to_owned()))
}
