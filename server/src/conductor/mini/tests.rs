//! Decisions as a table: a pool, a need and a past in; an order with its reasons out.

use super::*;
use crate::conductor::heads::Reliability;
use crate::conductor::heads::declared::Declared;
use crate::conductor::heads::record::{Attempt, Past, Record};
use crate::conductor::heads::telling::{Sort, Telling};

fn model(name: &str, strength: f64, usd_in: f64, usd_out: f64) -> Facts {
    Facts { name: name.into(), strength: Some(strength), usd_in, usd_out, context: 32_000, ..Facts::repair() }
}

/// Free and weak, cheap and fair, dear and strong, and the built-in one.
fn pool() -> Vec<Facts> {
    vec![
        model("local", 0.3, 0.0, 0.0),
        model("small", 0.6, 0.25, 2.0),
        model("large", 0.85, 5.0, 25.0),
        Facts::toolchain(),
        Facts::repair(),
    ]
}

fn need() -> Need {
    Need {
        goal: Goal::Fix,
        failing_tests: true,
        judged: true,
        verifier: TESTS.into(),
        tools_may_know: false,
        prompt_tokens: 3_000,
        failed: vec![],
        unanswered: vec![],
        thoughts: 0,
        turns_left: 5,
        attempts: ATTEMPTS,
        usd_left: 0.5,
    }
}

fn past(worker: &str, cosine: f64, solved: bool) -> Neighbour {
    Neighbour { cosine, worker: worker.into(), solved, after: 0, usd: 0.001, ms: 8_000.0 }
}

/// What is known where this was done with similar tasks, by workers that are in [`pool`].
fn known(past: &[Neighbour]) -> Known {
    let heads = Heads::shipped();
    let mut record = Record::default();
    let telling = |cosine: f64| Telling {
        vector: vec![cosine as f32, (1.0 - cosine * cosine).sqrt() as f32],
        facts: None,
        sort: Sort { goal: Goal::Fix, language: "python".into() },
    };
    for past in past {
        let attempt =
            Attempt { worker: past.worker.clone(), accepted: past.solved, verifier: heads.verifier(TESTS), again: 0 };
        record.push(Past { telling: telling(past.cosine), attempts: vec![attempt] }, &heads);
    }
    let able = record.able(&telling(1.0), &heads, &Declared::of(&pool()));
    Known { able, neighbours: past.to_vec(), ..Known::default() }
}

fn names(pool: &[Facts], need: &Need, past: &[Neighbour]) -> Vec<String> {
    rank(pool, need, &known(past)).into_iter().map(|choice| choice.worker).collect()
}

fn after(failed: &[&str]) -> Need {
    Need { failed: failed.iter().map(ToString::to_string).collect(), turns_left: 5 - failed.len(), ..need() }
}

#[test]
fn the_table() {
    let solved_by_local: Vec<_> = (0..12).map(|_| past("local", 0.9, true)).collect();
    let unsolved_by_repair: Vec<_> = (0..12).map(|_| past(REPAIR, 0.9, false)).collect();
    let rows = [
        ("a bug with failing tests", need(), vec![]),
        ("a build that is broken", Need { tools_may_know: true, ..need() }, vec![]),
        ("its tools had a wrong fix", Need { failed: vec![TOOLCHAIN.into()], turns_left: 4, ..need() }, vec![]),
        ("local solved twelve like it", need(), solved_by_local),
        ("repair failed at twelve like it", need(), unsolved_by_repair),
        ("repair failed", after(&[REPAIR]), vec![]),
        ("repair and small failed", after(&[REPAIR, "small"]), vec![]),
        ("repair, small and large failed", after(&[REPAIR, "small", "large"]), vec![]),
        ("the last turn", Need { turns_left: 1, ..need() }, vec![]),
        ("no turn left", Need { turns_left: 0, ..need() }, vec![]),
        ("an edit, with tests that pass", Need { goal: Goal::Edit, failing_tests: false, ..need() }, vec![]),
        ("an edit, with no tests", Need { goal: Goal::Edit, failing_tests: false, judged: false, ..need() }, vec![]),
        ("a question", Need { goal: Goal::Ask, failing_tests: false, ..need() }, vec![]),
        ("a cent left", Need { usd_left: 0.01, ..need() }, vec![]),
        ("a long prompt", Need { prompt_tokens: 40_000, ..need() }, vec![]),
    ];
    let mut table = String::new();
    for (title, need, past) in rows {
        let (choices, excluded) = judge(&pool(), &need, &known(&past));
        table += &format!("{title}\n");
        match choices.first() {
            Some(first) => table += &format!("    {}\n", first.why),
            None => table += &format!("    nobody: {}\n", excluded.join(", ")),
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn after_a_failure_nobody_weaker_is_asked_while_somebody_stronger_is_left() {
    // Whatever the prices.
    for price in [0.0, 1.0, 30.0] {
        let pool = [model("weak", 0.2, 0.0, 0.0), model("fair", 0.5, 0.1, 0.1), model("strong", 0.9, price, price)];
        let left = Need { usd_left: 10.0, ..after(&["fair"]) };
        assert_eq!(names(&pool, &left, &[])[0], "strong", "price {price}");
    }
}

#[test]
fn the_last_turn_is_never_the_weakest_ones() {
    let pool = [model("weak", 0.2, 0.0, 0.0), model("strong", 0.9, 30.0, 60.0)];
    let mut sure = (*Heads::shipped()).clone();
    sure.verifiers.insert(TESTS.into(), Reliability { right: 0.99, wrong: 0.001 });
    let known = Known { heads: Arc::new(sure), ..Known::default() };
    let first = |need: &Need| rank(&pool, need, &known)[0].worker.clone();
    assert_eq!(first(&need()), "weak", "free attempts come first while there are turns and nothing wrong is accepted");
    assert_eq!(first(&Need { turns_left: 1, ..need() }), "strong");
}

#[test]
fn a_single_worker_is_asked_again_with_the_report_and_then_no_more() {
    let pool = [model("only", 0.6, 1.0, 1.0)];
    assert_eq!(names(&pool, &after(&[]), &[]), ["only"]);
    assert_eq!(names(&pool, &after(&["only"]), &[]), ["only"]);
    assert_eq!(names(&pool, &after(&["only", "only"]), &[]), ["only"]);
    let (choices, excluded) = judge(&pool, &after(&["only", "only", "only"]), &Known::default());
    assert_eq!((choices, excluded), (vec![], vec!["only (it failed 3 times)".to_string()]));
}

#[test]
fn the_ledger_moves_a_worker_gradually() {
    let pool = [model("w", 0.5, 0.0, 0.0)];
    let chance = |past: &[Neighbour]| rank(&pool, &need(), &known(past))[0].probability;
    let solved = |n: usize, cosine| vec![past("w", cosine, true); n];
    let declared = chance(&[]);
    assert!((declared - 0.5).abs() < 0.02, "{declared}");
    let rising = [1, 4, 12, 40].map(|n| chance(&solved(n, 1.0)));
    assert!(rising[0] > declared && rising.is_sorted() && rising[0] < 0.65 && rising[3] > 0.75, "{rising:?}");
    assert!(chance(&solved(4, 0.3)) < rising[1], "tasks that resemble this one little say little");
    assert_eq!(chance(&solved(4, -0.5)), chance(&solved(4, 0.0)));
    assert!(chance(&vec![past("w", 1.0, false); 4]) < 0.4);
    assert_eq!(chance(&vec![past("other", 1.0, false); 4]), declared);
}

#[test]
fn figures_out_of_range_do_no_harm() {
    for strength in [0.0, 1.0, -3.0, 7.0] {
        let pool = [model("w", strength, 0.0, 0.0)];
        for choice in rank(&pool, &need(), &Known::default()) {
            assert!(choice.probability > 0.0 && choice.probability < 1.0, "{strength}: {}", choice.probability);
        }
    }
    assert_eq!(rank(&[], &need(), &Known::default()), []);
}

#[test]
fn of_whom_nothing_is_declared_as_much_is_expected_as_of_the_others_and_the_reason_says_so() {
    let pool = [Facts { strength: None, ..model("new", 0.0, 1.0, 1.0) }, model("old", 0.9, 1.0, 1.0)];
    let sort = Sort { goal: Goal::Fix, language: "python".into() };
    let task = Telling { vector: vec![], facts: None, sort };
    let heads = Heads::shipped();
    let able = Record::default().able(&task, &heads, &Declared::of(&pool));
    let choices = rank(&pool, &need(), &Known { able, ..Known::default() });
    let new = choices.iter().find(|choice| choice.worker == "new").unwrap();
    assert!(new.probability > 0.55 && new.probability < 0.85, "{}", new.probability);
    let alone = rank(&pool[..1], &need(), &Known::default());
    assert!(alone[0].why.contains("(nothing declared, no similar task recorded)"), "{}", alone[0].why);
}

#[test]
fn who_gave_no_answer_says_nothing_of_the_task() {
    let pool = [model("gone", 0.9, 0.0, 0.0), model("there", 0.2, 0.0, 0.0)];
    let need = after(&["gone", "gone"]);
    let chance = |need: &Need| {
        let choices = rank(&pool, need, &Known::default());
        choices.iter().find(|choice| choice.worker == "there").map_or(0.0, |choice| choice.probability)
    };
    assert!(chance(&need) < 0.1, "{}", chance(&need));
    let unanswered = Need { unanswered: vec![0, 1], ..need };
    assert!((chance(&unanswered) - 0.2).abs() < 0.05, "{}", chance(&unanswered));
}

/// A worker of which little is known beside one that is known well.
fn newcomer(usd_out: f64) -> (Vec<Facts>, Known) {
    let pool = vec![model("old", 0.6, 1.0, 1.0), model("new", 0.5, usd_out, usd_out)];
    let heads = Heads::shipped();
    let mut able = heads.begin(0.6);
    able.precision = [60.0, 0.0, 200.0];
    let known = Known { able: BTreeMap::from([("old".into(), able)]), ..Known::default() };
    (pool, known)
}

fn tries(pool: &[Facts], known: &Known, need: &Need, share: f64) -> usize {
    let mut dice = Dice::of(1);
    (0..1_000).filter(|_| tried_out(pool, need, known, share, &mut dice).is_some()).count()
}

#[test]
fn who_may_be_better_than_is_known_is_tried_out_within_the_share() {
    let (pool, known) = newcomer(1.0);
    let need = need();
    let (few, many) = (tries(&pool, &known, &need, 0.05), tries(&pool, &known, &need, 0.5));
    assert!(few > 0 && few <= many && many < 900, "{few} and {many} of a thousand");
    assert_eq!(tries(&pool, &known, &need, 0.0), 0);
    let (dear, known_dear) = newcomer(6.0);
    let of_dear = tries(&dear, &known_dear, &need, 0.05);
    assert!(of_dear < few / 2, "who costs more is tried out more seldom: {of_dear} {few}");
    assert_eq!(tries(&pool, &known, &Need { judged: false, ..need.clone() }, 0.5), 0, "nothing would be learned");
    assert_eq!(tries(&pool, &known, &after(&["old"]), 0.5), 0, "after a failure the best is wanted");
    let mut dice = Dice::of(1);
    let tried = (0..100).find_map(|_| tried_out(&pool, &need, &known, 0.5, &mut dice)).unwrap();
    assert!(tried.why.starts_with("new is tried out, for it may be better than is known: "), "{}", tried.why);
    assert!(tried.why.contains("old would be asked otherwise (conductor.exploration is 50 %)"), "{}", tried.why);
}

#[test]
fn who_is_known_as_well_as_the_best_is_not_tried_out() {
    let (pool, mut known) = newcomer(1.0);
    let mut able = known.heads.begin(0.2);
    able.precision = [400.0, 0.0, 400.0];
    known.able.insert("new".into(), able);
    assert!(tries(&pool, &known, &need(), 0.5) <= 2);
}

#[test]
fn whoever_is_worth_more_than_it_costs_is_asked_one_after_the_other() {
    let pool = [model("cheap", 0.6, 0.1, 0.1), model("dear", 0.9, 20.0, 60.0)];
    let left = Need { usd_left: 10.0, ..need() };
    let mut sure = (*Heads::shipped()).clone();
    sure.verifiers.insert(TESTS.into(), Reliability { right: 0.99, wrong: 0.001 });
    let known = Known { heads: Arc::new(sure), ..Known::default() };
    let order = order(&pool, &left, &known);
    assert!(order[0] == 0 && order.contains(&1), "the cheap one first, and the dear one if need be: {order:?}");
    let mut poor = (*Heads::shipped()).clone();
    (poor.policy.usd_solved, poor.policy.calls_solved) = (0.02, 0.0);
    let known = Known { heads: Arc::new(poor), ..Known::default() };
    let names: Vec<_> = rank(&pool, &left, &known).into_iter().map(|choice| choice.worker).collect();
    assert_eq!(names, ["cheap"], "the dear one is not worth it");
}
