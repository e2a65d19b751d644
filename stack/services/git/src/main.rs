//! Starts the git service; everything is set by environment variables.

use std::process::ExitCode;
use std::sync::Arc;

use engineroom_git::config::Config;
use engineroom_git::metrics::Metrics;
use engineroom_git::state::App;
use engineroom_git::{server, telemetry};
use tokio::net::TcpListener;
use tokio::signal::unix::{signal, SignalKind};

/// What sysexits.h calls a configuration error.
const BAD_CONFIGURATION: u8 = 78;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the service can't start");
            eprintln!("engineroom-git: {error}");
            ExitCode::from(BAD_CONFIGURATION)
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let metrics = Arc::new(Metrics::new()?);
    let telemetry = telemetry::start(&metrics);
    let config = Config::from_environment()?;
    let listen = config.listen;
    let app = App::open(config, metrics).await?;
    let listener =
        TcpListener::bind(listen).await.map_err(|error| format!("{listen} can't be listened on: {error}"))?;
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let draining = app.draining.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        tracing::info!("draining");
        draining.cancel();
    });
    // The port is in the line because 0 asks for any.
    tracing::info!(address = %listener.local_addr()?, version = env!("CARGO_PKG_VERSION"), "listening");
    server::serve(app, listener).await;
    telemetry.finish().await;
    Ok(())
}
