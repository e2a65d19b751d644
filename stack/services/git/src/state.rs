//! What all requests share.

use std::ops::Deref;
use std::sync::Arc;

use deadpool_postgres::Pool;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, ConfigError};
use crate::locks::Locks;
use crate::metrics::Metrics;
use crate::spool::Spool;

/// The service's parts; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// See `App`.
pub struct Parts {
    pub config: Config,
    pub pool: Pool,
    pub locks: Locks,
    pub spool: Spool,
    pub metrics: Arc<Metrics>,
    /// One permit for each git process that streams, and as many for the short ones of the internal interface.
    pub streams: Arc<Semaphore>,
    pub commands: Arc<Semaphore>,
    /// Set when no more requests are taken.
    pub draining: CancellationToken,
    /// Set when everything must end.
    pub stopping: CancellationToken,
    /// Git sessions, which outlive their requests.
    pub sessions: TaskTracker,
    /// Held until the process ends: two services in one folder would announce each other's pushes.
    _sole: std::fs::File,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Open what the configuration names; waits for a predecessor to leave the folder.
    pub async fn open(config: Config, metrics: Arc<Metrics>) -> Result<Self, ConfigError> {
        let failed = |what: &str, error: std::io::Error| ConfigError(format!("{what}: {error}"));
        std::fs::create_dir_all(&config.root).map_err(|error| failed("GIT_DATA_PATH can't be made", error))?;
        let spool = Spool::open(&config.spool(), &config.hooks())
            .map_err(|error| failed("The folder of the service's own files can't be made", error))?;
        let sole = std::fs::File::create(config.state.join("lock"))
            .map_err(|error| failed("The service's lock can't be made", error))?;
        let until = tokio::time::Instant::now() + config.lock_wait;
        while rustix::fs::flock(&sole, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            if tokio::time::Instant::now() >= until {
                return Err(ConfigError("Another git service runs on the same GIT_DATA_PATH".into()));
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        let pool = crate::database::pool(&config)?;
        Ok(Self(Arc::new(Parts {
            pool,
            locks: Locks::default(),
            spool,
            metrics,
            streams: Arc::new(Semaphore::new(config.max_processes)),
            commands: Arc::new(Semaphore::new(config.max_processes)),
            draining: CancellationToken::new(),
            stopping: CancellationToken::new(),
            sessions: TaskTracker::new(),
            _sole: sole,
            config,
        })))
    }
}
