//! Messages in, messages out, in the order in which they came.
//!
//! The library's own loop runs handlers concurrently, drops a notification that it cannot read and
//! ends at the first message that is no JSON. Here every handler runs to its first await before the
//! next message is looked at (the ones that touch state have no await), an unreadable change loses its
//! document instead of going unseen, and a message that is no JSON costs one error.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::stream::FuturesUnordered;
use futures::{FutureExt, SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use tower_lsp_server::jsonrpc::{Error, Id, Request, Response};
use tower_lsp_server::ls_types::DidChangeTextDocumentParams;
use tower_lsp_server::{ClientSocket, LspService};
use tower_service::Service;

use super::server::Server;
use super::session::Session;
use super::stdio::Output;
use super::tags;

/// Serves until the client says exit or closes the input.
pub async fn serve(
    mut input: mpsc::Receiver<Vec<u8>>,
    output: &Output,
    mut service: LspService<Server>,
    socket: ClientSocket,
    session: Arc<Session>,
) {
    let (mut requests, mut responses) = socket.split();
    let mut waiting = FuturesUnordered::new();
    loop {
        tokio::select! {
            body = input.recv() => {
                let Some(body) = body else { return };
                match read(&body) {
                    Ok(Message::Request(request)) => {
                        if poll_fn(|cx| service.poll_ready(cx)).await.is_err() {
                            return;
                        }
                        let exit = request.method() == "exit";
                        if unroutable(&request, &session) {
                            continue;
                        }
                        if request.method() == "initialize" {
                            session.state().tags = request.params().is_some_and(tags::understood);
                        }
                        let tagged = request.method() == "textDocument/codeAction" && session.state().tags;
                        let mut answer = service.call(request);
                        // What is not ready is polled again below, with a waker that wakes.
                        match answer.poll_unpin(&mut Context::from_waker(Waker::noop())) {
                            Poll::Ready(Ok(Some(answer))) if tagged => send(output, Some(tags::added(answer))),
                            Poll::Ready(answer) => send(output, answer.ok().flatten()),
                            Poll::Pending => waiting.push(answer),
                        }
                        if exit {
                            return;
                        }
                    }
                    Ok(Message::Response(response)) => drop(responses.send(response).await),
                    Err(error) => send(output, Some(Response::from_error(Id::Null, error))),
                }
            }
            Some(answer) = waiting.next() => send(output, answer.ok().flatten()),
            Some(request) = requests.next() => send(output, Some(request)),
        }
    }
}

enum Message {
    Request(Request),
    Response(Response),
}

fn read(body: &[u8]) -> Result<Message, Error> {
    let message: Value = serde_json::from_slice(body).map_err(|_| Error::parse_error())?;
    let read = match message.get("method") {
        Some(_) => serde_json::from_value(message).map(Message::Request),
        None => serde_json::from_value(message).map(Message::Response),
    };
    read.map_err(|_| Error::invalid_request())
}

/// Takes a change of a document itself, because the router would drop one that it cannot read.
fn unroutable(request: &Request, session: &Session) -> bool {
    if request.method() != "textDocument/didChange" {
        return false;
    }
    let params = request.params().unwrap_or(&Value::Null);
    match DidChangeTextDocumentParams::deserialize(params) {
        Ok(change) => session.change(change),
        Err(_) => session.lose(params["textDocument"]["uri"].as_str().unwrap_or_default()),
    }
    true
}

fn send(output: &Output, message: Option<impl Serialize>) {
    if let Some(message) = message {
        output.send(&serde_json::to_vec(&message).expect("a message is plain data"));
    }
}
