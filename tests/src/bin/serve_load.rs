//! Figures of the endpoint, beside those of the scripted upstream alone: what `baton-direct:` adds to a call, how many calls
//! a second, memory with 1,000 streams, the first answer after the start, and how soon a client's leaving closes upstream.
//! With a number of minutes as argument: load with faults upstream for so long, and whether memory stays flat.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use baton_tests::{Endpoint, Project};
use futures::stream;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// What the upstream does with a call, by the model that it is asked for.
#[derive(Default)]
struct Upstream {
    calls: AtomicU64,
    /// Streams whose client is still there, and when the last left, in nanoseconds since the start.
    open: AtomicUsize,
    left: AtomicU64,
    /// Lets the slow streams end.
    gate: Option<Arc<Semaphore>>,
}

static STARTED: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();

fn now() -> u64 {
    STARTED.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

struct Guard(Arc<Upstream>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.left.store(now(), Ordering::SeqCst);
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

fn event(data: &Value) -> Bytes {
    format!("data: {data}\n\n").into()
}

fn delta(text: &str) -> Bytes {
    event(&json!({"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]}))
}

fn end() -> Bytes {
    let stop = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 16}});
    format!("data: {stop}\n\ndata: {usage}\n\ndata: [DONE]\n\n").into()
}

async fn upstream(State(state): State<Arc<Upstream>>, body: Bytes) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let number = state.calls.fetch_add(1, Ordering::SeqCst);
    let said = asked["messages"][0]["content"].as_str().unwrap_or_default().to_owned();
    let stream_of = |body: Body| ([("content-type", "text/event-stream")], body).into_response();
    let whole = |text: &str| {
        let bytes: Vec<u8> = [delta(text), end()].concat();
        stream_of(Body::from(bytes))
    };
    match asked["model"].as_str() {
        Some("quick") => whole("It is me, the model."),
        // Word by word until the gate opens.
        Some("slow") => {
            state.open.fetch_add(1, Ordering::SeqCst);
            let (guard, gate) = (Guard(state.clone()), state.gate.clone());
            let words = stream::unfold((0, guard, gate), |(at, guard, gate)| async move {
                if at == 1 {
                    match &gate {
                        Some(gate) => drop(gate.acquire().await),
                        None => std::future::pending().await,
                    }
                }
                let bytes = match at {
                    0 => delta("one "),
                    1 => delta("two"),
                    2 => end(),
                    _ => return None,
                };
                Some((Ok::<_, Infallible>(bytes), (at + 1, guard, gate)))
            });
            stream_of(Body::from_stream(words))
        }
        // Every fault in turn, and whole answers that say again what was asked between them.
        _ => match number % 12 {
            1 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            3 => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")], "{}").into_response(),
            5 => stream_of(Body::from(delta(&said[..said.len() / 2]))),
            7 => stream_of(Body::from("data: {\"choices\"\n\n")),
            9 => {
                let broken = stream::iter([Ok(delta(&said[..said.len() / 2])), Err(std::io::Error::other("broken"))]);
                stream_of(Body::from_stream(broken))
            }
            _ => {
                let pieces: Vec<_> =
                    said.as_bytes().chunks(16).map(|piece| delta(&String::from_utf8_lossy(piece))).collect();
                let all = pieces.into_iter().chain([end()]).map(Ok::<_, Infallible>);
                stream_of(Body::from_stream(stream::iter(all)))
            }
        },
    }
}

/// A connection that is kept from call to call.
struct Caller {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Caller {
    async fn to(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, read: Vec::with_capacity(1 << 16) }
    }

    /// Sends a request and reads its answer whole.
    async fn call(&mut self, request: &[u8]) -> &[u8] {
        self.stream.write_all(request).await.expect("it reads");
        self.read.clear();
        loop {
            let mut piece = [0; 16 * 1024];
            let count = self.stream.read(&mut piece).await.expect("it answers");
            self.read.extend_from_slice(&piece[..count]);
            if count == 0 || self.is_whole() {
                return &self.read;
            }
        }
    }

    fn is_whole(&self) -> bool {
        let text = &self.read;
        let Some(head) = text.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
        let lower = String::from_utf8_lossy(&text[..head]).to_lowercase();
        match lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse::<usize>().ok()) {
            Some(length) => text.len() >= head + 4 + length,
            None => text.ends_with(b"0\r\n\r\n"),
        }
    }
}

fn request(address: &str, token: &str, path: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn asked(model: &str, text: &str, stream: bool) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}], "stream": stream})
}

fn percentile(sorted: &[Duration], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3
}

/// Resident megabytes of a process.
fn resident(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}

/// One caller, calls to the upstream and through Baton in turn, so that both see the same machine.
async fn added(direct: (&str, &[u8]), through: (&str, &[u8]), calls: usize) -> [Vec<Duration>; 2] {
    let mut callers = [Caller::to(direct.0).await, Caller::to(through.0).await];
    let requests = [direct.1, through.1];
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..calls + 200 {
        for side in 0..2 {
            let started = Instant::now();
            let answer = callers[side].call(requests[side]).await;
            assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
            if round >= 200 {
                times[side].push(started.elapsed());
            }
        }
    }
    times.iter_mut().for_each(|times| times.sort());
    times
}

/// Calls a second of so many callers.
async fn rate(address: &str, request: &[u8], callers: usize, time: Duration) -> f64 {
    let (until, done) = (Instant::now() + time, Arc::new(AtomicU64::new(0)));
    let calling = (0..callers).map(|_| {
        let (address, request, done) = (address.to_owned(), request.to_vec(), done.clone());
        tokio::spawn(async move {
            let mut caller = Caller::to(&address).await;
            while Instant::now() < until {
                let answer = caller.call(&request).await;
                assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
                done.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    futures::future::join_all(calling).await.into_iter().for_each(|ended| ended.expect("no call fails"));
    done.load(Ordering::Relaxed) as f64 / time.as_secs_f64()
}

#[tokio::main]
async fn main() {
    let minutes: Option<f64> = std::env::args().nth(1).and_then(|minutes| minutes.parse().ok());
    let gate = Arc::new(Semaphore::new(0));
    let state = Arc::new(Upstream { gate: Some(gate.clone()), ..Upstream::default() });
    let app = axum::Router::new().fallback(upstream).with_state(state.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let behind = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let worker = |model: &str| {
        format!(
            "[[worker]]\nname = '{model}'\nmodel = '{model}'\nbase_url = 'http://{behind}/v1'\nconcurrency = 4000\n"
        )
    };
    let project = Project::new(&[]);
    project.configure(&["quick", "slow", "faulty"].map(worker).concat());
    let started = Instant::now();
    let endpoint = Endpoint::start(&project);
    let through = |model: &str, text: &str, stream: bool| {
        let body = asked(&format!("baton-direct:{model}"), text, stream);
        request(&endpoint.address, &endpoint.token, "/v1/chat/completions", &body)
    };
    if let Some(minutes) = minutes {
        return faults(&endpoint, &state, Duration::from_secs_f64(60.0 * minutes)).await;
    }
    let mut caller = Caller::to(&endpoint.address).await;
    caller.call(&through("quick", "Who is there?", false)).await;
    println!("first answer after the start: {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    println!("resident, at rest: {:.1} MiB", resident(endpoint.id()));

    for stream in [false, true] {
        // The upstream always streams: it is asked as Baton asks it.
        let own = request(&behind, "", "/v1/chat/completions", &asked("quick", "Who is there?", true));
        let calls = through("quick", "Who is there?", stream);
        let [direct, baton] = added((&behind, &own), (&endpoint.address, &calls), 4000).await;
        println!(
            "one client, {}: upstream p50 {:.3} ms, p99 {:.3} ms; through Baton p50 {:.3} ms, p99 {:.3} ms; added p50 {:.3} ms, p99 {:.3} ms",
            if stream { "streaming" } else { "whole" },
            percentile(&direct, 0.5),
            percentile(&direct, 0.99),
            percentile(&baton, 0.5),
            percentile(&baton, 0.99),
            percentile(&baton, 0.5) - percentile(&direct, 0.5),
            percentile(&baton, 0.99) - percentile(&direct, 0.99),
        );
    }
    let time = Duration::from_secs(10);
    let own = request(&behind, "", "/v1/chat/completions", &asked("quick", "Who is there?", true));
    let direct = rate(&behind, &own, 16, time).await;
    let baton = rate(&endpoint.address, &through("quick", "Who is there?", false), 16, time).await;
    println!("16 clients: upstream alone {direct:.0} calls/s, through Baton {baton:.0} calls/s");

    let slow = through("slow", "Who is there?", true);
    let mut open = VecDeque::new();
    for _ in 0..1000 {
        let mut stream = TcpStream::connect(&endpoint.address).await.expect("it listens");
        stream.write_all(&slow).await.expect("it reads");
        open.push_back(stream);
    }
    while state.open.load(Ordering::SeqCst) < 1000 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("1,000 streams open: resident {:.1} MiB", resident(endpoint.id()));
    let mut times = Vec::new();
    for _ in 0..50 {
        let before = state.open.load(Ordering::SeqCst);
        let started = now();
        drop(open.pop_front());
        while state.open.load(Ordering::SeqCst) == before {
            tokio::task::yield_now().await;
        }
        times.push(Duration::from_nanos(state.left.load(Ordering::SeqCst) - started));
    }
    times.sort();
    println!(
        "a client leaves: upstream closed after p50 {:.2} ms, longest {:.2} ms",
        percentile(&times, 0.5),
        percentile(&times, 1.0)
    );
    gate.add_permits(1000);
    let mut whole = 0;
    for mut stream in open {
        let mut text = Vec::new();
        while !text.ends_with(b"0\r\n\r\n") {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).await.expect("it answers");
            assert!(count > 0, "a stream was cut");
            text.extend_from_slice(&piece[..count]);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        whole += usize::from(text.contains("one ") && text.contains("two") && text.contains("[DONE]"));
    }
    println!("of the 950 others, whole: {whole}");
}

/// Load with faults upstream. Every stream must be whole and its own, or end with an error.
async fn faults(endpoint: &Endpoint, state: &Upstream, time: Duration) {
    let until = Instant::now() + time;
    let counts: Arc<[AtomicU64; 3]> = Arc::default();
    let calling: Vec<_> = (0..16u64)
        .map(|client| {
            let (address, token, counts) = (endpoint.address.clone(), endpoint.token.clone(), counts.clone());
            tokio::spawn(async move {
                let mut number = 0u64;
                let mut caller = Caller::to(&address).await;
                while Instant::now() < until {
                    number += 1;
                    let own = format!("client {client} call {number} {}", "x".repeat((number % 700) as usize));
                    let body = asked("baton-direct:faulty", &own, true);
                    let answer = caller.call(&request(&address, &token, "/v1/chat/completions", &body)).await;
                    let text = String::from_utf8_lossy(answer).into_owned();
                    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
                    let events: Vec<Value> = data.filter_map(|data| serde_json::from_str(data).ok()).collect();
                    let words: String =
                        events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
                    let failed =
                        text.starts_with("HTTP/1.1 50") || events.iter().any(|event| event["error"].is_object());
                    let which = match () {
                        () if text.contains("[DONE]") && words == own => 0,
                        // What came of it is a beginning of its own answer and of no other.
                        () if failed && own.starts_with(&words) => 1,
                        () => {
                            eprintln!("lost or mixed: {own:?}: {text}");
                            2
                        }
                    };
                    counts[which].fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let watching = async {
        let mut sizes = Vec::new();
        while Instant::now() < until {
            tokio::time::sleep(time / 20).await;
            sizes.push(resident(endpoint.id()));
        }
        sizes
    };
    let (ended, sizes) = tokio::join!(futures::future::join_all(calling), watching);
    ended.into_iter().for_each(|ended| ended.expect("no client fails"));
    let [whole, failed, lost] = [0, 1, 2].map(|at: usize| counts[at].load(Ordering::Relaxed));
    println!(
        "{whole} whole, {failed} with an error, {lost} lost or mixed; {} calls upstream",
        state.calls.load(Ordering::SeqCst)
    );
    let shown: Vec<String> = sizes.iter().map(|size| format!("{size:.1}")).collect();
    println!("resident MiB, twenty times: {}", shown.join(" "));
    assert_eq!(lost, 0, "a stream was lost or mixed");
}
