//! The service's configuration: environment variables, read once, each checked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// All that can be set; `docs/services-git.md` describes each variable.
#[derive(Clone)]
pub struct Config {
    pub listen: SocketAddr,
    pub root: PathBuf,
    pub state: PathBuf,
    pub database_url: String,
    pub database_pool: usize,
    pub token: String,
    pub git: String,
    pub max_processes: usize,
    pub max_connections: usize,
    pub queue: Duration,
    pub idle: Duration,
    pub min_rate: u64,
    pub header_timeout: Duration,
    pub max_header_bytes: usize,
    pub max_url_bytes: usize,
    pub max_json_bytes: usize,
    pub max_blob_bytes: u64,
    pub max_fetch_request_bytes: u64,
    pub max_push_bytes: u64,
    pub command_timeout: Duration,
    pub push_timeout: Duration,
    pub announce_timeout: Duration,
    pub grace: Duration,
    pub lock_wait: Duration,
    pub min_free_bytes: u64,
    pub fsck: bool,
}

/// A variable that is missing or can't be understood.
#[derive(Debug)]
pub struct ConfigError(pub String);

impl std::fmt::Display for ConfigError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

struct Variables(HashMap<String, String>);

impl Variables {
    fn text(&self, name: &str, default: &str) -> String {
        self.0.get(name).filter(|value| !value.is_empty()).cloned().unwrap_or_else(|| default.to_owned())
    }

    fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T, ConfigError> {
        match self.0.get(name).filter(|value| !value.is_empty()) {
            None => Ok(default),
            // Kubernetes sets GIT_PORT=tcp://... beside a Service named `git`: better to stop than to guess.
            Some(value) => value.parse().map_err(|_| ConfigError(format!("{name} must be a number, and is {value:?}"))),
        }
    }

    fn seconds(&self, name: &str, default: f64) -> Result<Duration, ConfigError> {
        let value: f64 = self.number(name, default)?;
        Duration::try_from_secs_f64(value).map_err(|_| ConfigError(format!("{name} must be seconds, and is {value}")))
    }

    /// A secret by value, or by the file that holds it.
    fn secret(&self, name: &str) -> Result<String, ConfigError> {
        let value = match self.0.get(&format!("{name}_FILE")).filter(|path| !path.is_empty()) {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| ConfigError(format!("{name}_FILE can't be read: {error}")))?,
            None => self.text(name, ""),
        };
        Ok(value.trim().to_owned())
    }
}

impl Config {
    /// Read the environment of this process.
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::from_variables(std::env::vars())
    }

    /// Read given variables.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let from = Variables(variables.into_iter().collect());
        let host = from.text("GIT_HOST", "127.0.0.1");
        let port: u16 = from.number("GIT_PORT", 8081)?;
        let address = host.parse().map_err(|_| ConfigError(format!("GIT_HOST must be an address, and is {host:?}")))?;
        let root = from.text("GIT_DATA_PATH", "");
        if !root.starts_with('/') {
            return Err(ConfigError("GIT_DATA_PATH must be the absolute path of the repositories' folder".into()));
        }
        let root = PathBuf::from(root);
        let state = from.text("GIT_STATE_PATH", "");
        let state = if state.is_empty() { root.join(".engineroom") } else { PathBuf::from(state) };
        let database_url = from.secret("DATABASE_URL")?;
        if database_url.is_empty() {
            return Err(ConfigError("DATABASE_URL must be set".into()));
        }
        let token = from.secret("GIT_TOKEN")?;
        if token.len() < 16 {
            return Err(ConfigError("GIT_TOKEN (or GIT_TOKEN_FILE) must hold at least 16 characters".into()));
        }
        Ok(Self {
            listen: SocketAddr::new(address, port),
            root,
            state,
            database_url,
            database_pool: from.number("DATABASE_POOL", 8)?,
            token,
            git: from.text("GIT_BINARY", "git"),
            max_processes: from.number("GIT_MAX_PROCESSES", 32)?,
            max_connections: from.number("GIT_MAX_CONNECTIONS", 1024)?,
            queue: from.seconds("GIT_QUEUE_SECONDS", 10.0)?,
            idle: from.seconds("GIT_IDLE_SECONDS", 120.0)?,
            min_rate: from.number("GIT_MIN_BYTES_PER_SECOND", 64)?,
            header_timeout: from.seconds("GIT_HEADER_SECONDS", 15.0)?,
            max_header_bytes: from.number("GIT_MAX_HEADER_BYTES", 32 * 1024)?,
            max_url_bytes: from.number("GIT_MAX_URL_BYTES", 4096)?,
            max_json_bytes: from.number("GIT_MAX_JSON_BYTES", 1 << 20)?,
            max_blob_bytes: from.number("GIT_MAX_BLOB_BYTES", 32 << 20)?,
            max_fetch_request_bytes: from.number("GIT_MAX_FETCH_REQUEST_BYTES", 256 << 20)?,
            max_push_bytes: from.number("GIT_MAX_PUSH_BYTES", 0)?,
            command_timeout: from.seconds("GIT_COMMAND_SECONDS", 30.0)?,
            push_timeout: from.seconds("GIT_PUSH_FINISH_SECONDS", 600.0)?,
            announce_timeout: from.seconds("GIT_ANNOUNCE_SECONDS", 3.0)?,
            grace: from.seconds("GIT_GRACE_SECONDS", 30.0)?,
            lock_wait: from.seconds("GIT_LOCK_SECONDS", 30.0)?,
            min_free_bytes: from.number("GIT_MIN_FREE_BYTES", 256 << 20)?,
            fsck: matches!(from.text("GIT_FSCK_OBJECTS", "false").as_str(), "1" | "true" | "yes"),
        })
    }

    /// Where pushes are written down until they are announced.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.state.join("spool")
    }

    /// Where the one hook is.
    #[must_use]
    pub fn hooks(&self) -> PathBuf {
        self.state.join("hooks")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let base = [("GIT_DATA_PATH", "/data"), ("DATABASE_URL", "host=x"), ("GIT_TOKEN", "0123456789abcdef")];
        Config::from_variables(base.iter().chain(pairs).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn defaults_listen_on_loopback_only() {
        let config = read(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8081");
        assert_eq!(config.spool(), PathBuf::from("/data/.engineroom/spool"));
    }

    #[test]
    fn what_cannot_be_understood_stops_the_start() {
        assert!(read(&[("GIT_PORT", "tcp://10.0.0.1:80")]).is_err());
        assert!(read(&[("GIT_DATA_PATH", "./git-data")]).is_err());
        assert!(read(&[("GIT_TOKEN", "secret")]).is_err());
        assert!(read(&[("DATABASE_URL", "")]).is_err());
        assert!(read(&[("GIT_IDLE_SECONDS", "-1")]).is_err());
    }
}
