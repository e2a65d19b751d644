//! Locks by repository: pushes share the gate, what moves or removes the folder has it alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::error::ApiError;
use crate::names::RepoName;

/// One lock for each repository that somebody uses now.
#[derive(Default)]
pub struct Locks(Mutex<HashMap<String, Weak<RwLock<()>>>>);

impl Locks {
    fn of(&self, repo: &RepoName) -> Arc<RwLock<()>> {
        // A repository and its wiki move together, so they share one.
        let key = format!("{}/{}", repo.owner, repo.name).to_ascii_lowercase();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = all.get(&key).and_then(Weak::upgrade) {
            return lock;
        }
        if all.len() > 1024 {
            all.retain(|_, lock| lock.strong_count() > 0);
        }
        let lock = Arc::new(RwLock::new(()));
        all.insert(key, Arc::downgrade(&lock));
        lock
    }

    /// Take part: the repository stays where it is.
    pub async fn shared(&self, repo: &RepoName, wait: Duration) -> Result<OwnedRwLockReadGuard<()>, ApiError> {
        tokio::time::timeout(wait, self.of(repo).read_owned()).await.map_err(|_| busy())
    }

    /// Have the repository alone.
    pub async fn alone(&self, repo: &RepoName, wait: Duration) -> Result<OwnedRwLockWriteGuard<()>, ApiError> {
        tokio::time::timeout(wait, self.of(repo).write_owned()).await.map_err(|_| busy())
    }
}

fn busy() -> ApiError {
    ApiError::unavailable("The repository is in use; try again", 5).because("a repository's lock was not free in time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pushes_share_and_a_rename_waits_for_them() {
        let locks = Locks::default();
        let repo = RepoName::new("o", "r").unwrap();
        let wait = Duration::from_millis(20);
        let first = locks.shared(&repo, wait).await.unwrap();
        let second = locks.shared(&repo.wiki(), wait).await.unwrap();
        assert!(locks.alone(&repo, wait).await.is_err());
        drop((first, second));
        let alone = locks.alone(&RepoName::new("O", "R").unwrap(), wait).await.unwrap();
        assert!(locks.shared(&repo, wait).await.is_err());
        drop(alone);
    }
}
