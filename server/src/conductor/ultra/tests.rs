//! What a conductor is shown, and what its answers come to.

use super::*;
use crate::conductor::host::{Host, HostOptions};
use crate::ledger::Neighbour;
use crate::task::Goal;
use crate::workflow::Bounds;

fn facts(name: &str, strength: f64, usd: f64) -> Facts {
    Facts {
        name: name.into(),
        strength: Some(strength),
        usd_in: usd,
        usd_out: 5.0 * usd,
        context: 32_000,
        ..Facts::repair()
    }
}

/// Once somebody failed.
fn need() -> Need {
    Need {
        goal: Goal::Fix,
        failing_tests: true,
        judged: true,
        verifier: mini::TESTS.into(),
        tools_may_know: false,
        prompt_tokens: 400,
        failed: vec!["small".into()],
        unanswered: vec![],
        thoughts: 0,
        turns_left: 4,
        attempts: mini::ATTEMPTS,
        usd_left: 1.0,
    }
}

/// A question with three workers after a first failure.
pub(super) fn question() -> Question {
    Question {
        description: "Fix a bug. merge sort returns the list in the wrong order\nsorting.py\n".into(),
        workers: vec![facts("secret-name", 0.8, 3.0), Facts::repair(), facts("small", 0.3, 0.0)],
        max_steps: 5,
        need: need(),
        before: Some(Before { reply: "def sort(x): return x".into(), report: "1 of 3 tests fails".into() }),
    }
}

fn past(worker: &str, solved: bool) -> Neighbour {
    Neighbour { worker: worker.into(), solved, cosine: 1.0, after: 0, usd: 0.0, ms: 1_000.0 }
}

#[test]
fn workers_are_numbers_with_what_is_known_of_them() {
    let neighbours = [past("small", true), past("small", true), past("secret-name", false), past("else", true)];
    let sheet = Sheet::of(&question(), &neighbours);
    insta::assert_snapshot!(sheet.lines.join("\n"), @r"
    strength 80 %, solved 0 of 1 similar tasks, $3.00 in and $15.00 out per million tokens, context 32000 tokens
    strength 40 %, no similar task recorded, free, no model: it searches for small repairs until the failing tests pass
    strength 30 %, solved 2 of 2 similar tasks, free, context 32000 tokens
    ");
    assert_eq!(sheet.bounds, Bounds { max_steps: 5, never_last: vec![1] }, "declared 40 %, seen by nobody");
    assert_eq!(Sheet::of(&question(), &[]).bounds.never_last, [2]);
    let alike = Question { workers: vec![Facts::repair(), Facts::repair()], ..question() };
    assert_eq!(Sheet::of(&alike, &[]).bounds.never_last, [] as [usize; 0], "of equals none is the weakest");
    let many = vec![past("small", false); 40];
    assert!(Sheet::of(&question(), &many).lines[2].contains("solved 0 of 40 similar tasks"));
}

#[tokio::test]
async fn without_a_generative_model_it_is_said_what_to_set() {
    let options = HostOptions { exe: "/nowhere/baton".into(), encoder: None, cache_dir: "/nowhere".into() };
    let conductor = Conductor::new(Host::new(options), None);
    assert_eq!(conductor.planner_name(), None);
    let (money, cancel) = (Budget::new(1.0), CancellationToken::new());
    let refused = conductor.plan(&question(), &Reading::default(), &money, Instant::now(), &cancel).await;
    insta::assert_snapshot!(refused.unwrap_err(), @"tier ultra has no generative model: set conductor.generator to a GGUF, or conductor.remote");
}
