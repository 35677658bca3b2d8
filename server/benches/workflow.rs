//! What the engine adds to the calls of a workflow: beside a bare HTTP client, warm and as a fresh process; whether steps
//! that run at once take the time of one; and what a fix of one file costs as a whole process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

const TIMES: usize = 200;
const COLD: usize = 30;

const FIX: &str = "def median(values):\n    values = sorted(values)\n    middle = len(values) // 2\n    if len(values) % 2:\n        return values[middle]\n    return (values[middle] + values[middle + 1]) / 2\n";
const REPLY: &str = "stats.py\n<<<<<<< SEARCH\n    return (values[middle] + values[middle + 1]) / 2\n=======\n    return (values[middle - 1] + values[middle]) / 2\n>>>>>>> REPLACE\n";

/// A model that answers every call alike, after `latency`; keeps the length of the longest prompt.
struct Model {
    base_url: String,
    longest: Arc<AtomicUsize>,
}

impl Model {
    fn start(reply: &str, latency: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on the loopback interface");
        let base_url = format!("http://{}/v1", listener.local_addr().expect("a bound socket has an address"));
        let delta = serde_json::json!({"choices": [{"delta": {"content": reply}, "finish_reason": null}]});
        let end =
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":9}}"#;
        let body = format!("data: {delta}\n\ndata: {end}\n\ndata: [DONE]\n\n");
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
        let answer: Arc<str> = format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into();
        let longest = Arc::<AtomicUsize>::default();
        let seen = longest.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, seen) = (answer.clone(), seen.clone());
                std::thread::spawn(move || serve(&stream, &answer, latency, &seen));
            }
        });
        Self { base_url, longest }
    }
}

/// Answers until the client has gone.
fn serve(stream: &TcpStream, answer: &str, latency: Duration, longest: &AtomicUsize) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let request: Value = serde_json::from_slice(&body).ok()?;
        let texts = request["messages"].as_array()?.iter().filter_map(|message| message["content"].as_str());
        longest.fetch_max(texts.map(str::len).sum(), Ordering::Relaxed);
        std::thread::sleep(latency);
        (&*stream).write_all(answer.as_bytes()).ok()?;
    }
}

fn main() {
    // Baton's own clients do the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir_in("/var/tmp").expect("a temporary directory can be made");
    let prompts = folder.path().join("prompts.txt");
    std::fs::write(&prompts, "How many days has a week?\n").expect("it is writable");
    let quick = Model::start("Seven.", Duration::ZERO);
    let bare = bare(&quick.base_url);
    report("three calls, bare HTTP client, warm", bare.clone());
    let mut warm = workflow(&quick.base_url, &prompts, "seq3", TIMES + 20);
    warm.drain(..20);
    report("three steps, engine, warm", warm);
    report(
        "three steps, engine, a process each",
        (0..COLD).map(|_| process(&quick.base_url, &prompts, "seq3")).collect(),
    );
    report(
        "`baton --version`, a process each",
        (0..COLD).map(|_| timed(Command::new(baton()).arg("--version"))).collect(),
    );
    let slow = Model::start("Seven.", Duration::from_millis(200));
    for (flow, what) in [("par2", "two steps at once, each 200 ms"), ("par4", "four steps at once, each 200 ms")] {
        let mut times = workflow(&slow.base_url, &prompts, flow, 22);
        times.drain(..2);
        report(what, times);
    }
    fix(folder.path());
}

/// Milliseconds of three calls in a row.
fn bare(base_url: &str) -> Vec<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("an event queue").block_on(async {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
        let body = r#"{"messages":[{"role":"user","content":"How many days has a week?"}]}"#;
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let started = Instant::now();
            for _ in 0..3 {
                let sent = client.post(format!("{base_url}/chat/completions")).body(body).send().await;
                sent.expect("an answer").bytes().await.expect("a body");
            }
            times.push(ms(started.elapsed()));
        }
        times
    })
}

fn baton() -> &'static str {
    env!("CARGO_BIN_EXE_baton")
}

fn command(base_url: &str, prompts: &Path, flow: &str, runs: usize) -> Command {
    let mut command = Command::new(baton());
    command.args(["bench-workflow", "--base-url", base_url, "--flow", flow, "--runs", &runs.to_string(), "--prompts"]);
    command.arg(prompts);
    command
}

fn workflow(base_url: &str, prompts: &Path, flow: &str, runs: usize) -> Vec<f64> {
    let output = command(base_url, prompts, flow, runs).output().expect("it starts");
    let told: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    assert_eq!(told["failed"], Value::Null);
    told["runs_ms"].as_array().expect("times").iter().filter_map(Value::as_f64).collect()
}

fn process(base_url: &str, prompts: &Path, flow: &str) -> f64 {
    timed(&mut command(base_url, prompts, flow, 1))
}

fn timed(command: &mut Command) -> f64 {
    let started = Instant::now();
    let status = command.stdout(Stdio::null()).status().expect("it starts");
    assert!(status.success());
    ms(started.elapsed())
}

/// A fix of one file of 542 bytes with one call, as a process, without a model of Baton's own.
#[expect(clippy::zombie_processes, reason = "wait4 waits for it, and says how much memory it had")]
fn fix(folder: &Path) {
    let root = folder.join("project");
    std::fs::create_dir(&root).expect("it is writable");
    let text = format!("{FIX}{}", "# pad\n".repeat((542 - FIX.len()) / 6));
    std::fs::write(root.join("stats.py"), text).expect("it is writable");
    let model = Model::start(REPLY, Duration::ZERO);
    let home = folder.join("home");
    let config = home.join("config/baton");
    std::fs::create_dir_all(&config).expect("it is writable");
    let worker = format!("[[worker]]\nname = \"w\"\nbase_url = {:?}\nmodel = \"m\"\n", model.base_url);
    std::fs::write(config.join("config.toml"), worker).expect("it is writable");
    let (mut times, mut peak) = (Vec::new(), 0);
    for _ in 0..COLD {
        let mut command = Command::new(baton());
        command.args(["fix", "stats.py", "--task", "The median of an even number of values is wrong."]);
        command.args(["--policy", "single", "--trust", "--json"]).current_dir(&root).stdout(Stdio::piped());
        command.env("HOME", &home).env("XDG_CONFIG_HOME", home.join("config"));
        command.env("XDG_STATE_HOME", home.join("state")).env("XDG_CACHE_HOME", home.join("cache"));
        let started = Instant::now();
        let mut child = command.spawn().expect("it starts");
        let mut told = String::new();
        child.stdout.take().expect("a pipe").read_to_string(&mut told).expect("text");
        let (mut status, mut usage) = (0, unsafe { std::mem::zeroed::<libc::rusage>() });
        // SAFETY: both places are ours, and nobody else waits for this child.
        unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
        times.push(ms(started.elapsed()));
        peak = peak.max(usage.ru_maxrss);
        let told: Value = serde_json::from_str(&told).expect("JSON");
        assert!(told["diff"].as_str().is_some_and(|diff| diff.contains("middle - 1")), "{told:#}");
    }
    report("fix of one file, one call, a process each", times);
    println!("{:44} {:.1} MiB", "… its peak of memory", peak as f64 / 1024.0);
    println!("{:44} {} bytes", "… its prompt", model.longest.load(Ordering::Relaxed));
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn report(what: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!(
        "{what:44} median {:8.2} ms, 9 of 10 {:8.2}, slowest {:8.2} ({} times)",
        at(50),
        at(90),
        at(100),
        times.len()
    );
}
