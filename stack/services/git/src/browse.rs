//! Reading a repository: refs, commits, trees, files, comparisons. Every list is paged and bounded.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use axum::body::Body;
use axum::extract::State;
use axum::http::{header, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::Json;
use serde::Deserialize;
use serde_json::{json, Value};
use tokio_util::io::ReaderStream;

use crate::error::ApiError;
use crate::git::{self, Git, Group};
use crate::names::{is_branch, is_oid, RepoName};
use crate::refs::Refs;
use crate::repositories::present;
use crate::state::App;
use crate::web::{Params, Repo};

const PAGE: usize = 100;
const MOST: usize = 1000;
/// What one page or one folder may print.
const TEXT: usize = 64 << 20;

pub(crate) async fn folder(app: &App, repo: &RepoName) -> Result<PathBuf, ApiError> {
    let dir = repo.path(&app.config.root);
    if present(&dir).await {
        Ok(dir)
    } else {
        Err(ApiError::no_repository())
    }
}

/// The commit that a branch, a tag, a full name of a ref, an id or `HEAD` names.
pub(crate) async fn commit(app: &App, dir: &Path, revision: &str) -> Result<String, ApiError> {
    let candidates = if is_oid(revision) || revision == "HEAD" {
        vec![revision.to_owned()]
    } else if !is_branch(revision) {
        return Err(ApiError::bad_request("This can't be the name of a ref or a commit"));
    } else if revision.starts_with("refs/") {
        vec![revision.to_owned()]
    } else {
        vec![format!("refs/heads/{revision}"), format!("refs/tags/{revision}")]
    };
    for candidate in candidates {
        let asked = format!("{candidate}^{{commit}}");
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &asked];
        let answer = Git::at(&app.config, dir).run(&arguments, None, 4096).await?;
        if answer.code == 0 {
            return Ok(answer.text());
        }
    }
    Err(ApiError::not_found("There is no such ref or commit"))
}

fn check_path(path: &str) -> Result<&str, ApiError> {
    let path = path.trim_matches('/');
    let odd = |part: &str| matches!(part, "" | "." | "..");
    if path.len() > 4096 || path.contains('\0') || (!path.is_empty() && path.split('/').any(odd)) {
        return Err(ApiError::bad_request("This can't be the path of a file"));
    }
    Ok(path)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `GET .../{owner}/{name}`: HEAD and whether there is anything.
pub async fn summary(State(app): State<App>, Repo(repo): Repo) -> Result<Response, ApiError> {
    let dir = folder(&app, &repo).await?;
    let refs = Refs::read(&app.config, &dir).await?;
    let branch = refs.head_ref.as_deref().map(|name| name.strip_prefix("refs/heads/").unwrap_or(name));
    let body = json!({"data": {
        "owner": repo.owner, "name": repo.name, "wiki": repo.wiki, "default_branch": branch,
        "head": refs.head_commit, "empty": refs.all.is_empty(), "digest": refs.digest(),
    }});
    Ok(Json(body).into_response())
}

#[derive(Deserialize)]
pub struct RefsPage {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    after: String,
    limit: Option<usize>,
}

/// `GET .../refs?prefix=refs/heads/&after=&limit=`: refs in the order of their names.
pub async fn refs(
    State(app): State<App>,
    Repo(repo): Repo,
    Params(page): Params<RefsPage>,
) -> Result<Response, ApiError> {
    let dir = folder(&app, &repo).await?;
    let refs = Refs::read(&app.config, &dir).await?;
    let limit = page.limit.unwrap_or(MOST).clamp(1, 10_000);
    let mut found = refs
        .all
        .iter()
        .filter(|(name, _)| name.starts_with(page.prefix.as_bytes()) && name.as_slice() > page.after.as_bytes())
        .map(|(name, oid)| json!({"name": text(name), "id": oid}));
    let data: Vec<Value> = found.by_ref().take(limit).collect();
    let next = found.next().and_then(|_| data.last()).and_then(|last| last["name"].as_str().map(str::to_owned));
    Ok(Json(json!({"data": data, "meta": {"next": next, "digest": refs.digest()}})).into_response())
}

#[derive(Deserialize)]
pub struct CommitsPage {
    #[serde(default = "head", rename = "ref")]
    revision: String,
    #[serde(default)]
    path: String,
    /// Leave out what is reachable from here.
    exclude: Option<String>,
    page: Option<usize>,
    per_page: Option<usize>,
}

fn head() -> String {
    "HEAD".to_owned()
}

const COMMIT_FORMAT: &str = "--format=%H%x1f%T%x1f%P%x1f%an%x1f%ae%x1f%aI%x1f%cn%x1f%ce%x1f%cI%x1f%B%x1e";

fn parse_commits(output: &[u8]) -> Vec<Value> {
    let person = |name: &str, email: &str, date: &str| json!({"name": name, "email": email, "date": date});
    text(output)
        .split('\u{1e}')
        .filter_map(|record| {
            let field: Vec<&str> = record.trim_start_matches(['\n', '\0']).splitn(10, '\u{1f}').collect();
            let [id, tree, parents, an, ae, ad, cn, ce, cd, message] = field.as_slice() else { return None };
            let parents: Vec<&str> = parents.split_ascii_whitespace().collect();
            Some(json!({
                "id": id, "tree": tree, "parents": parents, "author": person(an, ae, ad),
                "committer": person(cn, ce, cd), "message": message.trim_end(),
            }))
        })
        .collect()
}

/// `GET .../commits?ref=&path=&page=&per_page=`: newest first.
pub async fn commits(
    State(app): State<App>,
    Repo(repo): Repo,
    Params(page): Params<CommitsPage>,
) -> Result<Response, ApiError> {
    let dir = folder(&app, &repo).await?;
    let path = check_path(&page.path)?;
    let size = page.per_page.unwrap_or(30).clamp(1, PAGE);
    let number = page.page.unwrap_or(1).clamp(1, 1_000_000);
    let meta = |more: bool| json!({"page": number, "per_page": size, "more": more});
    let tip = match commit(&app, &dir, &page.revision).await {
        Ok(tip) => tip,
        // A repository without a commit has an empty history, not a missing one.
        Err(error) if error.status == StatusCode::NOT_FOUND && page.revision == "HEAD" => {
            return Ok(Json(json!({"data": [], "meta": meta(false)})).into_response());
        }
        Err(error) => return Err(error),
    };
    let count = format!("--max-count={}", size + 1);
    let skip = format!("--skip={}", (number - 1) * size);
    let mut arguments = vec!["log", COMMIT_FORMAT, &count, &skip, "--end-of-options", &tip];
    let excluded;
    if let Some(exclude) = &page.exclude {
        excluded = format!("^{}", commit(&app, &dir, exclude).await?);
        arguments.push(&excluded);
    }
    arguments.push("--");
    let literal = format!(":(literal){path}");
    if !path.is_empty() {
        arguments.push(&literal);
    }
    let output = Git::at(&app.config, &dir).run(&arguments, None, TEXT).await?.success()?;
    let mut data = parse_commits(&output);
    let more = data.len() > size;
    data.truncate(size);
    Ok(Json(json!({"data": data, "meta": meta(more)})).into_response())
}

#[derive(Deserialize)]
pub struct TreePage {
    #[serde(default = "head", rename = "ref")]
    revision: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    recursive: bool,
    limit: Option<usize>,
}

fn entry_type(mode: &str, kind: &str) -> &'static str {
    match (mode, kind) {
        ("120000", _) => "symlink",
        ("160000", _) => "submodule",
        (_, "tree") => "tree",
        _ => "blob",
    }
}

/// `GET .../tree?ref=&path=&recursive=`: what is in a folder.
pub async fn tree(
    State(app): State<App>,
    Repo(repo): Repo,
    Params(page): Params<TreePage>,
) -> Result<Response, ApiError> {
    let dir = folder(&app, &repo).await?;
    let path = check_path(&page.path)?;
    let tip = match commit(&app, &dir, &page.revision).await {
        Err(error) if error.status == StatusCode::NOT_FOUND && page.revision == "HEAD" && path.is_empty() => {
            return Ok(Json(json!({"data": [], "meta": {"commit": null, "truncated": false}})).into_response());
        }
        other => other?,
    };
    let limit = page.limit.unwrap_or(10_000).clamp(1, 100_000);
    let git = Git::at(&app.config, &dir);
    let place = format!("{tip}:{path}");
    let kind = git.run(&["cat-file", "-t", &place], None, 256).await?;
    match (kind.code, kind.text().as_str()) {
        (0, "tree") => {}
        (0, _) => return Err(ApiError::bad_request("This is a file, not a folder")),
        _ => return Err(ApiError::not_found("There is no such folder")),
    }
    let mut arguments = vec!["ls-tree", "-z", "-l"];
    if page.recursive {
        arguments.push("-r");
    }
    arguments.push(&place);
    let output = git.run(&arguments, None, TEXT).await?.success()?;
    let mut entries = output.split(|&byte| byte == 0).filter_map(|line| {
        let tab = line.iter().position(|&byte| byte == b'\t')?;
        let meta = text(&line[..tab]);
        let mut words = meta.split_ascii_whitespace();
        let (mode, kind, id, size) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let name = text(&line[tab + 1..]);
        Some(json!({"name": name, "mode": mode, "type": entry_type(mode, kind), "id": id, "size": size.parse::<u64>().ok()}))
    });
    let data: Vec<Value> = entries.by_ref().take(limit).collect();
    let truncated = entries.next().is_some();
    Ok(Json(json!({"data": data, "meta": {"commit": tip, "truncated": truncated}})).into_response())
}

#[derive(Deserialize)]
pub struct BlobAt {
    #[serde(default = "head", rename = "ref")]
    revision: String,
    #[serde(default)]
    path: String,
    id: Option<String>,
}

/// `GET .../blob?ref=&path=` or `?id=`: the bytes of a file, streamed.
pub async fn blob(State(app): State<App>, Repo(repo): Repo, Params(at): Params<BlobAt>) -> Result<Response, ApiError> {
    let dir = folder(&app, &repo).await?;
    let git = Git::at(&app.config, &dir);
    let place = match &at.id {
        Some(id) if is_oid(id) => id.clone(),
        Some(_) => return Err(ApiError::bad_request("This is not the id of an object")),
        None => {
            let path = check_path(&at.path)?;
            if path.is_empty() {
                return Err(ApiError::bad_request("Say which file"));
            }
            format!("{}:{path}", commit(&app, &dir, &at.revision).await?)
        }
    };
    let question = format!("{place}\n");
    if question.trim_end().contains('\n') {
        return Err(ApiError::not_found("There is no such file"));
    }
    let check = ["cat-file", "--batch-check=%(objecttype) %(objectsize) %(objectname)"];
    let answer = text(&git.run(&check, Some(question.as_bytes()), 8192).await?.success()?);
    let words: Vec<&str> = answer.split_ascii_whitespace().collect();
    let (size, id) = match words.as_slice() {
        ["blob", size, id] => (size.parse::<u64>().map_err(ApiError::internal)?, (*id).to_owned()),
        ["tree" | "commit" | "tag", _, _] => return Err(ApiError::bad_request("This is not a file")),
        _ => return Err(ApiError::not_found("There is no such file")),
    };
    if size > app.config.max_blob_bytes {
        let error =
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", "The file is larger than what is handed out");
        return Err(error.with(json!({"size": size, "limit": app.config.max_blob_bytes})));
    }
    let mut command = git::command(&app.config, &[]);
    command.arg("--git-dir").arg(&dir).args(["cat-file", "blob", &id]).stderr(Stdio::null());
    let mut child = command.spawn().map_err(ApiError::internal)?;
    let group = Group::of(&child);
    let stdout = child.stdout.take().ok_or_else(|| ApiError::internal("git has no pipe"))?;
    let mut held = Some((child, group));
    let stream = futures_util::StreamExt::map(ReaderStream::with_capacity(stdout, 64 * 1024), move |chunk| {
        let _ = &mut held; // ends with the stream, or when the client leaves
        chunk
    });
    Response::builder()
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::CONTENT_LENGTH, size) // a shorter body is then seen as cut
        .header(header::ETAG, format!("\"{id}\""))
        .body(Body::from_stream(stream))
        .map_err(ApiError::internal)
}

#[derive(Deserialize)]
pub struct Compared {
    base: String,
    head: String,
}

/// `GET .../compare?base=&head=`: merge base, how far apart, the commits and files between, and whether they merge.
pub async fn compare(
    State(app): State<App>,
    Repo(repo): Repo,
    Params(of): Params<Compared>,
) -> Result<Response, ApiError> {
    let dir = folder(&app, &repo).await?;
    let git = Git::at(&app.config, &dir);
    let base = commit(&app, &dir, &of.base).await?;
    let head = commit(&app, &dir, &of.head).await?;
    let found = git.run(&["merge-base", &base, &head], None, 4096).await?;
    let merge_base = if found.code == 0 { Some(found.text()) } else { None };
    let range = format!("{base}...{head}");
    let counts = git.run(&["rev-list", "--left-right", "--count", &range], None, 256).await?.success()?;
    let counts: Vec<u64> = text(&counts).split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [behind, ahead] = counts.as_slice() else { return Err(ApiError::internal("rev-list printed no counts")) };
    let limit = format!("--max-count={}", PAGE + 1);
    let excluded = format!("^{base}");
    let log = git.run(&["log", COMMIT_FORMAT, &limit, &head, &excluded, "--"], None, TEXT).await?.success()?;
    let mut commits = parse_commits(&log);
    let mut truncated = commits.len() > PAGE;
    commits.truncate(PAGE);
    let from = match &merge_base {
        Some(commit) => commit.clone(),
        None => git.run(&["hash-object", "-t", "tree", "/dev/null"], None, 256).await?.text(),
    };
    let diff =
        git.run(&["diff-tree", "-r", "-z", "--raw", "--no-renames", &from, &head], None, TEXT).await?.success()?;
    let mut files = Vec::new();
    let mut fields = diff.split(|&byte| byte == 0);
    while let (Some(meta), Some(path)) = (fields.next(), fields.next()) {
        let meta = text(meta);
        let words: Vec<&str> = meta.trim_start_matches(':').split(' ').collect();
        let [old_mode, mode, old, new, status] = words.as_slice() else { break };
        if files.len() == MOST {
            truncated = true;
            break;
        }
        files.push(
            json!({"path": text(path), "status": status, "old_mode": old_mode, "mode": mode, "old": old, "new": new}),
        );
    }
    let body = json!({"data": {
        "base": base, "head": head, "merge_base": merge_base, "ahead": ahead, "behind": behind,
        "fast_forward": merge_base.as_deref() == Some(base.as_str()), "commits": commits, "files": files,
        "truncated": truncated,
    }});
    Ok(Json(body).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_tree() {
        assert_eq!(check_path("/src/main.rs").unwrap(), "src/main.rs");
        for path in ["../x", "a/../b", "a//b", "./a", "a\0b"] {
            assert!(check_path(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn commits_are_read_whatever_their_message_holds() {
        let line = ["c1", "t1", "p1 p2", "A", "a@x", "d1", "B", "b@x", "d2", "one\n\ntwo\n"].join("\u{1f}");
        let found = parse_commits(format!("{line}\u{1e}\n").as_bytes());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["parents"], json!(["p1", "p2"]));
        assert_eq!(found[0]["message"], "one\n\ntwo");
    }
}
