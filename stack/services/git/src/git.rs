//! How git is run: nothing of anybody's configuration, no prompt, one language, any owner of the files, and never
//! longer than a deadline or than whoever waits for it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::config::Config;
use crate::error::ApiError;

/// As much of what git says about an error as is worth a log line.
const STDERR_BYTES: usize = 4096;

/// What a finished command left.
pub struct Output {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Output {
    /// The output when it succeeded, else an internal error with git's own words for the log.
    pub fn success(self) -> Result<Vec<u8>, ApiError> {
        if self.code == 0 {
            Ok(self.stdout)
        } else {
            Err(ApiError::internal(format!("git ended with {}: {}", self.code, self.stderr)))
        }
    }

    /// The output as one trimmed line.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }
}

/// A git command in the isolated environment, in its own process group, that dies with whoever holds it.
#[must_use]
pub fn command(config: &Config, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(&config.git);
    command.env_clear();
    for name in ["PATH", "LD_LIBRARY_PATH", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let isolated = [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_ATTR_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_ASKPASS", "false"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("HOME", "/nonexistent"),
        ("XDG_CONFIG_HOME", "/nonexistent"),
        ("LC_ALL", "C"),
        ("TZ", "UTC"),
    ];
    command.envs(isolated);
    let hooks = config.hooks();
    let base = [
        // A restored or shared volume belongs to another uid; that must not look like lost data.
        ("safe.directory", "*"),
        ("core.quotePath", "false"),
        ("core.hooksPath", hooks.to_str().unwrap_or("/nonexistent")),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
        ("i18n.logOutputEncoding", "UTF-8"),
        ("log.showSignature", "false"),
        ("protocol.allow", "never"),
    ];
    for (number, (key, value)) in base.iter().chain(settings).enumerate() {
        command.env(format!("GIT_CONFIG_KEY_{number}"), key);
        command.env(format!("GIT_CONFIG_VALUE_{number}"), value);
    }
    command.env("GIT_CONFIG_COUNT", (base.len() + settings.len()).to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    command
}

/// Ends a process group when it goes out of scope; git's children do the work, so they must go too.
pub struct Group(Option<rustix::process::Pid>);

impl Group {
    /// Take charge of a child that leads its own process group.
    #[must_use]
    pub fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw))
    }

    /// Let git remove its lock files and temporary packs, and end.
    pub fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// It has ended: the number may belong to somebody else soon.
    pub fn ended(&mut self) {
        self.0 = None;
    }

    fn signal(&self, signal: rustix::process::Signal) {
        if let Some(group) = self.0 {
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(rustix::process::Signal::KILL);
    }
}

/// Ask a group to end, and make it end when it doesn't; the exit code, if it had one.
pub async fn stop(child: &mut Child, group: &mut Group) -> Option<i32> {
    group.terminate();
    let status = match tokio::time::timeout(Duration::from_secs(5), child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            group.signal(rustix::process::Signal::KILL);
            child.wait().await
        }
    };
    // The leader is gone; whatever of its group is left goes with it.
    group.signal(rustix::process::Signal::KILL);
    group.ended();
    status.ok().and_then(|status| status.code())
}

/// What git said, without more than a log line holds.
pub fn clip(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(&stderr[..stderr.len().min(STDERR_BYTES)]);
    text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// Read a stream to its end and keep its beginning.
pub async fn read_some(mut from: impl tokio::io::AsyncRead + Unpin, limit: usize) -> Vec<u8> {
    use tokio::io::AsyncReadExt;
    let mut kept = Vec::new();
    let mut buffer = [0_u8; 8192];
    while let Ok(count) = from.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        let room = limit.saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..count.min(room)]);
    }
    kept
}

/// Runs git commands on one repository.
#[derive(Clone, Copy)]
pub struct Git<'a> {
    pub config: &'a Config,
    pub dir: Option<&'a Path>,
    pub env: &'a [(&'a str, &'a str)],
}

impl<'a> Git<'a> {
    #[must_use]
    pub fn at(config: &'a Config, dir: &'a Path) -> Self {
        Self { config, dir: Some(dir), env: &[] }
    }

    /// Run one command to its end; what it prints is limited, how long it runs too.
    pub async fn run(self, arguments: &[&str], stdin: Option<&[u8]>, limit: usize) -> Result<Output, ApiError> {
        let mut command = command(self.config, &[]);
        if let Some(dir) = self.dir {
            command.arg("--git-dir").arg(dir);
        }
        command.args(arguments).envs(self.env.iter().copied());
        if stdin.is_some() {
            command.stdin(Stdio::piped());
        }
        let work = async {
            let mut child =
                command.spawn().map_err(|error| ApiError::internal(format!("git can't be run: {error}")))?;
            let mut group = Group::of(&child);
            let (input, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
            let write = async {
                if let (Some(mut pipe), Some(data)) = (input, stdin) {
                    let _ = pipe.write_all(data).await; // a command that reads no more says why by its exit code
                }
            };
            let read = async {
                match stdout {
                    Some(pipe) => read_some(pipe, limit + 1).await,
                    None => Vec::new(),
                }
            };
            let errors = async {
                match stderr {
                    Some(pipe) => read_some(pipe, STDERR_BYTES).await,
                    None => Vec::new(),
                }
            };
            let ((), stdout, stderr, status) = tokio::join!(write, read, errors, child.wait());
            group.ended();
            let status = status.map_err(ApiError::internal)?;
            if stdout.len() > limit {
                return Err(ApiError::internal(format!("git {} printed more than {limit} bytes", arguments[0])));
            }
            Ok(Output { code: status.code().unwrap_or(-1), stdout, stderr: clip(&stderr) })
        };
        match tokio::time::timeout(self.config.command_timeout, work).await {
            Ok(output) => output,
            Err(_) => Err(ApiError::unavailable("The repository takes too long to answer", 10)
                .because(format!("git {} outlived its deadline", arguments[0]))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_becomes_one_line() {
        assert_eq!(clip(b"fatal: one\n\n  two \n"), "fatal: one; two");
        assert!(clip(&[b'x'; 10_000]).len() <= STDERR_BYTES);
    }
}
