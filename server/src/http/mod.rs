//! The endpoint: Baton for every OpenAI client. Off unless it is started, on this machine alone unless it is told otherwise,
//! and closed to whoever does not bring its token. It makes conversations into tasks; everything else is `run`'s.

mod answer;
mod ask;
mod chat;
mod failure;
mod fields;
mod guard;
mod metrics;
mod models;
mod prepared;
mod responses;
mod router;
mod server;
mod state;
mod stream;
mod token;
mod turn;

pub use server::serve;

/// Milliseconds since 1970, UTC.
fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default().as_millis() as u64
}
