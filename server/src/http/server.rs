//! The listening socket and its connections: how many, how large their requests, and how they end.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::guard::Gate;
use super::metrics::Metrics;
use super::router::router;
use super::state::State;
use super::token::Token;
use crate::config::ServeOptions;
use crate::run::Engine;

/// In which the head of a request must come.
const HEAD: Duration = Duration::from_secs(10);
/// Most bytes of the head of a request.
const HEAD_BYTES: usize = 64 * 1024;
/// Most headers of a request.
const HEADERS: usize = 64;
/// How long answers that are being written may take once the server is to stop.
const FINISHING: Duration = Duration::from_secs(60);

/// Answers requests until it is interrupted. `listen` in place of what is configured. An error says what to do.
pub async fn serve(engine: Arc<Engine>, options: &ServeOptions, listen: Option<SocketAddr>) -> Result<(), String> {
    let wanted = listen.map_or_else(|| options.listen.clone(), |address| address.to_string());
    let address: SocketAddr =
        wanted.parse().map_err(|_| format!("`{wanted}` is no address to listen at; write it as 127.0.0.1:4141"))?;
    if !address.ip().is_loopback() && options.hosts.is_empty() {
        return Err(format!(
            "{address} can be reached from other machines: name in serve.hosts by which names, such as [\"baton.example.org\"], and put TLS before it"
        ));
    }
    let token = Token::at(&engine.config().places.token_file)?;
    let listener =
        TcpListener::bind(address).await.map_err(|error| format!("{address} cannot be listened at: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    announce(address, &token, &engine);
    let gate = Gate::new(&token.text, address.port(), &options.hosts, &options.origins);
    let state = Arc::new(State { engine, gate, metrics: Metrics::new() });
    let router = router(state, (options.max_body_mb * 1e6) as usize);
    let mut connections = http1::Builder::new();
    connections.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES).max_headers(HEADERS);
    let (room, graceful) = (Arc::new(Semaphore::new(options.max_connections)), GracefulShutdown::new());
    let mut stop = Box::pin(asked_to_stop());
    loop {
        // Whoever finds no room waits in the system's queue.
        let held = tokio::select! {
            held = room.clone().acquire_owned() => held.map_err(|error| error.to_string())?,
            () = &mut stop => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            // Out of file descriptors, or the other side left at once: neither ends the server.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(connections.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
            drop(held);
        });
    }
    drop(listener);
    eprintln!("baton: no more requests are taken; what is being answered is finished (once more to end at once)");
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(FINISHING) => eprintln!("baton: answers that took longer than {} s were ended", FINISHING.as_secs()),
        () = asked_to_stop() => {}
    }
    Ok(())
}

/// Says where it is and, once, what its token is. For programs that wait for it, the address is on standard output.
fn announce(address: SocketAddr, token: &Token, engine: &Engine) {
    let file = engine.config().places.token_file.display().to_string();
    eprintln!("baton: models baton-mini and baton-ultra at http://{address}/v1");
    if engine.talkers().is_empty() {
        let file = engine.config().places.config_file.display();
        eprintln!("baton: there is no model to ask yet: add a [[worker]] to {file} and start again");
    }
    match token.is_new {
        true => eprintln!("baton: its token, shown only now and kept in {file}:\n{}", token.text),
        false => eprintln!("baton: its token is in {file}"),
    }
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{}", serde_json::json!({"listening": address.to_string()})).and_then(|()| out.flush());
}

async fn asked_to_stop() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
