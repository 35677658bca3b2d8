//! HTTP as far as a hostile or broken server can reach us: no redirects, bounded bodies, events out of bytes.
//!
//! genai, the library for provider protocols, is not used for this one: it reads bodies without a limit, in a
//! poll that cannot be cancelled while bytes keep coming, and hides what kind of document a server answered with.

use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Response, Url};
use serde_json::Value;
use sse_stream::SseByteStream;

use super::answer::{message, plain};

/// Most bytes read of an error's explanation.
const EXPLANATION: usize = 16 * 1024;
const CONNECT: Duration = Duration::from_secs(10);

/// Whether a server is on this machine.
pub(super) fn loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// A client for one server.
pub(super) fn client(url: &Url) -> Result<Client, String> {
    // A second call finds the provider in place; which of the two came first does not matter.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("baton/", env!("CARGO_PKG_VERSION")));
    if loopback(url) {
        builder = builder.no_proxy();
    }
    if url.scheme() == "http" {
        // Without TLS there is nothing to verify, and a machine without certificates can still ask its own server.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| format!("the HTTP client cannot be made: {}", plain(&format!("{error:?}"))))
}

/// What a body is when it is certainly no event stream.
pub(super) fn not_a_stream(headers: &HeaderMap) -> Option<&'static str> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    match kind.split(';').next().unwrap_or_default().trim() {
        "text/html" => Some("a web page"),
        "application/json" => Some("JSON"),
        _ => None,
    }
}

/// Why the bytes of an answer ended early.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("sent more than {0} bytes; its answer is not used")]
    TooLong(usize),
    #[error("broke the connection: {0}")]
    Transport(String),
}

type Body = Pin<Box<dyn Stream<Item = Result<Bytes, Broken>> + Send>>;

/// The events of one answer.
pub(super) struct Events(SseByteStream<Body>);

impl Events {
    /// Reads the body of `response` up to `limit` bytes: memory stays bounded whatever a server sends.
    pub(super) fn of(response: Response, limit: usize) -> Self {
        let mut read = 0;
        Self(SseByteStream::new(Box::pin(response.bytes_stream().map(move |chunk| {
            let chunk = chunk.map_err(|error| Broken::Transport(plain(&error.to_string())))?;
            read += chunk.len();
            if read > limit { Err(Broken::TooLong(limit)) } else { Ok(chunk) }
        }))))
    }

    /// The data of the next event that has any; comments and empty events do not count as output.
    /// An error is a clause about the server.
    pub(super) async fn next(&mut self) -> Option<Result<String, String>> {
        loop {
            match self.0.next().await? {
                Ok(event) => match event.data.filter(|data| !data.is_empty()) {
                    Some(data) => return Some(Ok(data)),
                    None => continue,
                },
                Err(sse_stream::Error::Body(broken)) => return Some(Err(broken.to_string())),
                Err(error) => return Some(Err(format!("sent a stream that cannot be read ({error})"))),
            }
        }
    }
}

/// What a server wrote besides its status.
pub(super) async fn explanation(mut response: Response) -> String {
    let page = not_a_stream(response.headers()) == Some("a web page");
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = EXPLANATION - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == EXPLANATION {
            break;
        }
    }
    let text = String::from_utf8_lossy(&body);
    match serde_json::from_str::<Value>(&text) {
        Ok(json) => message(&json).unwrap_or_default(),
        Err(_) if page || text.trim_start().starts_with('<') => String::new(),
        Err(_) => plain(&text),
    }
}
