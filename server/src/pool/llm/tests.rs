//! Calls against a server that writes exactly the bytes it is told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Llm;
use crate::config::{PolicyOptions, WorkerOptions};
use crate::pool::{Bounds, Budget, CallError, ConfigProblem, Prompt, Reply, words};
use crate::task::Allowed;

/// What the server does after it has read a request.
#[derive(Clone)]
enum Act {
    /// Writes this and closes.
    Write(String),
    /// Writes this and leaves the connection open.
    Hang(String),
    /// Closes without a word.
    Close,
}

struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    /// Gets a message for each hanging connection that the client closed.
    closed: tokio::sync::mpsc::UnboundedReceiver<()>,
}

async fn server(script: Vec<Act>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let requests = Arc::<Mutex<Vec<String>>>::default();
    let (closing, closed) = tokio::sync::mpsc::unbounded_channel();
    let seen = requests.clone();
    tokio::spawn(async move {
        for act in script {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let request = read_request(&mut stream).await;
            seen.lock().expect("not poisoned").push(request);
            match act {
                Act::Write(text) => stream.write_all(text.as_bytes()).await.unwrap_or_default(),
                Act::Hang(text) => {
                    stream.write_all(text.as_bytes()).await.expect("written");
                    let closing = closing.clone();
                    tokio::spawn(async move {
                        while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
                        let _ = closing.send(());
                    });
                }
                Act::Close => {}
            }
        }
    });
    Server { address, requests, closed }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.expect("a request");
        read.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&read);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if count == 0 || body.len() >= length.unwrap_or(0) {
                return text.into_owned();
            }
        }
    }
}

fn stream_of(events: &[&str]) -> String {
    let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}")
}

fn status(line: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {line}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

const WORD: &str = r#"{"choices":[{"delta":{"content":"answer"}}]}"#;
const STOP: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
const COUNT: &str = r#"{"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":50}}"#;

fn options(address: &str) -> WorkerOptions {
    let written = format!(
        "name = 'w'\nbase_url = 'http://{address}/v1/'\nmodel = 'm-high'\nusd_in = 2.0\nusd_out = 4.0\nmax_output = 64\ntimeout_seconds = 20.0"
    );
    toml::from_str(&written).expect("options")
}

fn prompt() -> Prompt {
    Prompt::of("be brief", "question")
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

async fn call(llm: &Llm) -> (Result<Reply, CallError>, String) {
    let mut heard = String::new();
    let result = within(llm, |text| heard.push_str(text), soon(), &CancellationToken::new()).await;
    (result, heard)
}

async fn within(
    llm: &Llm,
    on_text: impl FnMut(&str),
    deadline: Instant,
    cancel: &CancellationToken,
) -> Result<Reply, CallError> {
    let (budget, allowed) = (Budget::new(1.0), Allowed::default());
    llm.call(&prompt(), words(on_text), Bounds { deadline, cancel, budget: &budget, allowed: &allowed }).await
}

fn worker(options: &WorkerOptions) -> Result<Llm, ConfigProblem> {
    Llm::new(options, &PolicyOptions::default())
}

/// One call against `script`; `change` adjusts the options.
async fn run(script: Vec<Act>, change: impl FnOnce(&mut WorkerOptions)) -> (Result<Reply, CallError>, Vec<String>) {
    let server = server(script).await;
    let mut options = options(&server.address);
    change(&mut options);
    let (result, _) = call(&worker(&options).expect("a worker")).await;
    let requests = server.requests.lock().expect("not poisoned").clone();
    (result, requests)
}

fn why(result: Result<Reply, CallError>) -> String {
    result.expect_err("no answer").to_string()
}

#[tokio::test]
async fn a_whole_answer_comes_with_its_price() {
    let (result, requests) = run(vec![Act::Write(stream_of(&[WORD, STOP, COUNT, "[DONE]"]))], |_| {}).await;
    let reply = result.expect("an answer");
    assert_eq!((reply.text.as_str(), reply.estimated), ("answer", false));
    assert_eq!((reply.usage.tokens_in, reply.usage.tokens_out), (100, 50));
    assert!((reply.usage.usd - 0.0004).abs() < 1e-12);
    let (head, body) = requests[0].split_once("\r\n\r\n").expect("a request");
    assert!(head.starts_with("POST /v1/chat/completions "), "{head}");
    assert!(!head.to_lowercase().contains("authorization"), "no key is configured");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["model"], "m-high");
    assert_eq!(body["max_tokens"], 64);
    assert_eq!(body["stream_options"]["include_usage"], true);
    assert_eq!(body["messages"][0]["content"], "be brief");
    assert_eq!(body["messages"][1]["content"], "question");
}

#[tokio::test]
async fn without_a_count_the_price_is_estimated_and_said_to_be() {
    let (result, _) = run(vec![Act::Write(stream_of(&[WORD, STOP]))], |_| {}).await;
    let reply = result.expect("an answer");
    assert!(reply.estimated);
    assert_eq!((reply.usage.tokens_in, reply.usage.tokens_out), (4, 2));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_used_and_not_asked_for_again() {
    let (result, requests) = run(vec![Act::Write(stream_of(&[WORD]))], |_| {}).await;
    let error = result.expect_err("truncated");
    assert!(error.to_string().contains("broke off"), "{error}");
    assert!(error.usage().usd > 0.0, "what had come was paid for");
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn a_busy_server_is_asked_again_after_the_time_it_asks_for() {
    let busy = status("429 Too Many Requests", "retry-after: 0\r\n", r#"{"error":{"message":"slow down"}}"#);
    let script = vec![Act::Write(busy.clone()), Act::Close, Act::Write(stream_of(&[WORD, STOP]))];
    let (result, requests) = run(script, |_| {}).await;
    assert_eq!(result.expect("the third try answers").text, "answer");
    assert_eq!(requests.len(), 3);

    let (result, requests) = run(vec![Act::Write(busy); 4], |_| {}).await;
    let why = why(result);
    assert!(why.contains("slow down") && why.contains("3 tries"), "{why}");
    assert_eq!(requests.len(), 3);
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_not_begun() {
    let busy = status("503 Service Unavailable", "retry-after: 3600\r\n", "");
    let (result, requests) = run(vec![Act::Write(busy)], |_| {}).await;
    assert!(why(result).contains("would take too long"));
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn what_the_user_must_change_is_said_and_not_tried_again() {
    for (line, body, says) in [
        ("401 Unauthorized", r#"{"error":{"message":"bad key"}}"#, "set key_env or key_command"),
        ("403 Forbidden", "", "set key_env"),
        ("404 Not Found", r#"{"error":"model \"m\" not found"}"#, "model `m-high`"),
        ("400 Bad Request", r#"{"error":{"message":"context length exceeded"}}"#, "context length exceeded"),
        ("302 Found", "", "has moved"),
        ("418 I'm a teapot", "<html>hello</html>", "refused the request (418 I'm a teapot)"),
    ] {
        let (result, requests) = run(vec![Act::Write(status(line, "location: /x\r\n", body))], |_| {}).await;
        let why = why(result);
        assert!(why.starts_with("worker `w` ") && why.contains(says) && !why.contains('<'), "{line}: {why}");
        assert_eq!(requests.len(), 1, "{line}");
    }
}

#[tokio::test]
async fn a_web_page_or_json_instead_of_a_stream_points_at_the_url() {
    for (kind, says) in [("text/html; charset=utf-8", "a web page"), ("application/json", "JSON")] {
        let page = status("200 OK", &format!("content-type: {kind}\r\n"), "<html></html>");
        let why = why(run(vec![Act::Write(page)], |_| {}).await.0);
        assert!(why.contains(says) && why.contains("check base_url"), "{why}");
    }
    let plain = status("200 OK", "", "<html></html>");
    assert!(why(run(vec![Act::Write(plain)], |_| {}).await.0).contains("check base_url"));
}

#[tokio::test]
async fn silence_ends_a_call_before_and_within_an_answer() {
    for begin in [String::new(), stream_of(&[WORD])] {
        let mut server = server(vec![Act::Hang(begin)]).await;
        let mut options = options(&server.address);
        options.timeout_seconds = 0.2;
        let (result, _) = call(&worker(&options).expect("a worker")).await;
        assert!(why(result).contains("was silent for 0.2 s (timeout_seconds)"));
        server.closed.recv().await.expect("the connection is closed");
    }
}

#[tokio::test]
async fn cancelling_closes_the_connection() {
    let mut server = server(vec![Act::Hang(stream_of(&[WORD]))]).await;
    let llm = worker(&options(&server.address)).expect("a worker");
    let cancel = CancellationToken::new();
    let error = within(&llm, |_| cancel.cancel(), soon(), &cancel).await.expect_err("cancelled");
    assert!(matches!(error, CallError::Cancelled { usage } if usage.usd > 0.0), "{error:?}");
    server.closed.recv().await.expect("the connection is closed");
}

#[tokio::test]
async fn the_deadline_holds_while_a_server_keeps_the_line_busy() {
    let server = server(vec![Act::Hang(stream_of(&[WORD]))]).await;
    let llm = worker(&options(&server.address)).expect("a worker");
    let deadline = Instant::now() + Duration::from_millis(300);
    let result = within(&llm, |_| {}, deadline, &CancellationToken::new()).await;
    assert!(why(result).contains("time was used up"));
}

#[tokio::test]
async fn who_waits_for_a_turn_can_be_cancelled_and_keeps_to_the_deadline() {
    let server = server(vec![Act::Hang(stream_of(&[WORD]))]).await;
    let llm = worker(&WorkerOptions { concurrency: 1, ..options(&server.address) }).expect("a worker");
    let (first, later) = (CancellationToken::new(), CancellationToken::new());
    let asked = tokio::sync::Notify::new();
    let busy = within(&llm, |_| asked.notify_one(), soon(), &first);
    let wait = async {
        asked.notified().await;
        let late = within(&llm, |_| {}, Instant::now() + Duration::from_millis(20), &later).await;
        assert!(why(late).contains("time was used up"));
        later.cancel();
        let cancelled = within(&llm, |_| {}, soon(), &later).await;
        assert!(matches!(cancelled, Err(CallError::Cancelled { usage }) if usage.usd == 0.0), "{cancelled:?}");
        first.cancel();
    };
    let (ended, ()) = tokio::join!(busy, wait);
    assert!(matches!(ended, Err(CallError::Cancelled { .. })), "{ended:?}");
    assert_eq!(server.requests.lock().expect("not poisoned").len(), 1, "the others were never sent");
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    for filler in ["data: x", ": ping\n", "data: {}\n\n", "<p>"] {
        let body = filler.repeat((2 << 20) / filler.len());
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let result = run(vec![Act::Write(format!("{head}{body}"))], |_| {}).await.0;
        assert!(result.is_err(), "{filler}");
        let (result, requests) =
            run(vec![Act::Write(status("500 Oops", "retry-after: 0\r\n", &body)); 3], |_| {}).await;
        assert!(why(result).len() < 500, "{filler}");
        assert_eq!(requests.len(), 3);
    }
}

#[tokio::test]
async fn an_answer_cut_by_its_limit_is_not_used() {
    let end = r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#;
    let why = why(run(vec![Act::Write(stream_of(&[WORD, end, "[DONE]"]))], |_| {}).await.0);
    assert!(why.contains("raise max_output"), "{why}");
}

#[tokio::test]
async fn a_key_goes_to_the_server_and_never_into_a_message() {
    let echo = status("401 Unauthorized", "", r#"{"error":{"message":"Incorrect API key: sk-secret"}}"#);
    let (result, requests) = run(vec![Act::Write(echo)], |options| {
        options.key_command = Some(["sh", "-c", "echo sk-secret"].map(str::to_owned).to_vec());
    })
    .await;
    let why = why(result);
    assert!(requests[0].to_lowercase().contains("authorization: bearer sk-secret"));
    assert!(why.contains("that `sh` prints") && !why.contains("sk-secret"), "{why}");

    let llm = worker(&WorkerOptions { key_env: Some("BATON_NO_SUCH_KEY".into()), ..options("127.0.0.1:9") });
    let why = call(&llm.expect("a worker")).await.0.expect_err("no key").to_string();
    assert!(why.contains("BATON_NO_SUCH_KEY"), "{why}");
}

#[tokio::test]
async fn a_worker_that_keeps_failing_is_left_alone() {
    let missing = status("404 Not Found", "", "");
    let server = server(vec![Act::Write(missing); 3]).await;
    let llm = worker(&options(&server.address)).expect("a worker");
    for _ in 0..3 {
        assert_eq!(llm.resting(), None);
        call(&llm).await.0.expect_err("not found");
    }
    let why = call(&llm).await.0.expect_err("left alone").to_string();
    assert!(why.contains("left alone for 60 s"), "{why}");
    assert_eq!(server.requests.lock().expect("not poisoned").len(), 3);
}

#[test]
fn wrong_settings_are_refused_with_what_to_change() {
    let good = options("127.0.0.1:9");
    let with = |change: fn(&mut WorkerOptions)| {
        let mut options = good.clone();
        change(&mut options);
        worker(&options).err().map(|problem| problem.0).unwrap_or_default()
    };
    assert_eq!(with(|_| {}), "");
    assert!(with(|o| o.base_url = "localhost:80/v1".into()).contains("base_url must look like"));
    assert!(with(|o| o.base_url = "file:///etc/passwd".into()).contains("base_url must look like"));
    assert!(with(|o| o.base_url = "https://me:pw@host/v1".into()).contains("password"));
    assert!(
        with(|o| (o.base_url, o.key_env) = ("http://example.org/v1".into(), Some("K".into()))).contains("unencrypted")
    );
    assert!(with(|o| o.max_output = o.context).contains("max_output"));
    assert!(with(|o| o.timeout_seconds = f64::NAN).contains("timeout_seconds"));
    assert!(with(|o| o.usd_out = -1.0).contains("usd_out"));
    assert!(with(|o| o.concurrency = 0).contains("concurrency"));
    assert!(with(|o| o.requests_per_minute = Some(0)).contains("requests_per_minute"));
    assert!(with(|o| o.proxy = Some("proxy".into())).contains("proxy must look like"));
}

#[test]
fn the_worst_case_is_never_below_the_price() {
    let llm = worker(&options("127.0.0.1:9")).expect("a worker");
    let prompt = Prompt::of("s".repeat(1000), "u".repeat(1000));
    assert!((llm.worst_case(&prompt) - (1064.0 * 2.0 + 64.0 * 4.0) / 1e6).abs() < 1e-12);
    assert_eq!(llm.prompt_budget(), 32_768 - 64);
}

#[tokio::test]
async fn a_worker_that_the_task_or_the_policy_leaves_out_is_not_asked() {
    let server = server(vec![Act::Write(stream_of(&[WORD, STOP]))]).await;
    let (options, cancel, budget) = (options(&server.address), CancellationToken::new(), Budget::new(1.0));
    let abroad = PolicyOptions { regions: Some(vec!["eu".into()]), ..PolicyOptions::default() };
    let never = Allowed { never: vec!["w".into()], ..Allowed::default() };
    for (policy, allowed, says) in
        [(abroad, Allowed::default(), "its region is not declared"), (PolicyOptions::default(), never, "this task")]
    {
        let llm = Llm::new(&options, &policy).expect("a worker");
        let bounds = Bounds { deadline: soon(), cancel: &cancel, budget: &budget, allowed: &allowed };
        let why = why(llm.call(&prompt(), |_| {}, bounds).await);
        assert!(why.starts_with("worker `w` was not asked: ") && why.contains(says), "{why}");
    }
    assert!(server.requests.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn what_cannot_fit_or_be_paid_is_not_asked() {
    let server = server(vec![Act::Write(stream_of(&[WORD, STOP]))]).await;
    let llm = worker(&WorkerOptions { context: 1064, ..options(&server.address) }).expect("a worker");
    let (cancel, budget, allowed) = (CancellationToken::new(), Budget::new(0.000_01), Allowed::default());
    let bounds = Bounds { deadline: soon(), cancel: &cancel, budget: &budget, allowed: &allowed };
    let long = Prompt::of("", "word ".repeat(2000));
    let error = llm.call(&long, |_| {}, bounds).await.expect_err("too long");
    assert!(matches!(error, CallError::TooLong { .. }), "{error:?}");
    assert!(error.to_string().contains("longer than the 1000 tokens"), "{error}");
    let why = why(llm.call(&prompt(), |_| {}, bounds).await);
    assert!(why.contains("could cost $0.0004 and $0.0000 of $0.0000 are left"), "{why}");
    assert!(server.requests.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn a_prompt_that_the_server_finds_too_long_is_told_from_other_refusals() {
    let said = r#"{"error":{"message":"This model's maximum context length is 8192 tokens."}}"#;
    let refused = run(vec![Act::Write(status("400 Bad Request", "", said))], |_| {}).await.0.expect_err("too long");
    assert!(matches!(&refused, CallError::TooLong { why, .. } if why.contains("8192")), "{refused:?}");
}

#[tokio::test]
async fn every_try_that_cost_something_is_booked() {
    let begun = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99\r\n\r\n: wait\n\n".to_owned();
    let whole = stream_of(&[WORD, STOP, COUNT, "[DONE]"]);
    let (result, requests) = run(vec![Act::Write(begun), Act::Write(whole)], |_| {}).await;
    let usage = result.expect("the second try answers").usage;
    assert_eq!((requests.len(), usage.tokens_in), (2, 4 + 100));
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_are_no_output() {
    for sign in [
        ": ping\n\n",
        "data: {\"choices\":[]}\n\n",
        "event: ping\ndata: {\"choices\":[{\"delta\":{\"content\":\"\"}}]}\n\n",
    ] {
        let llm = crate::pool::simulation::worker(&options("127.0.0.1:9"), sign, Duration::from_secs(1));
        let started = Instant::now();
        let result = within(&llm, |_| {}, started + Duration::from_secs(3600), &CancellationToken::new()).await;
        assert!(why(result).contains("was silent for 20 s"), "{sign}");
        assert_eq!(started.elapsed().as_secs(), 20, "{sign}");
    }
}
