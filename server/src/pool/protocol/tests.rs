//! Recorded and broken answers of each provider, written from its documented format: what becomes of them.
//!
//! A fixture is `HTTP` and a status, headers, an empty line and a body. Instead of an end the body may have a last
//! line `!broken` (the connection breaks), `!silent` (nothing more comes) or `!bytes` and some in hexadecimal.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, Url};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::{PolicyOptions, WorkerKind, WorkerOptions};
use crate::conversation::{Call, Choice, Conversation, Message as Turn, Part, Speaker, Tool, Wishes};
use crate::pool::answer::Answer;
use crate::pool::transport::{Bytestream, Incoming, Network, Outgoing, Unreached};
use crate::pool::{Bounds, Budget, CallError, Llm, Prompt, Reply, words};
use crate::task::Allowed;

/// A network with one answer, given to whoever asks and however often.
#[derive(Debug, Clone)]
struct Recorded {
    fixture: String,
    asked: Arc<Mutex<VecDeque<String>>>,
}

impl Network for Recorded {
    fn post(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, Unreached>> {
        self.asked.lock().expect("not poisoned").push_back(shown(&request));
        async { Ok(incoming(&self.fixture)) }.boxed()
    }
}

fn shown(request: &Outgoing) -> String {
    let mut headers: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.sort();
    let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
    format!("POST {}\n{}\n\n{body:#}", request.url, headers.join("\n"))
}

fn incoming(fixture: &str) -> Incoming {
    let (head, body) = fixture.split_once("\n\n").expect("a head and a body");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP ")).expect("a status");
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").expect("a header");
        (name.parse::<HeaderName>().expect("a name"), HeaderValue::from_str(value).expect("a value"))
    });
    Incoming {
        status: StatusCode::from_bytes(status.as_bytes()).expect("a status"),
        headers: HeaderMap::from_iter(headers),
        body: bytestream(body),
    }
}

/// The body in pieces of three bytes, so that every cut that can hurt is made.
fn bytestream(body: &str) -> Bytestream {
    let (text, last) = match body.rsplit_once('!') {
        Some((text, last)) if ["broken", "silent"].contains(&last) || last.starts_with("bytes ") => (text, last),
        _ => (body, ""),
    };
    let mut bytes = text.as_bytes().to_vec();
    let hexadecimal = last.strip_prefix("bytes ").into_iter().flat_map(|bytes| bytes.split(' '));
    bytes.extend(hexadecimal.map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal")));
    let pieces: Vec<_> = bytes.chunks(3).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let end = match last {
        "broken" => stream::once(async { Err("connection reset".to_owned()) }).boxed(),
        "silent" => stream::pending().boxed(),
        _ => stream::empty().boxed(),
    };
    stream::iter(pieces).chain(end).boxed()
}

fn options(kind: &str) -> WorkerOptions {
    let written = format!(
        "name = 'w'\nkind = '{kind}'\nbase_url = 'https://models.example'\nmodel = 'm'\nmax_output = 256\n\
         usd_in = 2.0\nusd_cached_in = 0.5\nusd_out = 4.0\nkeep_alive = '30m'\nkey_command = ['echo', 'sk-secret']"
    );
    toml::from_str(&written).expect("options")
}

fn prompt() -> Prompt {
    Prompt::of("be brief", "a question of some length ".repeat(50))
}

async fn ask(llm: &Llm, on_text: impl FnMut(&str)) -> Result<Reply, CallError> {
    let deadline = Instant::now() + Duration::from_secs(1_000_000);
    let (cancel, budget, allowed) = (CancellationToken::new(), Budget::new(1.0), Allowed::default());
    llm.call(&prompt(), words(on_text), Bounds { deadline, cancel: &cancel, budget: &budget, allowed: &allowed }).await
}

/// What becomes of a call that is answered so, and what was asked.
async fn call(kind: &str, fixture: String) -> (String, VecDeque<String>) {
    let network = Recorded { fixture, asked: Arc::default() };
    let asked = network.asked.clone();
    let llm = Llm::over(&options(kind), &PolicyOptions::default(), |_, _| Box::new(network)).expect("a worker");
    // A command prints it, and no paused clock waits for one.
    llm.key().await.expect("a key");
    tokio::time::pause();
    let mut heard = String::new();
    let result = ask(&llm, |text| heard.push_str(text)).await;
    tokio::time::resume();
    let said = match result {
        Ok(reply) => {
            let counted = if reply.estimated { " (estimated)" } else { "" };
            let usage = reply.usage;
            format!("text: {:?}\nreasoning: {:?}\n{usage:?}{counted}", reply.text, reply.reasoning)
        }
        Err(error) => format!("error: {error}\n{:?}", error.usage()),
    };
    let asked = std::mem::take(&mut *asked.lock().expect("not poisoned"));
    (format!("heard: {heard:?}\n{said}"), asked)
}

/// Every fixture of this kind against its snapshot; what is asked is one snapshot for all.
async fn check(kind: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wire").join(kind);
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("fixtures").map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    let mut whole = String::new();
    for file in files {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a plain name");
        let fixture = std::fs::read_to_string(&file).expect("text");
        let (said, mut asked) = call(kind, fixture).await;
        assert!(!said.contains("sk-secret"), "{kind}/{name} shows the key: {said}");
        let tries = if asked.len() == 1 { String::new() } else { format!("asked {} times\n", asked.len()) };
        whole += &format!("-- {name}\n{tries}{said}\n\n");
        let request = asked.pop_front().expect("it was asked");
        insta::with_settings!({snapshot_suffix => format!("{kind}_request")}, {
            insta::allow_duplicates! { insta::assert_snapshot!(request); }
        });
    }
    insta::with_settings!({snapshot_suffix => kind}, { insta::assert_snapshot!(whole); });
}

#[tokio::test]
async fn openai() {
    check("openai").await;
}

#[tokio::test]
async fn anthropic() {
    check("anthropic").await;
}

#[tokio::test]
async fn gemini() {
    check("gemini").await;
}

#[tokio::test]
async fn ollama() {
    check("ollama").await;
}

/// The whole answer of each kind, cut everywhere: what comes of a part is never taken for all.
#[tokio::test(start_paused = true)]
async fn no_part_of_an_answer_passes_for_the_whole() {
    for kind in ["openai", "anthropic", "gemini", "ollama"] {
        let file = format!("{}/tests/fixtures/wire/{kind}/whole.txt", env!("CARGO_MANIFEST_DIR"));
        let fixture = std::fs::read_to_string(file).expect("text");
        let body = fixture.find("\n\n").expect("a body") + 2;
        let keyless = WorkerOptions { key_command: None, ..options(kind) };
        let mut used = 0;
        for cut in (body..=fixture.len()).filter(|cut| fixture.is_char_boundary(*cut)) {
            for end in ["", "!broken", "!silent"] {
                let network = Recorded { fixture: format!("{}{end}", &fixture[..cut]), asked: Arc::default() };
                let llm = Llm::over(&keyless, &PolicyOptions::default(), |_, _| Box::new(network)).expect("a worker");
                if let Ok(reply) = ask(&llm, |_| {}).await {
                    assert_eq!(reply.text, "Grüße 🌍", "{kind} cut at {cut}{end}");
                    used += 1;
                }
            }
        }
        assert!(used > 0, "{kind}: the whole is used");
    }
}

proptest::proptest! {
    #[test]
    fn no_event_can_do_harm(kind in 0..4usize, noise in ".{0,40}", at in 0..400usize, byte in 0..128u8) {
        let kind = ["openai", "anthropic", "gemini", "ollama"][kind];
        let file = format!("{}/tests/fixtures/wire/{kind}/whole.txt", env!("CARGO_MANIFEST_DIR"));
        let fixture = std::fs::read_to_string(file).expect("text");
        let protocol = super::of(options(kind).kind);
        let mut answer = Answer::default();
        for line in fixture.lines().skip(3) {
            let mut data = line.strip_prefix("data: ").unwrap_or(line).to_owned();
            if data.is_char_boundary(at) && data.is_char_boundary(at + 1) && at < data.len() {
                data.replace_range(at..=at, &char::from(byte).to_string());
            }
            let _ = protocol.take(&data, &mut answer);
            let _ = protocol.take(&noise, &mut answer);
        }
        let _ = answer.whole(64);
    }
}

#[test]
fn an_address_is_understood_however_it_is_written() {
    for (kind, base, url) in [
        ("openai", "http://127.0.0.1:1/v1/", "http://127.0.0.1:1/v1/chat/completions"),
        ("openai", "http://127.0.0.1:1", "http://127.0.0.1:1/chat/completions"),
        ("anthropic", "", "https://api.anthropic.com/v1/messages"),
        ("anthropic", "https://proxy.example/claude/v1/", "https://proxy.example/claude/v1/messages"),
        ("gemini", "", "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse"),
        ("gemini", "https://g.example/v1", "https://g.example/v1/models/m:streamGenerateContent?alt=sse"),
        ("gemini", "https://g.example/v1beta/", "https://g.example/v1beta/models/m:streamGenerateContent?alt=sse"),
        ("ollama", "", "http://127.0.0.1:11434/api/chat"),
        ("ollama", "http://box.example:11434/v1", "http://box.example:11434/api/chat"),
        ("ollama", "http://box.example/api/", "http://box.example/api/chat"),
    ] {
        let options = WorkerOptions { base_url: base.into(), ..options(kind) };
        let base = Url::parse(options.address()).expect("a URL");
        assert_eq!(super::of(options.kind).address(base, "m").as_str(), url);
    }
    let base = Url::parse("https://g.example").expect("a URL");
    let url = super::of(crate::config::WorkerKind::Gemini).address(base, "../x?key=1#y");
    assert_eq!(url.as_str(), "https://g.example/v1beta/models/..%2Fx%3Fkey=1%23y:streamGenerateContent?alt=sse");
}

/// A conversation with rules, a picture, a tool that was called, and every wish that all protocols know.
fn conversation() -> Conversation {
    let call = Call {
        id: "c1".into(),
        name: "add".into(),
        arguments: "{\"a\": 1}".into(),
        extra: Some(json!({"google": {"thought_signature": "sig"}})),
    };
    let mut question = Turn::of(Speaker::User, "what is this?");
    question.parts.push(Part::Image { url: "data:image/png;base64,AAAA".into(), detail: None });
    Conversation {
        messages: vec![
            Turn::of(Speaker::System, "be brief"),
            question,
            Turn { calls: vec![call], parts: Vec::new(), ..Turn::of(Speaker::Assistant, "") },
            Turn { answers: Some("c1".into()), ..Turn::of(Speaker::Tool, "3") },
            Turn::of(Speaker::User, "and now?"),
        ],
        wishes: Wishes {
            max_tokens: Some(50),
            temperature: Some(0.5),
            stop: vec!["END".into()],
            tools: vec![Tool {
                name: "add".into(),
                description: Some("adds".into()),
                parameters: Some(json!({"type": "object"})),
                strict: None,
            }],
            choice: Some(Choice::Auto),
            ..Wishes::default()
        },
    }
}

#[test]
fn a_conversation_is_said_in_every_protocol() {
    let (prompt, url) = (Prompt::going_on(Arc::new(conversation())), Url::parse("http://127.0.0.1:1/").unwrap());
    let kinds = ["openai", "anthropic", "gemini", "ollama"];
    let bodies = kinds.map(|kind| {
        let written =
            format!("name = 'w'\nkind = '{kind}'\nbase_url = 'http://127.0.0.1:1'\nmodel = 'm'\nimages = true");
        let options: WorkerOptions = toml::from_str(&written).unwrap();
        assert_eq!(super::unfit(&options, prompt.conversation.as_ref().unwrap()), None, "{kind}");
        let body = super::of(options.kind).body(&options, &url, &prompt);
        format!("{kind}\n{}", serde_json::to_string_pretty(&body).unwrap())
    });
    insta::assert_snapshot!(bodies.join("\n\n"));
}

#[test]
fn what_a_protocol_has_no_word_for_is_named() {
    let mut asked = conversation();
    asked.wishes = Wishes { seed: Some(1), choice: Some(Choice::Required), temperature: Some(1.5), ..asked.wishes };
    let whys = ["openai", "anthropic", "gemini", "ollama", "gguf"].map(|kind| {
        let place = if kind == "gguf" {
            "path = '/m.gguf'"
        } else {
            "base_url = 'http://127.0.0.1:1'\nmodel = 'm'\nimages = true"
        };
        let options: WorkerOptions = toml::from_str(&format!("name = 'w'\nkind = '{kind}'\n{place}")).unwrap();
        format!("{kind}: {}", super::unfit(&options, &asked).unwrap_or_default()).trim_end().to_owned()
    });
    insta::assert_snapshot!(whys.join("\n"), @r"
    openai:
    anthropic: its protocol has no seed
    gemini:
    ollama: its protocol has no tool_choice
    gguf: its protocol has no temperature
    ");
}

#[test]
fn tools_are_called_in_every_protocol() {
    let streams: [(WorkerKind, &[&str]); 3] = [
        (
            WorkerKind::Anthropic,
            &[
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"c1","name":"add","input":{}}}"#,
                r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"#,
                r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"1}"}}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"#,
                r#"{"type":"message_stop"}"#,
            ],
        ),
        (
            WorkerKind::Gemini,
            &[
                r#"{"candidates":[{"content":{"parts":[{"functionCall":{"id":"c1","name":"add","args":{"a":1}},"thoughtSignature":"sig"}]},"finishReason":"STOP"}]}"#,
            ],
        ),
        (
            WorkerKind::Ollama,
            &[
                r#"{"message":{"content":"","tool_calls":[{"id":"c1","function":{"name":"add","arguments":{"a":1}}}]},"done":false}"#,
                r#"{"message":{"content":""},"done":true,"done_reason":"stop"}"#,
            ],
        ),
    ];
    for (kind, events) in streams {
        let mut answer = Answer::default();
        events.iter().for_each(|event| super::of(kind).take(event, &mut answer).unwrap());
        assert_eq!(answer.turn(64), Ok(()), "{kind:?}");
        let calls = answer.calls();
        let got: Vec<_> = calls.iter().map(|call| (&*call.id, &*call.name, &*call.arguments)).collect();
        assert_eq!(got, [("c1", "add", r#"{"a":1}"#)], "{kind:?}");
        assert_eq!(calls[0].extra.is_some(), kind == WorkerKind::Gemini);
    }
}
