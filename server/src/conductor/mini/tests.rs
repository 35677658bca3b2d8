//! Decisions as a table: a pool, a need and a past in; an order with its reasons out.

use super::*;

fn model(name: &str, strength: f64, usd_in: f64, usd_out: f64) -> Facts {
    Facts { name: name.into(), strength, usd_in, usd_out, context: 32_000, ..Facts::repair() }
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
        tools_may_know: false,
        prompt_tokens: 3_000,
        failed: vec![],
        thoughts: 0,
        turns_left: 5,
        usd_left: 0.5,
    }
}

fn past(worker: &str, cosine: f64, solved: bool) -> Neighbour {
    Neighbour { cosine, worker: worker.into(), solved, after: 0, usd: 0.001, ms: 8_000.0 }
}

fn names(pool: &[Facts], need: &Need, past: &[Neighbour]) -> Vec<String> {
    rank(pool, need, past).into_iter().map(|choice| choice.worker).collect()
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
        let (choices, excluded) = judge(&pool(), &need, &past);
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
    assert_eq!(names(&pool, &need(), &[])[0], "weak", "free attempts come first while there are turns");
    assert_eq!(names(&pool, &Need { turns_left: 1, ..need() }, &[])[0], "strong");
}

#[test]
fn a_single_worker_is_asked_again_with_the_report_and_then_no_more() {
    let pool = [model("only", 0.6, 1.0, 1.0)];
    assert_eq!(names(&pool, &after(&[]), &[]), ["only"]);
    assert_eq!(names(&pool, &after(&["only"]), &[]), ["only"]);
    assert_eq!(names(&pool, &after(&["only", "only"]), &[]), ["only"]);
    let (choices, excluded) = judge(&pool, &after(&["only", "only", "only"]), &[]);
    assert_eq!((choices, excluded), (vec![], vec!["only (it failed 3 times)".to_string()]));
}

#[test]
fn the_ledger_moves_a_worker_gradually() {
    let pool = [model("w", 0.5, 0.0, 0.0)];
    let chance = |past: &[Neighbour]| (rank(&pool, &need(), past)[0].probability * 100.0).round();
    let solved = |n: usize, cosine| vec![past("w", cosine, true); n];
    assert_eq!(chance(&[]), 50.0);
    assert_eq!(chance(&solved(1, 1.0)), 60.0);
    assert_eq!(chance(&solved(4, 1.0)), 75.0);
    assert_eq!(chance(&solved(30, 1.0)), 94.0, "tens of runs outweigh what was declared");
    assert_eq!(chance(&solved(4, 0.3)), 54.0, "tasks that resemble this one little say little");
    assert_eq!(chance(&solved(4, -0.5)), 50.0);
    assert_eq!(chance(&vec![past("w", 1.0, false); 4]), 25.0);
    let last = |n| Neighbour { after: 3, ..past("w", 1.0, n) };
    assert_eq!(chance(&vec![last(false); 4]), 44.0, "failing where three failed before says less");
    assert_eq!(chance(&vec![last(true); 4]), 75.0);
    assert_eq!(chance(&vec![past("other", 1.0, false); 4]), 50.0);
}

#[test]
fn figures_out_of_range_do_no_harm() {
    for strength in [0.0, 1.0, -3.0, 7.0] {
        let pool = [model("w", strength, 0.0, 0.0)];
        for choice in rank(&pool, &need(), &[]) {
            assert!(choice.probability > 0.0 && choice.probability < 1.0, "{strength}: {}", choice.probability);
        }
    }
    assert_eq!(rank(&[], &need(), &[]), []);
}
