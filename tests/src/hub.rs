//! A hub of models on this machine: files with versions, ranges, redirects, and connections that break when told to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use serde_json::json;

/// A file of the repository `o/n`.
#[derive(Debug, Clone, Default)]
pub struct Served {
    /// All of it.
    pub bytes: Vec<u8>,
    /// The version.
    pub etag: String,
    /// What the hub says its SHA-256 is, as it does of large files.
    pub sha256: Option<String>,
    /// The connection breaks once so many bytes were sent.
    pub breaks_after: Option<usize>,
    /// Another address that has it.
    pub moved_to: Option<String>,
}

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Path and query.
    pub path: String,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `If-Range` header.
    pub if_range: Option<String>,
    /// The `Authorization` header.
    pub authorization: Option<String>,
}

/// The running server; it ends when dropped.
pub struct Hub {
    /// What to give as HF_ENDPOINT.
    pub address: String,
    shared: Arc<Shared>,
    runtime: Option<tokio::runtime::Runtime>,
}

#[derive(Default)]
struct Shared {
    files: Mutex<BTreeMap<String, Served>>,
    asked: Mutex<Vec<Asked>>,
}

impl Hub {
    /// A hub whose repository `o/n` has these files.
    pub fn start(files: &[(&str, Served)]) -> Self {
        let shared = Arc::<Shared>::default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("the system gives a process its event queue");
        let app = axum::Router::new().fallback(answer).with_state(shared.clone());
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))))
            .expect("a port on the loopback interface");
        let address = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        runtime.spawn(async move { axum::serve(listener, app).await });
        let hub = Self { address, shared, runtime: Some(runtime) };
        files.iter().for_each(|(name, served)| hub.serve(name, served.clone()));
        hub
    }

    /// Puts a file in the place of one of this name.
    pub fn serve(&self, name: &str, served: Served) {
        locked(&self.shared.files).insert(name.to_owned(), served);
    }

    /// Every request since the last time.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut locked(&self.shared.asked))
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.runtime.take().into_iter().for_each(tokio::runtime::Runtime::shutdown_background);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(shared): State<Arc<Shared>>, request: HttpRequest) -> Response {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let asked = Asked {
        path: request.uri().to_string(),
        range: header("range"),
        if_range: header("if-range"),
        authorization: header("authorization"),
    };
    locked(&shared.asked).push(asked.clone());
    let files = locked(&shared.files).clone();
    if asked.path == "/api/models/o/n" {
        let siblings: Vec<_> = files.keys().map(|name| json!({"rfilename": name})).collect();
        return json!({"id": "o/n", "siblings": siblings}).to_string().into_response();
    }
    let name = asked.path.strip_prefix("/o/n/resolve/main/").unwrap_or_default();
    files.get(name).map_or_else(|| StatusCode::NOT_FOUND.into_response(), |served| file(served, &asked))
}

fn file(served: &Served, asked: &Asked) -> Response {
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &str| {
        headers.insert(name, HeaderValue::from_str(value).expect("a plain value"));
    };
    if let Some(sha256) = &served.sha256 {
        set("x-linked-etag", &format!("\"{sha256}\""));
    }
    if let Some(address) = &served.moved_to {
        set("location", address);
        return (StatusCode::FOUND, headers).into_response();
    }
    set("etag", &served.etag);
    let all = served.bytes.len();
    let begin = asked.range.as_deref().and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let is_same = asked.if_range.as_ref().is_none_or(|etag| *etag == served.etag);
    let from: usize = begin.filter(|from| is_same && *from < all).unwrap_or(0);
    let status = if from > 0 { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    if from > 0 {
        set("content-range", &format!("bytes {from}-{}/{all}", all - 1));
    }
    set("content-length", &(all - from).to_string());
    let to = served.breaks_after.map_or(all, |most| (from + most).min(all));
    let pieces: Vec<_> = served.bytes[from..to].chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let breaks = served.breaks_after.is_some();
    // Yielding first lets what was sent leave before the connection breaks.
    let end = stream::once(async move {
        tokio::task::yield_now().await;
        if breaks { Err(std::io::Error::other("told to break")) } else { Ok(Bytes::new()) }
    });
    let body = Body::from_stream(stream::iter(pieces).chain(end));
    (status, headers, body).into_response()
}
