//! The refs of a repository at one moment, and the digest over them that the reconciling poll compares.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::error::ApiError;
use crate::git::Git;

/// The most that the refs of one repository may print: about ten million refs.
const REFS_BYTES: usize = 1 << 30;

/// How one ref moved; a side is absent when the ref was made or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefUpdate {
    #[serde(rename = "ref")]
    pub name: String,
    pub old: Option<String>,
    pub new: Option<String>,
}

/// Every ref with the object it names, and HEAD.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refs {
    pub all: BTreeMap<Vec<u8>, String>,
    pub head_ref: Option<String>,
    pub head_commit: Option<String>,
}

impl Refs {
    /// Read them with git.
    pub async fn read(config: &Config, dir: &Path) -> Result<Self, ApiError> {
        if !crate::repositories::present(dir).await {
            return Err(ApiError::no_repository());
        }
        let git = Git::at(config, dir);
        let output = git.run(&["for-each-ref", "--format=%(objectname) %(refname)"], None, REFS_BYTES).await?;
        let all = parse(&output.success()?);
        let head = tokio::fs::read(dir.join("HEAD")).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => ApiError::no_repository(),
            _ => ApiError::internal(error),
        })?;
        let head = String::from_utf8_lossy(&head).trim().to_owned();
        let (head_ref, head_commit) = match head.strip_prefix("ref:").map(str::trim) {
            Some(name) if all.contains_key(name.as_bytes()) => {
                (Some(name.to_owned()), all.get(name.as_bytes()).cloned())
            }
            Some(name) => {
                // Unborn; or kept where only git finds it.
                let found = git.run(&["rev-parse", "--verify", "--quiet", "HEAD"], None, 256).await?;
                (Some(name.to_owned()), (found.code == 0).then(|| found.text()))
            }
            None => (None, Some(head)),
        };
        Ok(Self { all, head_ref, head_commit })
    }

    /// What one ref names.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&String> {
        self.all.get(name.as_bytes())
    }

    /// SHA-256 over HEAD and all refs, the same as `refs_digest` in `stack/forge/git.py`.
    #[must_use]
    pub fn digest(&self) -> String {
        let show = |value: &Option<String>| value.clone().unwrap_or_else(|| "None".to_owned());
        let mut hash = Sha256::new();
        hash.update(format!("HEAD {} {}\n", show(&self.head_ref), show(&self.head_commit)));
        for (name, oid) in &self.all {
            hash.update(name);
            hash.update(format!(" {oid}\n"));
        }
        hex(&hash.finalize())
    }
}

fn parse(output: &[u8]) -> BTreeMap<Vec<u8>, String> {
    let lines = output.split(|&byte| byte == b'\n');
    lines
        .filter_map(|line| {
            let space = line.iter().position(|&byte| byte == b' ')?;
            Some((line[space + 1..].to_vec(), String::from_utf8_lossy(&line[..space]).into_owned()))
        })
        .collect()
}

/// The lines `old new ref` that a post-receive hook is given.
#[must_use]
pub fn parse_updates(text: &[u8]) -> Vec<RefUpdate> {
    let some = |oid: &str| (!oid.bytes().all(|byte| byte == b'0')).then(|| oid.to_owned());
    let text = String::from_utf8_lossy(text);
    text.lines()
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            let (old, new, name) = (words.next()?, words.next()?, words.next()?);
            Some(RefUpdate { name: name.to_owned(), old: some(old), new: some(new) })
        })
        .collect()
}

/// Bytes in hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_forge() {
        // From Python: refs_digest({"refs/heads/main": "a" * 40, "refs/heads/b": "b" * 40}, Head("refs/heads/main", "a" * 40))
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let refs = Refs {
            all: parse(format!("{a} refs/heads/main\n{b} refs/heads/b\n").as_bytes()),
            head_ref: Some("refs/heads/main".into()),
            head_commit: Some(a),
        };
        assert_eq!(refs.digest(), "96afe158d96282eda36ed3ce50b5dabcc7add5bb4d8c864b030b84e4df70ecd6");
        let empty = Refs { head_ref: Some("refs/heads/main".into()), ..Refs::default() };
        assert_eq!(empty.digest(), "de5ea760b471fca8e11fdead60a9e8fef57c1198da37922987cdcb49bda6030f");
    }

    #[test]
    fn updates_of_a_hook_tell_what_was_made_and_what_was_deleted() {
        let (zero, a) = ("0".repeat(40), "a".repeat(40));
        let text = format!("{zero} {a} refs/heads/new\n{a} {zero} refs/heads/gone\n");
        let updates = parse_updates(text.as_bytes());
        assert_eq!(updates[0], RefUpdate { name: "refs/heads/new".into(), old: None, new: Some(a.clone()) });
        assert_eq!(updates[1], RefUpdate { name: "refs/heads/gone".into(), old: Some(a), new: None });
    }
}
