//! The conductor's child process as the server meets it: killed, fed hostile files, cancelled, orphaned.
//! Its own test binary because it needs the real program to start.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use baton::conductor::heads::telling::Sort;
use baton::conductor::host::{Host, HostError, HostOptions};
use baton::conductor::mini::{self, Need};
use baton::conductor::{Conductor, Decision};
use baton::ledger::{Embedding, Ledger, RunRecord};
use baton::pool::{Facts, Usage};
use baton::run::{ConductorRecord, Kind, StepRecord};
use baton::task::{Goal, Tier};
use baton::workflow::{Access, Role, Step, Workflow};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const EXE: &str = env!("CARGO_BIN_EXE_baton");
const MODEL: &[u8] = include_bytes!("../../models/minilm-l6-v2.q8_0.gguf");

/// A host with a cache of its own and, unless `None`, this encoder.
fn host(cache: &TempDir, encoder: Option<PathBuf>) -> Host {
    Host::new(HostOptions { exe: EXE.into(), encoder, cache_dir: cache.path().join("cache") })
}

async fn embed(host: &Host, text: &str) -> Result<Vec<f32>, HostError> {
    host.embed(text, &CancellationToken::new()).await
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

#[tokio::test]
async fn like_texts_have_like_vectors() {
    let cache = TempDir::new().unwrap();
    let host = host(&cache, None);
    assert_eq!(host.stats().await, None, "nothing is started before it is needed");
    let sorting = embed(&host, "fix the sort function: it returns the list in the wrong order").await.unwrap();
    let ordering = embed(&host, "repair sorting, elements come out in reverse order").await.unwrap();
    let socket = embed(&host, "the web server leaks a socket on timeout").await.unwrap();
    assert_eq!(sorting.len(), 384);
    assert!((cosine(&sorting, &sorting) - 1.0).abs() < 1e-5, "of length 1");
    assert!(cosine(&sorting, &ordering) > 0.6, "{}", cosine(&sorting, &ordering));
    assert!(cosine(&sorting, &socket) < 0.3, "{}", cosine(&sorting, &socket));
    let again = embed(&host, "fix the sort function: it returns the list in the wrong order").await.unwrap();
    assert_eq!(again, sorting, "the same text gives the same vector");
    assert_eq!(host.stats().await.unwrap().embeddings, 4);
    assert_eq!(std::fs::read(cache.path().join("cache/models").join(host.model_name())).unwrap(), MODEL);
}

#[tokio::test]
async fn any_text_is_taken_and_what_is_too_long_is_cut_off() {
    let cache = TempDir::new().unwrap();
    let host = host(&cache, None);
    let long = "alpha beta gamma ".repeat(200);
    let longer = format!("{long} {}", "delta ".repeat(100_000));
    assert_eq!(embed(&host, &long).await.unwrap(), embed(&host, &longer).await.unwrap());
    for text in ["", " ", "\0", "[CLS] [SEP] [PAD]", "\u{feff}\u{202e}🦀", "é".repeat(5_000).as_str(), "\n\n\"\\"] {
        assert_eq!(embed(&host, text).await.map(|vector| vector.len()), Ok(384), "{text:?}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn killing_the_child_in_mid_request_costs_one_retry() {
    let cache = TempDir::new().unwrap();
    let host = host(&cache, None);
    let expected = embed(&host, "a task").await.unwrap();
    for yields in 0..8 {
        let pid = host.stats().await.unwrap().pid;
        // Stopped, it cannot answer before it is killed.
        signal(pid, Signal::STOP);
        let kill = async {
            for _ in 0..yields * yields {
                tokio::task::yield_now().await;
            }
            signal(pid, Signal::KILL);
        };
        let (vector, ()) = tokio::join!(embed(&host, "a task"), kill);
        assert_eq!(vector.unwrap(), expected);
        let stats = host.stats().await.unwrap();
        assert_ne!(stats.pid, pid);
        assert_eq!(stats.embeddings, 1, "asked once more, not oftener");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_child_killed_while_idle_is_not_missed() {
    let cache = TempDir::new().unwrap();
    let host = host(&cache, None);
    let expected = embed(&host, "a task").await.unwrap();
    for _ in 0..3 {
        signal(host.stats().await.unwrap().pid, Signal::KILL);
        assert_eq!(embed(&host, "a task").await.unwrap(), expected);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn cancel_returns_at_once_and_leaves_the_child_usable() {
    let cache = TempDir::new().unwrap();
    let host = host(&cache, None);
    embed(&host, "a task").await.unwrap();
    let pid = host.stats().await.unwrap().pid;
    signal(pid, Signal::STOP);
    let cancel = CancellationToken::new();
    let (cancelled, ()) = tokio::join!(host.embed("never answered", &cancel), async { cancel.cancel() });
    assert_eq!(cancelled, Err(HostError::Cancelled));
    assert_eq!(host.embed("never asked", &cancel).await, Err(HostError::Cancelled));
    signal(pid, Signal::CONT);
    assert!(embed(&host, "another").await.is_ok());
    assert_eq!(host.stats().await.unwrap().pid, pid, "the same process goes on");
}

#[tokio::test]
async fn a_cancelled_start_is_finished_by_the_next_request() {
    let cache = TempDir::new().unwrap();
    let host = host(&cache, None);
    for _ in 0..3 {
        let cancel = CancellationToken::new();
        let (cancelled, ()) = tokio::join!(host.embed("a task", &cancel), async {
            tokio::task::yield_now().await;
            cancel.cancel();
        });
        assert_eq!(cancelled, Err(HostError::Cancelled));
    }
    assert_eq!(embed(&host, "a task").await.unwrap().len(), 384);
}

/// Overwrites bytes of the real model.
fn patched(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = MODEL.to_vec();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

/// Where in the real model some metadata key's value begins: after the key and the value's type.
fn value_of(key: &str) -> usize {
    let at = MODEL.windows(key.len()).position(|window| window == key.as_bytes()).unwrap();
    at + key.len() + 4
}

#[tokio::test]
async fn a_hostile_model_is_refused_by_name_and_not_tried_again() {
    let cache = TempDir::new().unwrap();
    let path = cache.path().join("hostile.gguf");
    let tokens = value_of("tokenizer.ggml.tokens");
    let huge = u64::MAX.to_le_bytes();
    let many = (1u64 << 40).to_le_bytes();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", vec![]),
        ("magic alone", b"GGUF".to_vec()),
        ("another format", b"\x89PNG\r\n\x1a\n and so on".to_vec()),
        ("zeros", vec![0; 1 << 20]),
        ("wrong magic", patched(0, b"GGML")),
        ("version 0", patched(4, &[0; 4])),
        ("version of the future", patched(4, &9999u32.to_le_bytes())),
        ("2^64 tensors", patched(8, &huge)),
        ("2^40 tensors", patched(8, &many)),
        ("no tensors", patched(8, &[0; 8])),
        ("2^64 keys", patched(16, &huge)),
        ("2^40 keys", patched(16, &many)),
        ("no keys", patched(16, &[0; 8])),
        ("2^64 bytes in a key", patched(24, &huge)),
        ("2^40 tokens", patched(tokens + 4, &many)),
        ("2^64 tokens", patched(tokens + 4, &huge)),
        ("2^31 bytes in a token", patched(tokens + 12, &(1u64 << 31).to_le_bytes())),
        ("no heads", patched(value_of("bert.attention.head_count"), &[0; 4])),
        ("2^32 layers", patched(value_of("bert.block_count"), &[255; 4])),
        ("no width", patched(value_of("bert.embedding_length"), &[0; 4])),
        ("no context", patched(value_of("bert.context_length"), &[0; 4])),
        ("cut in the header", MODEL[..1000].to_vec()),
        ("cut in the tokens", MODEL[..200_000].to_vec()),
        ("cut in the weights", MODEL[..MODEL.len() / 2].to_vec()),
        ("one byte short", MODEL[..MODEL.len() - 1].to_vec()),
    ];
    let mut seen = String::new();
    let host = host(&cache, Some(path.clone()));
    for (name, bytes) in cases {
        std::fs::write(&path, bytes).unwrap();
        let error = embed(&host, "a task").await.unwrap_err();
        assert!(matches!(error, HostError::Model { .. }), "{name}: {error}");
        assert!(error.to_string().contains("hostile.gguf"), "{name}: {error}");
        assert_eq!(embed(&host, "a task").await.unwrap_err(), error, "{name}: the same answer");
        assert_eq!(host.stats().await, None, "{name}: no process is left or started again");
        seen.push_str(&format!("{name}: {}\n", error.to_string().replace(&path.display().to_string(), "FILE")));
    }
    insta::assert_snapshot!(seen);
    std::fs::write(&path, MODEL).unwrap();
    assert!(embed(&host, "a task").await.is_ok(), "a better file is taken");
}

#[tokio::test]
async fn no_single_damaged_byte_of_the_header_does_more_than_refuse() {
    let cache = TempDir::new().unwrap();
    let path = cache.path().join("damaged.gguf");
    // Every field of the first keys, and the tensors' descriptions, are within reach of these steps.
    let descriptions = MODEL.windows(17).position(|window| window == b"token_embd.weight").unwrap();
    for at in (4..400).step_by(37).chain((descriptions..descriptions + 600).step_by(61)) {
        let host = host(&cache, Some(path.clone()));
        std::fs::write(&path, patched(at, &[MODEL[at] ^ 0xa5])).unwrap();
        match embed(&host, "a task").await {
            Ok(vector) => assert!(!vector.is_empty(), "byte {at}"),
            Err(error) => assert!(matches!(error, HostError::Model { .. }), "byte {at}: {error}"),
        }
    }
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let cache = TempDir::new().unwrap();
    let missing = host(&cache, Some("/nowhere/model.gguf".into()));
    let error = embed(&missing, "a task").await.unwrap_err().to_string();
    assert_eq!(error, "the local model /nowhere/model.gguf cannot be used: there is no such file");
    let options =
        |exe: &str, cache_dir: &Path| HostOptions { exe: exe.into(), encoder: None, cache_dir: cache_dir.into() };
    let no_program = Host::new(options("/nowhere/baton", cache.path()));
    let error = embed(&no_program, "a task").await.unwrap_err().to_string();
    assert_eq!(error, "cannot start the local model's process /nowhere/baton: No such file or directory (os error 2)");
    let other_program = Host::new(options("/bin/false", cache.path()));
    let error = embed(&other_program, "a task").await.unwrap_err().to_string();
    assert_eq!(error, "cannot start the local model's process /bin/false: it ended by itself (exit status: 1)");
    let blocked = cache.path().join("blocked");
    std::fs::write(&blocked, "a file where a folder should be").unwrap();
    let no_room = Host::new(options(EXE, &blocked));
    let error = embed(&no_room, "a task").await.unwrap_err();
    assert!(matches!(error, HostError::Storage(_)), "{error}");
    assert!(error.to_string().contains(&blocked.display().to_string()), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_child_gets_no_keys_and_no_network() {
    let cache = TempDir::new().unwrap();
    let host = host(&cache, None);
    embed(&host, "a task").await.unwrap();
    let stats = host.stats().await.unwrap();
    let environment = std::fs::read_to_string(format!("/proc/{}/environ", stats.pid)).unwrap();
    let allowed = ["OMP_WAIT_POLICY", "GGML_NO_BACKTRACE", "LD_LIBRARY_PATH"];
    for entry in environment.split('\0').filter(|entry| !entry.is_empty()) {
        assert!(allowed.contains(&entry.split('=').next().unwrap()), "{entry}");
    }
    assert!(environment.contains("OMP_WAIT_POLICY=passive"));
    if stats.offline {
        let interfaces = std::fs::read_to_string(format!("/proc/{}/net/dev", stats.pid)).unwrap();
        assert_eq!(interfaces.lines().skip(2).count(), 1, "loopback alone: {interfaces}");
    }
}

#[test]
fn the_child_answers_line_by_line_and_ends_with_its_input() {
    let mut child = Command::new(EXE)
        .arg("conductor-host")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut replies = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut ask = |line: &str| {
        writeln!(stdin, "{line}").unwrap();
        let reply: serde_json::Value = serde_json::from_str(&replies.next().unwrap().unwrap()).unwrap();
        reply
    };
    assert_eq!(ask("garbage")["fault"], "request");
    assert_eq!(ask(r#"{"id":1,"op":"sing"}"#)["fault"], "request");
    assert_eq!(ask(r#"{"id":2,"op":"embed","text":"too early"}"#)["message"], "no such model is loaded");
    let stats = ask(r#"{"id":3,"op":"stats"}"#);
    assert_eq!((stats["id"].as_u64(), stats["reply"].as_str()), (Some(3), Some("stats")));
    assert_eq!(stats["pid"].as_u64(), Some(u64::from(child.id())));
    writeln!(stdin, r#"{{"op":"cancel","id":4,"target":5}}"#).unwrap();
    writeln!(stdin, r#"{{"op":"embed","id":5,"text":"x"}}"#).unwrap();
    let reply: serde_json::Value = serde_json::from_str(&replies.next().unwrap().unwrap()).unwrap();
    assert_eq!((reply["id"].as_u64(), reply["reply"].as_str()), (Some(5), Some("cancelled")));
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_orphan_ends_without_finishing_what_nobody_reads() {
    let cache = TempDir::new().unwrap();
    let mut child = Command::new(EXE)
        .arg("conductor-host")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut replies = BufReader::new(child.stdout.take().unwrap()).lines();
    writeln!(stdin, r#"{{"op":"load","id":1,"model":null,"cache_dir":{:?}}}"#, cache.path()).unwrap();
    assert!(replies.next().unwrap().unwrap().contains("loaded"));
    for id in 2..1_000 {
        writeln!(stdin, r#"{{"op":"embed","id":{id},"text":"{}"}}"#, "a word ".repeat(300)).unwrap();
    }
    drop(stdin);
    child.wait().unwrap();
    assert!(replies.count() < 900, "it went on to the end");
}

/// A record of a run that solved, or did not solve, a task with this embedding.
fn past(id: &str, embedding: Embedding, worker: &str, status: &str) -> RunRecord {
    let plan = Step { worker: worker.into(), role: Role::Worker, subtask: String::new(), access: Access::None };
    let step = StepRecord { ms: 2_000, status: status.into(), ..StepRecord::planned(&plan, 0) };
    RunRecord {
        id: id.into(),
        started: 1,
        root: "/project".into(),
        path: "sorting.py".into(),
        goal: Goal::Fix,
        instruction_hash: String::new(),
        tier: Tier::Mini,
        conductor: ConductorRecord::default(),
        policy: String::new(),
        workflow: Workflow::default(),
        steps: vec![step],
        planning: Usage::default(),
        verdict: None,
        outcome: Kind::Verified,
        message: String::new(),
        usd: 0.0,
        ms: 2_000,
        embedding: Some(embedding),
    }
}

fn sort() -> Sort {
    Sort { goal: Goal::Fix, language: "python".into() }
}

#[tokio::test]
async fn what_similar_tasks_taught_changes_who_is_asked() {
    let folder = TempDir::new().unwrap();
    let ledger = Arc::new(Ledger::open(&folder.path().join("ledger.sqlite")).unwrap());
    let conductor = Conductor::new(host(&folder, None), Some(ledger.clone()));
    let cancel = CancellationToken::new();
    let model = |name: &str, strength| Facts {
        name: name.into(),
        strength: Some(strength),
        context: 32_000,
        ..Facts::repair()
    };
    let pool = [model("ann", 0.6), model("bob", 0.5)];
    let need = Need {
        goal: Goal::Fix,
        failing_tests: true,
        judged: true,
        verifier: mini::TESTS.into(),
        tools_may_know: false,
        prompt_tokens: 1_000,
        failed: vec![],
        unanswered: vec![],
        thoughts: 0,
        turns_left: 5,
        attempts: mini::ATTEMPTS,
        usd_left: 1.0,
    };
    let choice = async |task: &str| {
        let reading = conductor.read(task, sort(), &cancel).await.unwrap();
        match reading.decide(&pool, &need) {
            Decision::Delegate { step, why } => (step.worker, why),
            Decision::Stop { why } => panic!("{why}"),
        }
    };
    let probed = conductor.probe(&cancel).await.unwrap();
    assert!(probed.starts_with("minilm-l6-v2.q8_0.gguf gives 384 numbers a text, the first after "), "{probed}");
    let task = "Fix a bug. merge sort returns the list in the wrong order";
    assert_eq!(choice(task).await.0, "ann");
    for (n, like) in
        ["quick sort leaves the list unsorted", "sorting a list gives the wrong order"].into_iter().enumerate()
    {
        for (worker, status) in [("ann", "no_fix"), ("bob", "verified")] {
            for repeat in 0..4 {
                let reading = conductor.read(&format!("Fix a bug. {like}"), sort(), &cancel).await.unwrap();
                let id = format!("{n}{worker}{repeat}");
                ledger.record(&mut past(&id, reading.embedding().unwrap().clone(), worker, status)).unwrap();
            }
        }
    }
    let (worker, why) = choice(task).await;
    assert_eq!(worker, "bob", "{why}");
    assert!(why.contains("solved 8 of 8 similar tasks"), "{why}");
    let chance = async |task: &str| {
        let known = conductor.read(task, sort(), &cancel).await.unwrap().known(&pool);
        known.heads.anything().chance(&known.able["bob"], 0.0)
    };
    let (like, unlike) = (chance(task).await, chance("Which port does the web server listen on?").await);
    assert!(like > unlike, "what was done with unlike tasks says less: {like} {unlike}");
}
