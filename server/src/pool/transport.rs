//! HTTP as far as a hostile or broken server can reach us: no redirects, bounded bodies, events out of bytes.
//!
//! genai, the library for provider protocols, is not used for this one (0.7 was looked at): it keeps an unfinished
//! event and the explanation of an error without a limit, and hides what kind of document a server answered with.

use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{Stream, StreamExt};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Certificate, Client, Proxy, StatusCode, Url};
use serde_json::Value;
use sse_stream::SseByteStream;

use super::answer::{message, plain};
use crate::config::WorkerOptions;

/// Most bytes of a file of certificates; the system's own bundle has a quarter of it.
const CERTIFICATES: u64 = 1 << 20;
/// Most bytes read of an error's explanation.
const EXPLANATION: usize = 16 * 1024;

/// One request.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// What a server answers, its body as it comes.
pub(super) struct Incoming {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytestream,
}

/// Bytes of a body; an error is a clause that says why they ended early.
pub(super) type Bytestream = Pin<Box<dyn Stream<Item = Result<Bytes, String>> + Send>>;

/// Why there is no answer at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreached {
    /// It cannot even be asked; a clause.
    Unable(String),
    /// No connection came about: the deepest cause.
    Connection(String),
    /// The connection ended before an answer: the deepest cause.
    Broken(String),
}

/// The way to a server: HTTP, or in tests a network that fails as it is told.
pub(super) trait Network: std::fmt::Debug + Send + Sync {
    /// Sends one request and gives its answer once the head of it is there. Dropping either closes the connection.
    fn post(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, Unreached>>;
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    /// In place of what the environment says.
    proxy: Option<Url>,
    /// Certificates that are trusted besides the system's, in PEM.
    ca_file: Option<PathBuf>,
    /// In which a connection must come about.
    connect: Duration,
    /// For which one is kept for a next call.
    idle: Duration,
}

impl Default for Reach {
    fn default() -> Self {
        Self { proxy: None, ca_file: None, connect: Duration::from_secs(10), idle: Duration::from_secs(90) }
    }
}

impl Reach {
    /// How the server at `url` is to be reached; an error says what to change.
    pub(super) fn of(options: &WorkerOptions, url: &Url, has_key: bool) -> Result<Self, &'static str> {
        let proxy = options.proxy.as_deref().map(|proxy| {
            let proxy = Url::parse(proxy).ok();
            proxy.filter(|proxy| matches!(proxy.scheme(), "http" | "https") && proxy.has_host())
        });
        let proxy = match proxy {
            Some(None) => return Err("proxy must look like `http://proxy.example:3128`"),
            Some(proxy) => proxy,
            None => None,
        };
        if let Some(proxy) = &proxy {
            if !proxy.username().is_empty() || proxy.password().is_some() {
                return Err("proxy must not hold a password; the environment variable HTTPS_PROXY may");
            }
            if url.scheme() == "http" && has_key && !loopback(proxy) {
                return Err("its key would travel unencrypted to the proxy; use https in base_url");
            }
        }
        if options.ca_file.as_ref().is_some_and(|file| !file.is_absolute()) {
            // It would be looked for from the workspace, which somebody else may have filled.
            return Err("ca_file must be an absolute path");
        }
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).ok().filter(|span| span.as_secs() <= 86_400);
        let connect = seconds(options.connect_seconds).filter(|span| !span.is_zero());
        Ok(Self {
            proxy,
            ca_file: options.ca_file.clone(),
            connect: connect.ok_or("connect_seconds must be above 0 and at most 86400")?,
            idle: seconds(options.idle_seconds).ok_or("idle_seconds must be 0 or more and at most 86400")?,
        })
    }

    /// The certificates of `ca_file`.
    fn own_authorities(&self) -> Result<Vec<Certificate>, String> {
        let Some(file) = &self.ca_file else { return Ok(Vec::new()) };
        let wrong = |what: &str| format!("ca_file {} {what}", file.display());
        let size = std::fs::metadata(file).map_err(|error| wrong(&format!("cannot be read: {error}")))?.len();
        if size > CERTIFICATES {
            return Err(wrong("is larger than any file of certificates"));
        }
        let text = std::fs::read(file).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
        match Certificate::from_pem_bundle(&text) {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            _ => Err(wrong("has no certificate in PEM, which begins with `-----BEGIN CERTIFICATE-----`")),
        }
    }
}

/// HTTP to one server.
#[derive(Debug)]
pub(super) struct Http {
    url: Url,
    reach: Reach,
    client: OnceLock<Result<Client, String>>,
}

impl Http {
    /// Contacts nothing and reads nothing.
    pub(super) fn to(url: Url, reach: Reach) -> Self {
        Self { url, reach, client: OnceLock::new() }
    }
}

impl Network for Http {
    fn post(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, Unreached>> {
        Box::pin(async move {
            let client = self.client.get_or_init(|| client(&self.url, &self.reach)).as_ref();
            let client = client.map_err(|why| Unreached::Unable(why.clone()))?;
            let Outgoing { url, headers, body } = request;
            let response = client.post(url).headers(headers).body(body).send().await.map_err(|error| {
                let cause = cause(&error);
                if error.is_connect() { Unreached::Connection(cause) } else { Unreached::Broken(cause) }
            })?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = response.bytes_stream().map(|chunk| chunk.map_err(|error| plain(&error.to_string())));
            Ok(Incoming { status, headers, body: Box::pin(body) })
        })
    }
}

/// What is at the bottom of an error, fit for one line.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    plain(&cause.to_string())
}

/// Whether a server is on this machine.
pub(crate) fn loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// A client for one server, which follows no redirect.
pub(crate) fn client(url: &Url, reach: &Reach) -> Result<Client, String> {
    // A second call finds the provider in place; which of the two came first does not matter.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let unmade = |error: reqwest::Error| format!("the HTTP client cannot be made: {}", plain(&format!("{error:?}")));
    let mut builder = Client::builder()
        .connect_timeout(reach.connect)
        .pool_idle_timeout(reach.idle)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("baton/", env!("CARGO_PKG_VERSION")));
    if reach.idle.is_zero() {
        builder = builder.pool_max_idle_per_host(0);
    }
    match &reach.proxy {
        Some(proxy) => builder = builder.proxy(Proxy::all(proxy.clone()).map_err(unmade)?),
        None if loopback(url) => builder = builder.no_proxy(),
        None => {}
    }
    let by_proxy = reach.proxy.as_ref().is_some_and(|proxy| proxy.scheme() == "https");
    builder = if url.scheme() == "http" && !by_proxy {
        // Without TLS there is nothing to verify, and a machine without certificates can still ask its own server.
        builder.tls_certs_only([])
    } else {
        builder.tls_certs_merge(reach.own_authorities()?)
    };
    builder.build().map_err(unmade)
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
pub(super) enum Broken {
    #[error("sent more than {0} bytes; its answer is not used")]
    TooLong(usize),
    #[error("broke the connection: {0}")]
    Transport(String),
    #[error("sent a stream that cannot be read ({0})")]
    Unreadable(String),
}

type Body = Pin<Box<dyn Stream<Item = Result<Bytes, Broken>> + Send>>;

/// How the events of an answer are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events.
    Events,
    /// One JSON value a line.
    Lines,
}

/// The events of one answer.
pub(super) struct Events(Cutter);

/// What cuts a body into events.
enum Cutter {
    Sse(Box<SseByteStream<Body>>),
    Lines(Lines),
}

/// A body cut into lines.
struct Lines {
    body: Body,
    read: Vec<u8>,
    /// So many bytes of `read` have no line break.
    searched: usize,
}

impl Events {
    /// Reads `body` up to `limit` bytes: memory stays bounded whatever a server sends.
    pub(super) fn of(body: Bytestream, framing: Framing, limit: usize) -> Self {
        let mut read = 0;
        let body: Body = Box::pin(body.map(move |chunk| {
            let chunk = chunk.map_err(Broken::Transport)?;
            read += chunk.len();
            if read > limit { Err(Broken::TooLong(limit)) } else { Ok(chunk) }
        }));
        match framing {
            Framing::Events => Self(Cutter::Sse(Box::new(SseByteStream::new(body)))),
            Framing::Lines => Self(Cutter::Lines(Lines { body, read: Vec::new(), searched: 0 })),
        }
    }

    /// The data of the next event that has any; comments and empty events do not count as output.
    /// An error is a clause about the server.
    pub(super) async fn next(&mut self) -> Option<Result<String, Broken>> {
        let events = match &mut self.0 {
            Cutter::Sse(events) => events,
            Cutter::Lines(lines) => return lines.next().await,
        };
        loop {
            match events.next().await? {
                Ok(event) => match event.data.filter(|data| !data.is_empty()) {
                    Some(data) => return Some(Ok(data)),
                    None => continue,
                },
                Err(sse_stream::Error::Body(error)) => {
                    let known = error.downcast::<Broken>().map(|broken| *broken);
                    return Some(Err(known.unwrap_or_else(|other| Broken::Transport(other.to_string()))));
                }
                Err(error) => return Some(Err(Broken::Unreadable(error.to_string()))),
            }
        }
    }
}

impl Lines {
    /// The next line that has anything on it; the last one needs no line break.
    async fn next(&mut self) -> Option<Result<String, Broken>> {
        loop {
            let end = self.read[self.searched..].iter().position(|byte| *byte == b'\n').map(|at| self.searched + at);
            let line: Vec<u8> = if let Some(end) = end {
                self.searched = 0;
                self.read.drain(..=end).collect()
            } else {
                self.searched = self.read.len();
                match self.body.next().await {
                    Some(Ok(chunk)) => {
                        self.read.extend_from_slice(&chunk);
                        continue;
                    }
                    Some(Err(broken)) => return Some(Err(broken)),
                    None if self.read.is_empty() => return None,
                    None => {
                        self.searched = 0;
                        std::mem::take(&mut self.read)
                    }
                }
            };
            match String::from_utf8(line) {
                Ok(line) if line.trim().is_empty() => continue,
                Ok(line) => return Some(Ok(line.trim().to_owned())),
                Err(_) => return Some(Err(Broken::Unreadable("it is not text".into()))),
            }
        }
    }
}

/// What a server wrote besides its status.
pub(super) async fn explanation(mut answer: Incoming) -> String {
    let page = not_a_stream(&answer.headers) == Some("a web page");
    let mut body = Vec::new();
    while let Some(Ok(chunk)) = answer.body.next().await {
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

#[cfg(test)]
mod tests;
