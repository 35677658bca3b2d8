//! Decisions with and without what they are based on.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::conductor::host::HostOptions;
use crate::task::{Budget, Focus};
use crate::workspace::{Buffer, RelPath, Snapshot};

fn need() -> Need {
    Need {
        goal: Goal::Fix,
        failing_tests: true,
        judged: true,
        tools_may_know: false,
        prompt_tokens: 1_000,
        failed: vec![],
        turns_left: 5,
        usd_left: 0.5,
    }
}

/// A conductor whose host has no program to start.
fn blind(folder: &Path, ledger: bool) -> Conductor {
    let options = HostOptions { exe: "/nowhere/baton".into(), encoder: None, cache_dir: folder.join("cache") };
    let ledger = ledger.then(|| Arc::new(Ledger::open(&folder.join("ledger.sqlite")).unwrap()));
    Conductor::new(Host::new(options), ledger)
}

fn why(decision: Decision) -> String {
    match decision {
        Decision::Delegate { step, why } => format!("{}: {why}", step.worker),
        Decision::Stop { why } => format!("stop: {why}"),
    }
}

#[tokio::test]
async fn without_an_encoder_the_declared_strengths_decide_and_the_reason_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let reading = blind(folder.path(), true).read("a task", &CancellationToken::new()).await.unwrap();
    let why = why(reading.decide(Tier::Mini, &[Facts::repair()], &need()));
    assert!(why.starts_with("repair: repair is the cheapest likely solver: 40 % likely"), "{why}");
    assert!(
        why.ends_with("; similar tasks could not be looked up: cannot start the conductor's process /nowhere/baton: No such file or directory (os error 2)"),
        "{why}"
    );
    assert_eq!(reading.embedding(), None);
}

#[tokio::test]
async fn without_a_ledger_nothing_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let reading = blind(folder.path(), false).read("a task", &CancellationToken::new()).await.unwrap();
    assert!(
        why(reading.decide(Tier::Mini, &[Facts::repair()], &need())).ends_with("; there is no ledger to learn from")
    );
}

#[tokio::test]
async fn a_cancelled_reading_is_no_reading() {
    let folder = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert!(blind(folder.path(), true).read("a task", &cancel).await.is_err());
}

#[test]
fn ultra_without_a_generative_model_says_who_planned() {
    let reading = Reading { model: "encoder.gguf".into(), ..Reading::default() };
    let why = why(reading.decide(Tier::Ultra, &[Facts::repair()], &need()));
    assert!(
        why.ends_with("; tier ultra has no generative model here, so encoder.gguf planned as tier mini does"),
        "{why}"
    );
}

#[test]
fn a_step_sees_what_came_before_it_and_repeats_nothing_of_the_user() {
    let reading = Reading::default();
    let pool = [Facts::repair(), Facts { name: "m".into(), ..Facts::repair() }];
    let Decision::Delegate { step, .. } = reading.decide(Tier::Mini, &pool, &need()) else { panic!("stopped") };
    assert_eq!((step.role, step.access), (Role::Worker, Access::None));
    let failed = Need { failed: vec!["repair".into()], turns_left: 4, ..need() };
    let Decision::Delegate { step, .. } = reading.decide(Tier::Mini, &pool, &failed) else { panic!("stopped") };
    assert_eq!((step.worker.as_str(), step.access), ("m", Access::All));
    assert_eq!(step.subtask, "What was tried before was refused; read why, and make the change in another way.");
}

#[test]
fn stopping_says_why() {
    let reading = Reading::default();
    let stop = |pool: &[Facts], need: Need| why(reading.decide(Tier::Mini, pool, &need));
    insta::assert_snapshot!(
        [
            stop(&[], need()),
            stop(&[Facts::repair()], Need { failed: vec!["repair".into()], ..need() }),
            stop(&[Facts::repair()], Need { failed: vec!["repair".into(); 5], turns_left: 0, ..need() }),
            stop(&[Facts::repair()], Need { goal: Goal::Edit, ..need() }),
        ]
        .join("\n"),
        @r"
    stop: there is nobody to ask: configure a model under [[worker]]
    stop: nobody is left who is worth asking: repair (it would search the same again)
    stop: 5 attempts failed, which is the limit
    stop: nobody is left who is worth asking: repair (it needs failing tests)
    "
    );
}

#[test]
fn a_description_begins_with_what_tells_most() {
    let path = RelPath::new("gcd.py").unwrap();
    let text = "def gcd(a, b):\n    return a\n";
    let buffer = Buffer { text: text.into(), version: 1 };
    let task = Task {
        goal: Goal::Fix,
        focus: Focus { path: path.clone(), range: Some(0..14), diagnostics: vec!["gcd is wrong".into()] },
        instruction: "make it terminate".into(),
        test: None,
        tier: Tier::Mini,
        budget: Budget { time: Duration::from_secs(1), usd: 0.0 },
        snapshot: Snapshot::new("/nowhere".into(), BTreeMap::from([(path, buffer)])),
    };
    assert_eq!(
        describe(&task, Some("E  RecursionError: maximum recursion depth\n\n")),
        "Fix a bug. make it terminate\ngcd.py\ngcd is wrong\nE  RecursionError: maximum recursion depth\ndef gcd(a, b):"
    );
    let long = "é".repeat(1_000);
    assert!(last_lines(&long).len() <= 400 && last_lines(&long).ends_with("éé"));
}
