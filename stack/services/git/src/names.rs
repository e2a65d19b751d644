//! Names that are safe in a path, a URL and a git command, and the layout `<owner>/<name>.git`.
//!
//! The rules are those of `stack/forge/names.py`: what passes here passes there, and the reverse. Names are checked
//! as they arrived, before anything touches the file system; a name needs no percent-encoding, so none is decoded.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::ApiError;

/// Lengths of the columns that hold the names.
const OWNER_LENGTH: usize = 40;
const NAME_LENGTH: usize = 100;
const RESERVED_ENDINGS: [&str; 4] = [".git", ".wiki", ".lock", "."];

/// A repository (or its wiki) by its checked name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RepoName {
    pub owner: String,
    pub name: String,
    pub wiki: bool,
}

impl RepoName {
    /// A repository by owner and name; refuses what is no name.
    pub fn new(owner: &str, name: &str) -> Result<Self, ApiError> {
        if !is_owner(owner) {
            return Err(ApiError::bad_name("owner"));
        }
        if !is_repository(name) {
            return Err(ApiError::bad_name("repository"));
        }
        Ok(Self { owner: owner.to_owned(), name: name.to_owned(), wiki: false })
    }

    /// A repository by owner and folder: `name.git`, or `name.wiki.git` for its wiki.
    pub fn from_folder(owner: &str, folder: &str) -> Result<Self, ApiError> {
        let stem = folder.strip_suffix(".git").ok_or_else(|| ApiError::bad_name("repository"))?;
        let (name, wiki) = stem.strip_suffix(".wiki").map_or((stem, false), |name| (name, true));
        Ok(Self { wiki, ..Self::new(owner, name)? })
    }

    /// The same repository's wiki.
    #[must_use]
    pub fn wiki(&self) -> Self {
        Self { wiki: true, ..self.clone() }
    }

    /// The name of its folder.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("{}{}.git", self.name, if self.wiki { ".wiki" } else { "" })
    }

    /// Where it is below the root.
    #[must_use]
    pub fn path(&self, root: &Path) -> PathBuf {
        root.join(&self.owner).join(self.folder())
    }

    /// What a lock is named by: the forge takes names that differ only in case for one.
    #[must_use]
    pub fn key(&self) -> String {
        self.to_string().to_ascii_lowercase()
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.owner, self.folder())
    }
}

/// Whether this can be the name of a user or an organisation.
#[must_use]
pub fn is_owner(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=OWNER_LENGTH).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes.iter().all(|&byte| allowed(byte))
        && !reserved(name)
}

/// Whether this can be the name of a repository.
#[must_use]
pub fn is_repository(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=NAME_LENGTH).contains(&bytes.len())
        && (bytes[0].is_ascii_alphanumeric() || bytes[0] == b'_')
        && bytes.iter().all(|&byte| allowed(byte))
        && !reserved(name)
}

fn allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

fn reserved(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    name.contains("..") || RESERVED_ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

/// Whether this is the short name of a branch that git takes, and that can't be mistaken for an option or a path.
///
/// The rules are those of git-check-ref-format(1); asking git would cost a process for each question.
#[must_use]
pub fn is_branch(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && name != "HEAD"
        && name != "@"
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && name.chars().all(|c| !c.is_control() && !" ~^:?*[\\\u{7f}".contains(c))
        && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
}

/// Whether this is an object id, whole.
#[must_use]
pub fn is_oid(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_forge_takes_are_taken() {
        for name in ["a", "A9", "a.b", "a_b-c", "a-", "a_"] {
            assert!(is_owner(name), "{name}");
            assert!(is_repository(name), "{name}");
        }
        assert!(is_repository("_x") && !is_owner("_x"));
        assert!(is_owner(&"a".repeat(40)) && !is_owner(&"a".repeat(41)));
        assert!(is_repository(&"a".repeat(100)) && !is_repository(&"a".repeat(101)));
    }

    #[test]
    fn names_that_leave_the_folder_or_confuse_git_are_refused() {
        for name in [
            "", ".", "..", "a..b", "a/b", "/a", "-a", ".a", "a.", "a.git", "a.GIT", "a.wiki", "a.lock", "a b", "a\0",
            "a%2Fb", "ä", "a\n", "~a", "a\\b",
        ] {
            assert!(!is_owner(name), "{name:?}");
            assert!(!is_repository(name), "{name:?}");
        }
    }

    #[test]
    fn a_folder_names_a_repository_or_its_wiki() {
        let plain = RepoName::from_folder("o", "r.git").unwrap();
        assert_eq!((plain.to_string().as_str(), plain.wiki), ("o/r.git", false));
        let wiki = RepoName::from_folder("o", "r.wiki.git").unwrap();
        assert_eq!((wiki.to_string().as_str(), wiki.wiki, wiki.name.as_str()), ("o/r.wiki.git", true, "r"));
        for folder in ["r", ".git", ".wiki.git", "r.git.git", "r.wiki.wiki.git", "..git", "...git"] {
            assert!(RepoName::from_folder("o", folder).is_err(), "{folder}");
        }
    }

    #[test]
    fn branches_follow_the_format_of_refs() {
        for name in ["main", "feature/x", "v1.0", "ünï", "a@b"] {
            assert!(is_branch(name), "{name}");
        }
        for name in
            ["", "-x", "a..b", "a b", "a/", "/a", "a//b", ".a", "a/.b", "a.lock", "a~1", "a^", "a:b", "@{u}", "x."]
        {
            assert!(!is_branch(name), "{name}");
        }
    }
}
