//! What a policy can see, and when. The recording is made up: strong and dear, weak and cheap, and one that is right about
//! one kind of task only.

use std::path::Path;

use super::*;
use crate::conductor::dice::Dice;
use crate::conductor::heads::Heads;
use crate::eval::conducted::Conducted;
use crate::eval::headed::Headed;
use crate::eval::policies::named;
use crate::eval::recorded::{Source, Split};
use crate::eval::score::score;
use crate::eval::texts::Vectors;

const TASKS: usize = 60;
const LEARNED: usize = 40;

/// A recording as files. `truth` writes what the column `solved` has of a test task.
fn write(folder: &Path, truth: impl Fn(bool) -> &'static str) {
    let mut dice = Dice::of(7);
    let (mut tasks, mut outcomes) = (String::new(), "task,worker,solved,cost_usd,accept_tests\n".to_owned());
    for task in 0..TASKS {
        tasks += &format!(
            "{{\"id\": \"t{task}\", \"date\": \"2024-01-{:02}\", \"kind\": \"fix\", \"text\": \"task {task}\"}}\n",
            1 + task / 2
        );
        for (worker, percent, usd) in [("cheap", 40, 0.001), ("odd", 100 * (task % 2), 0.01), ("dear", 90, 0.1)] {
            let solved = dice.below(100) < percent;
            let accepted = solved && dice.below(100) < 98 || !solved && dice.below(100) < 15;
            let word = if task < LEARNED { if solved { "1" } else { "0" } } else { truth(solved) };
            outcomes += &format!("t{task},{worker},{word},{usd},{}\n", u8::from(accepted));
        }
    }
    std::fs::write(folder.join("tasks.jsonl"), tasks).unwrap();
    std::fs::write(folder.join("outcomes.csv"), outcomes).unwrap();
}

fn truly(solved: bool) -> &'static str {
    if solved { "1" } else { "0" }
}

fn split(truth: impl Fn(bool) -> &'static str) -> Split {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), truth);
    let (train, test) = (folder.path().to_owned(), folder.path().to_owned());
    let (train_before, test_from) = (Some(LEARNED), Some(LEARNED));
    Source { train, test, train_before, test_from, verifier: "tests".into() }.read().unwrap()
}

/// Odd tasks resemble odd ones, even ones even ones.
fn vectors(split: &Split) -> Vectors {
    let tasks = split.train.tasks.iter().chain(&split.test.tasks);
    let vector = |id: &str| if id.ends_with(['1', '3', '5', '7', '9']) { vec![1.0, 0.0] } else { vec![0.0, 1.0] };
    tasks.map(|task| (task.id.clone(), vector(&task.id))).collect()
}

fn headed(split: &Split) -> Headed {
    Headed::new(&split.train, vectors(split), Heads::shipped(), "tests").unwrap()
}

fn mini(split: &Split) -> Conducted<Headed> {
    Conducted::by(headed(split), &split.train, "tests")
}

const POLICIES: [&str; 6] = ["mini", "single", "cheapest", "random", "cascade:cheap>dear", "fanout"];

fn played(policy: &str, split: &Split) -> String {
    let decisions = match policy {
        "mini" => play(&mut mini(split), &split.test),
        _ => play(&mut *named(policy, &split.train).unwrap(), &split.test),
    };
    written(&decisions.unwrap()).unwrap()
}

#[test]
fn no_policy_decides_by_what_is_hidden() {
    let (told, inverted, silent) = (split(truly), split(|solved| truly(!solved)), split(|_| ""));
    for policy in POLICIES {
        let decisions = played(policy, &told);
        assert_eq!(decisions, played(policy, &inverted), "{policy}");
        assert_eq!(decisions, played(policy, &silent), "{policy}");
        assert_eq!(decisions, played(policy, &told), "{policy} decides the same again");
    }
}

#[test]
fn only_earlier_tasks_are_learned_from() {
    let whole = split(truly);
    for policy in POLICIES {
        for tasks in [1, 7, 13] {
            let beginning = Split { train: whole.train.clone(), test: whole.test.only(|at| at < tasks) };
            let (all, few) = (played(policy, &whole), played(policy, &beginning));
            assert_eq!(few.lines().count(), tasks);
            assert!(all.starts_with(&few), "{policy}: what came later changed what was decided before");
        }
    }
}

#[test]
fn what_the_verifier_said_of_earlier_tasks_changes_later_decisions() {
    let split = split(truly);
    // Whoever was the best answers as the weakest does.
    let worse = split.test.degraded(1, 0, 0);
    let first = |mini: &mut Conducted<Headed>| play(mini, &split.test.only(|at| at < 1)).unwrap().remove(0).calls;
    // The same task with no memory of refusals, and at the end of a long one.
    let (mut fresh, mut taught) = (mini(&split), mini(&split));
    (0..3).for_each(|_| _ = play(&mut taught, &worse).unwrap());
    assert_ne!(first(&mut taught)[0], first(&mut fresh)[0]);
}

#[test]
fn tier_mini_prefers_who_is_good_at_such_tasks() {
    let split = split(truly);
    for decision in play(&mut mini(&split), &split.test).unwrap() {
        let odd = decision.task.ends_with(['1', '3', '5', '7', '9']);
        assert_eq!(decision.calls[0] == "odd", odd, "{decision:?}");
        let mut calls = decision.calls.clone();
        calls.sort();
        calls.dedup();
        assert_eq!(calls.len(), decision.calls.len(), "nobody is called twice: {decision:?}");
    }
}

#[test]
fn names_of_policies_and_workers_are_checked() {
    let train = split(truly).train;
    let error = |name: &str| named(name, &train).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error("best-of-3").starts_with("the recording has one try of each worker"), "{}", error("best-of-3"));
    assert!(error("x").starts_with("there is no policy `x`; there are mini, "), "{}", error("x"));
    assert_eq!(error("cascade:cheap>x"), "there is no worker `x` in both recordings; there are cheap, dear, odd");
}

#[test]
fn decisions_are_read_strictly() {
    let split = split(truly);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("d.jsonl");
    let good = played("cascade:cheap>dear", &split);
    let read_back = |text: &str| {
        std::fs::write(&file, text).unwrap();
        read(&file, &split.test)
    };
    let decisions = read_back(&good).unwrap();
    assert_eq!(written(&decisions).unwrap(), good);
    assert_eq!(score(&decisions, &split.test).unwrap().len(), TASKS - LEARNED);
    let line = |calls: &str| format!("{{\"task\": \"t40\", \"calls\": [{calls}], \"answer\": \"dear\"}}\n");
    let rows = [
        (good.replace("\"t41\"", "\"t1\""), " line 2: there is no task t1 in the test set"),
        (line("\"x\""), " line 1: there is no worker `x` in both recordings; there are cheap, dear, odd"),
        (line("\"cheap\""), " line 1: the answer is dear's, who is not among the calls"),
        (line("\"dear\"").repeat(2), " line 2: there is a decision about task t40 already"),
        (line("\"dear\""), " has no decision about task t41"),
    ];
    for (text, expected) in rows {
        let error = format!("{:#}", read_back(&text).unwrap_err());
        assert_eq!(error, format!("{}{expected}", file.display()));
    }
}
