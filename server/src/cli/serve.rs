//! `baton serve`: the endpoint for OpenAI clients.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::{Usage, config};
use crate::config::Trust;
use crate::http;
use crate::run::Engine;

/// Arguments of `baton serve`.
#[derive(Args)]
pub struct Arguments {
    /// Where to listen [default: serve.listen of the configuration, 127.0.0.1:4141]; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

/// Runs the command: 0 once it was asked to stop.
pub fn run(arguments: Arguments) -> Result<ExitCode, Usage> {
    let config = config()?;
    let options = config.serve.clone();
    // No workspace is served, so none needs to be trusted.
    let engine = Arc::new(Engine::new(config, Trust::default()));
    if let Some(problem) = engine.problems().into_iter().next() {
        return Err(Usage(format!("{}: {problem}", engine.config().places.config_file.display())));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Usage(format!("the system gives no event queue: {error}")))?;
    runtime.block_on(http::serve(engine, &options, arguments.listen)).map_err(Usage)?;
    Ok(ExitCode::SUCCESS)
}
