//! A scripted server of models, OpenAI-compatible and in what other protocols a call may come: it answers call by call as it is told and remembers what it was asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::stream;
use serde_json::{Value, json};

use crate::protocols;

/// What the server does with one call.
#[derive(Debug, Clone)]
pub enum Act {
    /// Streams this text, ends it properly and says how many tokens it took.
    Say(String),
    /// Waits until so many calls have arrived, this one included, and then says this text.
    Meet(usize, String),
    /// Streams the first text as thoughts, then says the second.
    Think(String, String),
    /// Calls this tool with these arguments, in pieces.
    Tool(String, String),
    /// Streams this text and closes without an end marker.
    Truncated(String),
    /// Streams this text and says that it was cut at the limit of tokens.
    Length(String),
    /// Streams this text and then nothing more, with the connection open.
    Stall(String),
    /// Takes the request and never answers.
    Hang,
    /// Refuses with a status, perhaps with a `Retry-After` in seconds.
    Refuse(u16, Option<u32>),
    /// Refuses because the prompt is longer than what the model holds.
    TooLong,
    /// Answers 200 with a web page.
    Page,
    /// Streams an event that is no JSON.
    Malformed,
}

/// One call as it arrived.
#[derive(Debug, Clone)]
pub struct Call {
    /// Method and path.
    pub line: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The header in which Anthropic or Gemini want the key.
    pub api_key: Option<String>,
    /// The body.
    pub body: Value,
}

impl Call {
    /// What the system message says.
    pub fn system(&self) -> &str {
        self.message("system")
    }

    /// What the user message says.
    pub fn user(&self) -> &str {
        self.message("user")
    }

    fn message(&self, role: &str) -> &str {
        let messages = self.body["messages"].as_array().into_iter().flatten();
        messages.filter(|message| message["role"] == role).find_map(|message| message["content"].as_str()).unwrap_or("")
    }
}

/// The running server; it ends when dropped.
pub struct OpenAi {
    /// What to configure as `base_url`.
    pub base_url: String,
    shared: Arc<Shared>,
    runtime: Option<tokio::runtime::Runtime>,
}

struct Shared {
    script: Mutex<VecDeque<Act>>,
    calls: Mutex<Vec<Call>>,
    arrived: Condvar,
    count: tokio::sync::watch::Sender<usize>,
}

impl OpenAi {
    /// A server that does these acts in order; further calls are refused with 400, so that a test fails fast.
    pub fn start(script: impl IntoIterator<Item = Act>) -> Self {
        let shared = Arc::new(Shared {
            script: Mutex::new(script.into_iter().collect()),
            calls: Mutex::default(),
            arrived: Condvar::new(),
            count: tokio::sync::watch::Sender::new(0),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("the system gives a process its event queue");
        let app = axum::Router::new().fallback(answer).with_state(shared.clone());
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))))
            .expect("a port on the loopback interface");
        let address = listener.local_addr().expect("a bound socket has an address");
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { base_url: format!("http://{address}/v1"), shared, runtime: Some(runtime) }
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.shared.calls).clone()
    }

    /// Waits until so many calls have arrived; panics after a minute.
    pub fn wait_for(&self, calls: usize) {
        let minute = Duration::from_secs(60);
        let waiting =
            self.shared.arrived.wait_timeout_while(locked(&self.shared.calls), minute, |so_far| so_far.len() < calls);
        let (so_far, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        assert!(so_far.len() >= calls, "{} calls arrived instead of {calls}", so_far.len());
    }

    /// Acts that nobody asked for yet.
    pub fn left(&self) -> usize {
        locked(&self.shared.script).len()
    }

    /// The configuration of a worker at this server, as a `[[worker]]` of config.toml; `more` adds lines to it.
    pub fn worker(&self, name: &str, more: &str) -> String {
        let base_url = &self.base_url;
        format!("[[worker]]\nname = {name:?}\nbase_url = {base_url:?}\nmodel = \"scripted\"\n{more}\n")
    }
}

impl Drop for OpenAi {
    fn drop(&mut self) {
        // Connections that hang would make an orderly end wait for ever.
        self.runtime.take().into_iter().for_each(tokio::runtime::Runtime::shutdown_background);
    }
}

/// A reply with one SEARCH/REPLACE block.
pub fn block(path: &str, old: &str, new: &str) -> String {
    format!("{path}\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(shared): State<Arc<Shared>>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap_or_default();
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    locked(&shared.calls).push(Call {
        line: format!("{} {}", parts.method, parts.uri),
        authorization: header("authorization"),
        api_key: header("x-api-key").or_else(|| header("x-goog-api-key")),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    shared.arrived.notify_all();
    shared.count.send_modify(|count| *count += 1);
    let act = locked(&shared.script).pop_front();
    let usage = |text: &str| {
        let counted = json!({"prompt_tokens": body.len() / 4, "completion_tokens": text.len().div_ceil(4)});
        event(&json!({"choices": [], "usage": counted}))
    };
    let done = || "data: [DONE]\n\n".to_owned();
    match act {
        Some(Act::Say(text)) if !parts.uri.path().ends_with("/chat/completions") => {
            protocols::said(parts.uri.path(), &text, body.len() / 4)
        }
        Some(Act::Say(text)) => events([words(&text), vec![finish("stop"), usage(&text), done()]].concat(), false),
        Some(Act::Meet(calls, text)) => {
            let _ = shared.count.subscribe().wait_for(|count| *count >= calls).await;
            events([words(&text), vec![finish("stop"), usage(&text), done()]].concat(), false)
        }
        Some(Act::Think(thoughts, text)) => {
            let thoughts = event(&json!({"choices": [{"index": 0, "delta": {"reasoning_content": thoughts}}]}));
            let said = [words(&text), vec![finish("stop"), usage(&text), done()]].concat();
            events([vec![thoughts], said].concat(), false)
        }
        Some(Act::Tool(name, arguments)) => {
            let call = |call: Value| event(&json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}));
            let begun = call(
                json!({"index": 0, "id": "call_7", "type": "function", "function": {"name": name, "arguments": ""}}),
            );
            let pieces = arguments
                .as_bytes()
                .chunks(4)
                .map(|piece| call(json!({"index": 0, "function": {"arguments": String::from_utf8_lossy(piece)}})));
            let called: Vec<String> = std::iter::once(begun).chain(pieces).collect();
            events([called, vec![finish("tool_calls"), usage(&arguments), done()]].concat(), false)
        }
        Some(Act::Truncated(text)) => events(words(&text), false),
        Some(Act::Length(text)) => events([words(&text), vec![finish("length"), usage(&text), done()]].concat(), false),
        Some(Act::Stall(text)) => events(words(&text), true),
        Some(Act::Hang) => {
            std::future::pending::<()>().await;
            StatusCode::NO_CONTENT.into_response()
        }
        Some(Act::Refuse(status, after)) => {
            let status = StatusCode::from_u16(status).expect("a status");
            let said = json!({"error": {"message": format!("scripted {status}")}}).to_string();
            let mut response = (status, said).into_response();
            if let Some(seconds) = after {
                response.headers_mut().insert("retry-after", seconds.into());
            }
            response
        }
        Some(Act::TooLong) => {
            let said = json!({"error": {"message": "too many tokens", "code": "context_length_exceeded"}});
            (StatusCode::BAD_REQUEST, said.to_string()).into_response()
        }
        Some(Act::Page) => axum::response::Html("<html><body>Welcome</body></html>").into_response(),
        Some(Act::Malformed) => events(vec!["data: {\"choices\": [\n\n".to_owned()], false),
        None => {
            (StatusCode::BAD_REQUEST, json!({"error": {"message": "the script is over"}}).to_string()).into_response()
        }
    }
}

/// The text as a model streams it: a few characters an event, characters of several bytes included.
fn words(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let delta =
        |piece: &[char]| event(&json!({"choices": [{"index": 0, "delta": {"content": String::from_iter(piece)}}]}));
    std::iter::once(event(&json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})))
        .chain(chars.chunks(5).map(delta))
        .collect()
}

fn finish(reason: &str) -> String {
    event(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}))
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn events(events: Vec<String>, stalls: bool) -> Response {
    let events = stream::iter(events.into_iter().map(|event| Ok::<_, Infallible>(Bytes::from(event))));
    // Far longer than any test waits.
    let silence = stream::once(tokio::time::sleep(Duration::from_secs(if stalls { 3600 } else { 0 })));
    let body = Body::from_stream(events.chain(silence.map(|()| Ok(Bytes::new()))));
    ([("content-type", "text/event-stream")], body).into_response()
}
