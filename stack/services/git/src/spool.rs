//! Pushes that are not announced yet, on disk. An entry is written before git is asked to accept a push and removed
//! when its event is committed, so neither a crash nor an outage of the database loses one. What remains is announced
//! later, again and again until it is done; the reconciling poll would find it too.
//!
//! `<id>.push` says which repository; `<id>.refs`, written by the post-receive hook, says which refs moved.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::announce::{announce, Announced};
use crate::error::ApiError;
use crate::names::RepoName;
use crate::refs::{parse_updates, RefUpdate};
use crate::state::App;

/// Git runs it after the refs have moved, with one line `old new ref` for each on its input.
const HOOK: &str = "#!/bin/sh\n[ -n \"$ENGINEROOM_PUSH\" ] || exit 0\ncat > \"$ENGINEROOM_PUSH.part\" && mv \"$ENGINEROOM_PUSH.part\" \"$ENGINEROOM_PUSH\"\n";
/// The first and the longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// One push, as it is written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    #[serde(skip)]
    pub id: String,
    pub owner: String,
    pub folder: String,
    /// Digest of the refs before the push; when it is still the same afterwards, nothing happened.
    pub before: String,
    pub request_id: String,
}

/// The folder of entries.
pub struct Spool {
    dir: PathBuf,
    next: AtomicU64,
    /// Entries whose git runs in this process, and the repository of each.
    active: Mutex<HashMap<String, String>>,
    wake: Notify,
}

impl Spool {
    /// Make the folders and the hook; nothing is announced yet.
    pub fn open(dir: &Path, hooks: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        std::fs::create_dir_all(hooks)?;
        let (part, hook) = (hooks.join(".post-receive.part"), hooks.join("post-receive"));
        std::fs::write(&part, HOOK)?;
        std::fs::set_permissions(&part, std::fs::Permissions::from_mode(0o755))?;
        std::fs::rename(&part, &hook)?;
        // Part of every id, so that no entry of an earlier process has the same one.
        let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        Ok(Self { dir: dir.to_owned(), next: AtomicU64::new(start), active: Mutex::default(), wake: Notify::new() })
    }

    /// Write an entry down, on the disk itself; it belongs to the caller until `release`.
    pub fn begin(&self, repo: &RepoName, before: String, request_id: &str) -> std::io::Result<Entry> {
        let id = format!("{:020}", self.next.fetch_add(1, Ordering::Relaxed));
        let entry = Entry {
            id: id.clone(),
            owner: repo.owner.clone(),
            folder: repo.folder(),
            before,
            request_id: request_id.to_owned(),
        };
        self.lock().insert(id.clone(), repo.key());
        let write = || {
            let part = self.dir.join(format!("{id}.part"));
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
            file.write_all(&serde_json::to_vec(&entry)?)?;
            file.sync_all()?;
            std::fs::rename(&part, self.dir.join(format!("{id}.push")))?;
            std::fs::File::open(&self.dir)?.sync_all()
        };
        write().inspect_err(|_| self.release(&id))?;
        Ok(entry)
    }

    /// Where the hook of a push writes.
    #[must_use]
    pub fn refs_file(&self, entry: &Entry) -> PathBuf {
        self.dir.join(format!("{}.refs", entry.id))
    }

    /// What the hook wrote; `None` when it didn't run to its end.
    #[must_use]
    pub fn updates(&self, entry: &Entry) -> Option<Vec<RefUpdate>> {
        std::fs::read(self.refs_file(entry)).ok().map(|text| parse_updates(&text))
    }

    /// It is announced, or nothing happened.
    pub fn done(&self, entry: &Entry) {
        // First what makes it an entry: a crash in between leaves a file that nobody reads.
        for ending in ["push", "refs", "refs.part", "part"] {
            let _ = std::fs::remove_file(self.dir.join(format!("{}.{ending}", entry.id)));
        }
        self.release(&entry.id);
    }

    /// Leave it to the worker.
    pub fn release(&self, id: &str) {
        self.lock().remove(id);
        self.wake.notify_one();
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids().map_or(0, |ids| ids.len())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether another push to the same repository is under way.
    fn others(&self, entry: &Entry, repo: &RepoName) -> bool {
        let key = repo.key();
        self.lock().iter().any(|(id, other)| *id != entry.id && *other == key)
    }

    fn ids(&self) -> std::io::Result<Vec<String>> {
        let mut ids = Vec::new();
        for file in std::fs::read_dir(&self.dir)? {
            if let Some(id) = file?.file_name().to_str().and_then(|name| name.strip_suffix(".push")) {
                ids.push(id.to_owned());
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// Entries that no push of this process is busy with, the oldest first.
    fn waiting(&self) -> std::io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for id in self.ids()? {
            if self.lock().contains_key(&id) {
                continue;
            }
            let Ok(text) = std::fs::read(self.dir.join(format!("{id}.push"))) else { continue };
            match serde_json::from_slice::<Entry>(&text) {
                Ok(entry) => entries.push(Entry { id, ..entry }),
                Err(error) => {
                    // Kept under another name for a person to look at; the poll will find the push.
                    tracing::error!(entry = %id, %error, "a spooled push can't be read");
                    let from = self.dir.join(format!("{id}.push"));
                    let _ = std::fs::rename(&from, from.with_extension("unreadable"));
                }
            }
        }
        Ok(entries)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Announce one push whose git has ended, and forget it when that is done.
pub async fn settle(app: &App, entry: &Entry) -> Result<Announced, ApiError> {
    let repo = RepoName::from_folder(&entry.owner, &entry.folder)?;
    let updates = app.spool.updates(entry);
    let result = match &updates {
        Some(moves) => announce(app, &repo, Some(moves)).await,
        None => match unmoved(app, &repo, entry).await {
            Ok(true) => Ok(Announced::Nothing),
            // What moved is most likely the other's, and will be told by it: look again when it has ended.
            Ok(false) if app.spool.others(entry, &repo) => return Ok(Announced::Later),
            Ok(false) => announce(app, &repo, None).await,
            Err(error) => Err(error),
        },
    };
    let result = match result {
        // Deleted or renamed meanwhile, with events of its own.
        Err(error) if error.status == axum::http::StatusCode::NOT_FOUND => Ok(Announced::Unknown),
        other => other,
    };
    let label = match &result {
        Ok(Announced::Event) => "event",
        Ok(Announced::Nothing) => "nothing",
        Ok(Announced::Unknown) => "unknown",
        Ok(Announced::Later) => "later",
        Err(_) => "failed",
    };
    app.metrics.announcements.with_label_values(&[label]).inc();
    match &result {
        Ok(what) => {
            if *what == Announced::Unknown {
                tracing::warn!(repository = %repo, "a push to a repository that the forge doesn't have");
            }
            app.spool.done(entry);
        }
        Err(error) => tracing::warn!(repository = %repo, request_id = %entry.request_id,
            error = error.cause.as_deref().unwrap_or(&error.message), "a push can't be announced yet"),
    }
    result
}

/// An entry that one task announces now; given back however that ends.
struct Claim<'a>(&'a Spool, &'a str);

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Nobody is woken: the worker would look at what it has just failed at.
        self.0.lock().remove(self.1);
    }
}

impl Spool {
    fn claim<'a>(&'a self, entry: &'a Entry) -> Option<Claim<'a>> {
        let repo = RepoName::from_folder(&entry.owner, &entry.folder).ok()?;
        match self.lock().entry(entry.id.clone()) {
            std::collections::hash_map::Entry::Occupied(_) => return None,
            std::collections::hash_map::Entry::Vacant(free) => free.insert(repo.key()),
        };
        let claim = Claim(self, &entry.id);
        // Between the look into the folder and now another task may have been through with it.
        self.dir.join(format!("{}.push", entry.id)).exists().then_some(claim)
    }
}

/// Announce what waits for a repository and its wiki, the oldest first.
///
/// Needed before it gets another name, when nobody would know any more whom a push was to, and before a later push is
/// announced.
pub async fn flush(app: &App, repo: &RepoName) -> Result<(), ApiError> {
    let mine = |entry: &Entry| {
        let name = RepoName::from_folder(&entry.owner, &entry.folder);
        name.is_ok_and(|name| RepoName { wiki: repo.wiki, ..name }.key() == repo.key())
    };
    for entry in app.spool.waiting()?.iter().filter(|entry| mine(entry)) {
        if let Some(_claim) = app.spool.claim(entry) {
            settle(app, entry).await?;
        }
    }
    Ok(())
}

async fn unmoved(app: &App, repo: &RepoName, entry: &Entry) -> Result<bool, ApiError> {
    let dir = repo.path(&app.config.root);
    Ok(crate::refs::Refs::read(&app.config, &dir).await?.digest() == entry.before)
}

/// Announce whatever waits, until the service ends.
pub async fn work(app: App) {
    let mut pause = PAUSES.0;
    loop {
        let waiting = app.spool.waiting().unwrap_or_else(|error| {
            tracing::error!(%error, "the spool can't be read");
            Vec::new()
        });
        let mut failed = HashSet::new();
        for entry in &waiting {
            if app.stopping.is_cancelled() {
                return;
            }
            // Pushes to one repository are told in their order: after one that can't be, the others wait.
            let repository = (&entry.owner, &entry.folder);
            if failed.contains(&repository) {
                continue;
            }
            if let Some(_claim) = app.spool.claim(entry) {
                if settle(&app, entry).await.is_err() {
                    failed.insert(repository);
                }
            }
        }
        let failed = !failed.is_empty();
        pause = if failed { (pause * 2).min(PAUSES.1) } else { PAUSES.0 };
        // A wake-up while the database is down must not shorten the pause; without failures it is what we wait for.
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = app.spool.wake.notified(), if !failed => {}
            () = tokio::time::sleep(pause), if failed => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path) -> Spool {
        Spool::open(&dir.join("spool"), &dir.join("hooks")).unwrap()
    }

    #[test]
    fn an_entry_outlives_its_process_and_is_busy_only_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let repo = RepoName::from_folder("o", "r.wiki.git").unwrap();
        let spool = open(dir.path());
        let entry = spool.begin(&repo, "before".into(), "request").unwrap();
        assert_eq!(spool.len(), 1);
        assert!(spool.waiting().unwrap().is_empty());
        let again = open(dir.path());
        let found = again.waiting().unwrap();
        assert_eq!((found[0].owner.as_str(), found[0].folder.as_str()), ("o", "r.wiki.git"));
        assert!(again.updates(&found[0]).is_none());
        spool.done(&entry);
        assert!(again.is_empty());
    }

    #[test]
    fn an_unreadable_entry_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let spool = open(dir.path());
        std::fs::write(dir.path().join("spool/1.push"), "{").unwrap();
        assert!(spool.waiting().unwrap().is_empty());
        assert!(dir.path().join("spool/1.unreadable").exists() && spool.is_empty());
    }

    #[test]
    fn the_hook_writes_what_git_tells_it() {
        let dir = tempfile::tempdir().unwrap();
        let spool = open(dir.path());
        let entry = spool.begin(&RepoName::new("o", "r").unwrap(), String::new(), "").unwrap();
        let mut child = std::process::Command::new(dir.path().join("hooks/post-receive"))
            .env("ENGINEROOM_PUSH", spool.refs_file(&entry))
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let line = format!("{} {} refs/heads/main\n", "0".repeat(40), "a".repeat(40));
        child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(spool.updates(&entry).unwrap()[0].name, "refs/heads/main");
    }
}
