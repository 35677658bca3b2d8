//! The language-server edge: the only code that names LSP types.
//!
//! [`serve`] connects standard input and output to a [`server::Server`]; [`connection`] keeps messages
//! in order, [`session`] is the state they change, [`menu`] answers code actions and [`job`] is what a
//! command begins.

mod abilities;
mod command;
mod connection;
mod delivery;
mod edit;
mod folders;
mod job;
mod memory;
mod menu;
mod merge;
mod parent;
mod progress;
mod review;
mod server;
mod session;
mod settings;
mod status;
mod stdio;
mod tags;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::Notify;
use tower_lsp_server::LspService;

use server::Server;
use session::Session;
use stdio::Output;

/// Speaks the protocol on standard input and output until the client says exit, closes the input or
/// is gone. The exit code is 0 only if it asked to shut down first.
pub fn serve() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("baton: cannot begin: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<bool> {
    // One thread: handlers only change state or look at it. Jobs have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (input, output) = (stdio::input()?, Output::open()?);
    let session = Arc::new(Session::default());
    let orphaned = Arc::new(Notify::new());
    let (service, socket) = LspService::build(|client| Server::new(client, session.clone(), orphaned.clone()))
        .custom_method("window/workDoneProgress/cancel", Server::cancel_progress)
        .finish();
    let left = runtime.block_on(async {
        tokio::select! {
            () = connection::serve(input, &output, service, socket, session.clone()) => true,
            () = orphaned.notified() => false,
        }
    });
    session.cancel_all();
    if left {
        output.finish();
    }
    runtime.shutdown_background();
    Ok(session.state().shut_down)
}
