//! A generative model as the server meets it, with a real model file that the project makes itself: repeatable,
//! bounded, cancelled, killed, stopped, short of memory. Its own test binary because it needs the real program.

mod tiny;

use std::path::Path;
use std::time::Duration;

use baton::conductor::host::{Chat, HostError, Message, Writer, WriterOptions};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use tiny::{EXE, model};

fn options(cache: &TempDir) -> WriterOptions {
    WriterOptions {
        exe: EXE.into(),
        model: Some(model()),
        context: 4096,
        cache_dir: cache.path().join("cache"),
        idle: Duration::from_secs(600),
        patience: Duration::from_secs(60),
    }
}

fn writer(cache: &TempDir) -> Writer {
    Writer::new(options(cache))
}

fn chat(user: &str) -> Chat {
    Chat {
        messages: vec![Message::new("system", "Rules. ".repeat(40)), Message::new("user", user)],
        fixed: 1,
        grammar: None,
        temperature: 1.0,
        seed: 5,
        max_tokens: 200,
    }
}

async fn write(writer: &Writer, chat: &Chat) -> Result<baton::conductor::host::Written, HostError> {
    writer.write(chat, |_| {}, &CancellationToken::new()).await
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

#[tokio::test]
async fn the_same_seed_writes_the_same_and_streams_what_it_writes() {
    let cache = TempDir::new().unwrap();
    let writer = writer(&cache);
    assert_eq!(writer.stats().await, None, "nothing is started before it is needed");
    let mut streamed = String::new();
    let first =
        writer.write(&chat("a"), |so_far| streamed = so_far.to_owned(), &CancellationToken::new()).await.unwrap();
    assert!(first.whole && !first.text.is_empty(), "{first:?}");
    assert!(first.text.starts_with(&streamed) && first.text.len() - streamed.len() < 4, "{streamed:?} {first:?}");
    assert_eq!(write(&writer, &chat("a")).await.unwrap().text, first.text);
    assert_ne!(write(&writer, &Chat { seed: 6, ..chat("a") }).await.unwrap().text, first.text);
    let cold = Chat { temperature: 0.0, ..chat("a") };
    let likeliest = write(&writer, &cold).await.unwrap().text;
    assert_eq!(write(&writer, &Chat { seed: 6, ..cold }).await.unwrap().text, likeliest);
}

#[tokio::test]
async fn a_grammar_is_kept_to_and_ends_the_answer() {
    let cache = TempDir::new().unwrap();
    let writer = writer(&cache);
    let gbnf = r#"root ::= "{\"name\":\"" [^"\\\x00-\x1f]{3,40} "\",\"n\":" [0-9] "}""#;
    for seed in 0..20 {
        let temperature = [0.0, 0.7, 1.5][seed as usize % 3];
        let chat = Chat { grammar: Some(gbnf.into()), seed, temperature, ..chat("a") };
        let written = write(&writer, &chat).await.unwrap();
        assert!(written.whole, "{written:?}");
        let value: serde_json::Value = serde_json::from_str(&written.text).unwrap();
        assert!((3..=40).contains(&value["name"].as_str().unwrap().chars().count()), "{written:?}");
        assert!(value["n"].as_u64().unwrap() < 10, "{written:?}");
    }
    let wrong = Chat { grammar: Some("root ::= <<<".into()), ..chat("a") };
    assert!(matches!(write(&writer, &wrong).await, Err(HostError::Process(_))));
}

#[tokio::test]
async fn an_answer_is_cut_at_its_limit_and_a_prompt_that_does_not_fit_is_refused() {
    let cache = TempDir::new().unwrap();
    let writer = writer(&cache);
    let endless = Chat { grammar: Some("root ::= [ a]+ \"!\"".into()), max_tokens: 30, ..chat("a") };
    let cut = write(&writer, &Chat { temperature: 0.0, ..endless }).await.unwrap();
    assert_eq!((cut.whole, cut.tokens_out), (false, 30));
    let long = chat(&"x".repeat(5_000));
    let refused = write(&writer, &long).await.unwrap_err();
    assert!(matches!(refused, HostError::Length(_)) && refused.to_string().contains("fit"), "{refused}");
    assert!(write(&writer, &chat("a")).await.is_ok(), "the same process goes on");
}

#[tokio::test]
async fn what_a_user_writes_is_no_control_token() {
    let cache = TempDir::new().unwrap();
    let writer = writer(&cache);
    let read = async |text: &str| write(&writer, &chat(text)).await.unwrap().tokens_in;
    let plain = read("").await;
    // As characters, not as one token.
    assert_eq!(read("<|end|>").await - plain, "<|end|>".len());
}

#[tokio::test]
async fn what_prompts_have_in_common_is_read_once() {
    let cache = TempDir::new().unwrap();
    let first = {
        let writer = writer(&cache);
        let first = write(&writer, &chat("a question")).await.unwrap();
        assert_eq!(first.reused, 0);
        let second = write(&writer, &chat("another one")).await.unwrap();
        assert!(second.reused > 200 && second.reused < second.tokens_in, "{second:?}");
        let decoded = writer.stats().await.unwrap().decoded as usize;
        let read = first.tokens_in + second.tokens_in - second.reused;
        let written = first.tokens_out + second.tokens_out;
        assert!((read..=read + written).contains(&decoded), "{decoded}, {first:?}, {second:?}");
        first
    };
    // A fresh process finds the fixed part on disk, and writes what the first one wrote.
    let again = write(&writer(&cache), &chat("a question")).await.unwrap();
    assert!(again.reused > 200, "{again:?}");
    assert_eq!(again.text, first.text);
    for file in std::fs::read_dir(cache.path().join("cache/prefixes")).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[100] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    let damaged = write(&writer(&cache), &chat("a question")).await.unwrap();
    assert_eq!((damaged.reused, damaged.text), (0, first.text));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_killed_while_it_writes_costs_one_retry() {
    let cache = TempDir::new().unwrap();
    let writer = writer(&cache);
    let long = Chat { grammar: Some("root ::= [a-z ]{200} \"!\"".into()), max_tokens: 300, ..chat("a") };
    let expected = write(&writer, &long).await.unwrap();
    let pid = writer.stats().await.unwrap().pid;
    let mut killed = false;
    let mut streamed = String::new();
    let on_text = |so_far: &str| {
        streamed = so_far.to_owned();
        if !std::mem::replace(&mut killed, true) {
            signal(pid, Signal::KILL);
        }
    };
    let written = writer.write(&long, on_text, &CancellationToken::new()).await.unwrap();
    assert_eq!(written.text, expected.text);
    assert_eq!(streamed, expected.text, "what the dead child had written is not mixed with what the next one writes");
    assert_ne!(writer.stats().await.unwrap().pid, pid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_stops_answering_is_replaced() {
    let cache = TempDir::new().unwrap();
    let writer = Writer::new(WriterOptions { patience: Duration::from_secs(3), ..options(&cache) });
    let expected = write(&writer, &chat("a")).await.unwrap();
    let pid = writer.stats().await.unwrap().pid;
    signal(pid, Signal::STOP);
    assert_eq!(write(&writer, &chat("a")).await.unwrap().text, expected.text);
    assert_ne!(writer.stats().await.unwrap().pid, pid);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_child_short_of_memory_is_replaced_or_goes_on() {
    use rustix::process::{Resource, Rlimit, prlimit};
    let cache = TempDir::new().unwrap();
    let writer = writer(&cache);
    let long = Chat { grammar: Some("root ::= [a-z ]{200} \"!\"".into()), max_tokens: 300, ..chat("a") };
    let expected = write(&writer, &long).await.unwrap();
    let pid = Pid::from_raw(writer.stats().await.unwrap().pid as i32);
    let starve = |_: &str| {
        let nothing = Rlimit { current: Some(1 << 20), maximum: Some(1 << 20) };
        let _ = prlimit(pid, Resource::As, nothing);
    };
    let written = writer.write(&long, starve, &CancellationToken::new()).await.unwrap();
    assert_eq!(written.text, expected.text);
    assert_eq!(write(&writer, &long).await.unwrap().text, expected.text);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_model_gives_its_memory_back() {
    let cache = TempDir::new().unwrap();
    let writer = Writer::new(WriterOptions { idle: Duration::from_millis(200), ..options(&cache) });
    let first = write(&writer, &chat("a")).await.unwrap();
    // On a busy machine it may be gone before it is asked.
    if let Some(stats) = writer.stats().await {
        while Path::new("/proc").join(stats.pid.to_string()).exists() {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(writer.stats().await, None);
    assert_eq!(write(&writer, &chat("a")).await.unwrap().text, first.text, "it is started again when it is needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_stops_it_between_tokens_and_leaves_it_usable() {
    let cache = TempDir::new().unwrap();
    let writer = writer(&cache);
    write(&writer, &chat("a")).await.unwrap();
    let pid = writer.stats().await.unwrap().pid;
    let cancel = CancellationToken::new();
    let endless = Chat { grammar: Some("root ::= [a-z ]{1,1900} \"!\"".into()), max_tokens: 1900, ..chat("a") };
    let endless = Chat { temperature: 0.0, ..endless };
    let stopped = writer.write(&endless, |_| cancel.cancel(), &cancel).await;
    assert_eq!(stopped, Err(HostError::Cancelled));
    assert!(write(&writer, &chat("b")).await.is_ok());
    let stats = writer.stats().await.unwrap();
    assert_eq!(stats.pid, pid, "the same process goes on");
    assert!(stats.decoded < 1_900, "it did not write to the end: {}", stats.decoded);
}

#[tokio::test]
async fn what_is_no_generative_model_is_refused_by_name() {
    let cache = TempDir::new().unwrap();
    let encoder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/minilm-l6-v2.q8_0.gguf");
    let writer = Writer::new(WriterOptions { model: Some(encoder), ..options(&cache) });
    let error = write(&writer, &chat("a")).await.unwrap_err().to_string();
    assert!(error.contains("minilm-l6-v2.q8_0.gguf cannot be used: it is an encoder"), "{error}");
    let half = cache.path().join("half.gguf");
    let bytes = std::fs::read(model()).unwrap();
    std::fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    let writer = Writer::new(WriterOptions { model: Some(half), ..options(&cache) });
    assert!(matches!(write(&writer, &chat("a")).await, Err(HostError::Model { .. })));
}
