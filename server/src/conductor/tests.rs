//! Decisions with and without what they are based on.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::conductor::host::HostOptions;
use crate::task::{Allowed, Budget, Focus, Tier};
use crate::workspace::{Buffer, RelPath, Snapshot};

fn need() -> Need {
    Need {
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
        usd_left: 0.5,
    }
}

fn sort() -> Sort {
    Sort { goal: Goal::Fix, language: "python".into() }
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
    let reading = blind(folder.path(), true).read("a task", sort(), &CancellationToken::new()).await.unwrap();
    let why = why(reading.decide(&[Facts::repair()], &need()));
    assert!(why.starts_with("repair: repair is the best to ask now: "), "{why}");
    assert!(
        why.ends_with("; similar tasks could not be looked up: cannot start the local model's process /nowhere/baton: No such file or directory (os error 2)"),
        "{why}"
    );
    assert_eq!(reading.embedding(), None);
}

#[tokio::test]
async fn without_a_ledger_nothing_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let reading = blind(folder.path(), false).read("a task", sort(), &CancellationToken::new()).await.unwrap();
    assert!(why(reading.decide(&[Facts::repair()], &need())).ends_with("; there is no ledger to learn from"));
}

#[tokio::test]
async fn a_cancelled_reading_is_no_reading() {
    let folder = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert!(blind(folder.path(), true).read("a task", sort(), &cancel).await.is_err());
}

#[test]
fn what_is_remarked_is_in_every_decision() {
    let mut reading = Reading::default();
    reading.remark("there is no model to plan".into());
    let why = why(reading.decide(&[Facts::repair()], &need()));
    assert!(why.ends_with("; there is no model to plan"), "{why}");
}

#[test]
fn after_two_models_failed_another_thinks_once() {
    let reading = Reading::default();
    let model = |name: &str, strength| Facts { name: name.into(), strength: Some(strength), ..Facts::repair() };
    let pool = [model("small", 0.6), model("large", 0.8)];
    let need = |failed: &[&str], thoughts| Need {
        failed: failed.iter().map(|name| (*name).to_owned()).collect(),
        thoughts,
        turns_left: 5 - failed.len() - thoughts,
        ..need()
    };
    let next = |need: Need| match reading.decide(&pool, &need) {
        Decision::Delegate { step, .. } => format!("{} {:?}", step.worker, step.role),
        Decision::Stop { why } => why,
    };
    assert_eq!(next(need(&["small"], 0)), "large Worker");
    let (thinks, tries) = (next(need(&["small", "large"], 0)), next(need(&["small", "large"], 1)));
    assert!(thinks.ends_with("Thinker") && tries.ends_with("Worker"), "{thinks}, {tries}");
    assert_ne!(thinks.split(' ').next(), tries.split(' ').next());
    assert!(next(need(&["repair", "large"], 0)).ends_with("Worker"), "a search's failure is no view of the task");
    assert!(next(need(&["small", "large", "small", "large"], 0)).ends_with("Worker"), "the last turn is for a try");
    let alone = [model("small", 0.6)];
    let Decision::Delegate { step, .. } = reading.decide(&alone, &need(&["small", "small"], 0)) else {
        panic!("stopped")
    };
    assert_eq!(step.role, Role::Worker, "nobody else is there to think");
}

#[test]
fn a_step_sees_what_came_before_it_and_repeats_nothing_of_the_user() {
    let reading = Reading::default();
    let pool = [Facts::repair(), Facts { name: "m".into(), ..Facts::repair() }];
    let Decision::Delegate { step, .. } = reading.decide(&pool, &need()) else { panic!("stopped") };
    assert_eq!((step.role, &step.access), (Role::Worker, &Access::None));
    let failed = Need { failed: vec!["repair".into()], turns_left: 4, ..need() };
    let Decision::Delegate { step, .. } = reading.decide(&pool, &failed) else { panic!("stopped") };
    assert_eq!((step.worker.as_str(), &step.access), ("m", &Access::All));
    assert_eq!(step.subtask, "What was tried before was refused; read why, and make the change in another way.");
}

#[test]
fn stopping_says_why() {
    let reading = Reading::default();
    let stop = |pool: &[Facts], need: Need| why(reading.decide(pool, &need));
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
        policy: None,
        depth: None,
        run: None,
        conversation: None,
        budget: Budget { time: Duration::from_secs(1), usd: 0.0 },
        allowed: Allowed::default(),
        snapshot: Snapshot::new("/nowhere".into(), BTreeMap::from([(path, buffer)])),
    };
    assert_eq!(
        describe(&task, Some("E  RecursionError: maximum recursion depth\n\n")),
        "Fix a bug. make it terminate\ngcd.py\ngcd is wrong\nE  RecursionError: maximum recursion depth\ndef gcd(a, b):"
    );
    let long = "é".repeat(1_000);
    assert!(last_lines(&long).len() <= 400 && last_lines(&long).ends_with("éé"));
}
