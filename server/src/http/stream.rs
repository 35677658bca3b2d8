//! An answer as a stream of server-sent events, written while it comes.

use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::response::Response;
use futures::stream;
use serde_json::Value;

use super::answer::Answer;
use super::ask::Ask;
use super::failure::Failure;
use super::state::State;
use super::turn::{Happening, Turn};

/// An event: its name, where the protocol names them, and its data.
pub(super) type Piece = (Option<&'static str>, String);

/// A request of one of the interfaces.
pub(super) trait Asked: Sized + Send {
    /// How its answer is written.
    type Rendering: Rendered;
    /// Understands it whole, or refuses it by the name of what it does not.
    fn read(body: Value) -> Result<Self, Failure>;
    fn ask(&self) -> &Ask;
    /// Whether the answer is to be sent as it comes.
    fn streams(&self) -> bool;
    /// For the answer of this run.
    fn rendering(&self, run: &str) -> Self::Rendering;
}

/// How an interface writes an answer, whole or bit by bit.
pub(super) trait Rendered: Send + 'static {
    /// All of it.
    fn whole(&self, answer: &Answer) -> Value;
    /// Before anything happens.
    fn begin(&mut self) -> Vec<Piece>;
    /// While it goes on.
    fn happened(&mut self, happening: &Happening) -> Vec<Piece>;
    /// The last events, those of what was not sent as it came included.
    fn end(&mut self, ended: &Result<Answer, Failure>) -> Vec<Piece>;
}

/// Counts an answer as open until it is dropped.
struct Open(Arc<State>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.metrics.open.dec();
    }
}

/// The stream of this turn. Whoever drops it calls the turn off.
pub(super) fn response(state: Arc<State>, turn: Turn, model: String, rendered: impl Rendered) -> Response {
    struct Writing<R> {
        turn: Turn,
        rendered: R,
        open: Open,
        model: String,
        started: Instant,
        begun: bool,
        spoken: bool,
        ended: bool,
    }
    state.metrics.open.inc();
    let open = Open(state);
    let started = Instant::now();
    let writing = Writing { turn, rendered, open, model, started, begun: false, spoken: false, ended: false };
    let body = stream::unfold(writing, |mut writing| async move {
        if writing.ended {
            return None;
        }
        if !writing.begun {
            writing.begun = true;
            let pieces = writing.rendered.begin();
            return Some((Ok::<_, std::convert::Infallible>(written(&pieces)), writing));
        }
        let happening = writing.turn.next().await?;
        let metrics = &writing.open.0.metrics;
        if matches!(happening, Happening::Words(_)) && !writing.spoken {
            writing.spoken = true;
            metrics.began(&writing.model, writing.started.elapsed());
        }
        let pieces = match &happening {
            Happening::End(ended) => {
                writing.ended = true;
                metrics.took(&writing.model, writing.started.elapsed());
                writing.rendered.end(ended)
            }
            happening => writing.rendered.happened(happening),
        };
        Some((Ok(written(&pieces)), writing))
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that collect answers would make silence of it.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Events as they go over the wire. Their data is JSON and has no line break.
fn written(pieces: &[Piece]) -> Bytes {
    let mut text = String::new();
    for (name, data) in pieces {
        if let Some(name) = name {
            text.push_str("event: ");
            text.push_str(name);
            text.push('\n');
        }
        text.push_str("data: ");
        text.push_str(data);
        text.push_str("\n\n");
    }
    text.into()
}
