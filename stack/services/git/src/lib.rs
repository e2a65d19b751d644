//! The git service of the reference stack: smart HTTP, an internal interface to repositories, and an event for every
//! push. See `docs/services-git.md`.

pub mod announce;
pub mod browse;
pub mod config;
pub mod database;
pub mod error;
pub mod git;
pub mod health;
pub mod locks;
pub mod merge;
pub mod metrics;
pub mod names;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod refs;
pub mod repositories;
pub mod server;
pub mod smart;
pub mod spool;
pub mod state;
pub mod telemetry;
pub mod web;
