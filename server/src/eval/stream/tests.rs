//! A pool that changes, on a recording that is made up: one worker is cheap and weak, one fair, and one as cheap and good.

use super::*;
use crate::conductor::dice::Dice;
use crate::conductor::heads::Policy;
use crate::eval::recorded::Source;

const LEARNED: usize = 60;
const PLAYED: usize = 160;

fn split() -> Split {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice::of(11);
    let (mut tasks, mut outcomes) = (String::new(), "task,worker,solved,cost_usd,accept_tests\n".to_owned());
    for task in 0..LEARNED + PLAYED {
        tasks += &format!("{{\"id\": \"t{task}\", \"date\": \"2024-01-01\", \"kind\": \"fix\", \"text\": \"task\"}}\n");
        for (worker, percent, usd) in [("weak", 25, 0.01), ("fair", 75, 0.02), ("good", 92, 0.02)] {
            let solved = dice.below(100) < percent;
            let accepted = if solved { dice.below(100) < 98 } else { dice.below(100) < 15 };
            outcomes += &format!("t{task},{worker},{},{usd},{}\n", u8::from(solved), u8::from(accepted));
        }
    }
    std::fs::write(folder.path().join("tasks.jsonl"), tasks).unwrap();
    std::fs::write(folder.path().join("outcomes.csv"), outcomes).unwrap();
    let (train, test) = (folder.path().to_owned(), folder.path().to_owned());
    let (train_before, test_from) = (Some(LEARNED), Some(LEARNED));
    Source { train, test, train_before, test_from, verifier: "tests".into() }.read().unwrap()
}

/// `usd_solved`: what a solved task is worth, beside calls of 0.02.
fn story(change: Change, worker: &str, exploration: f64, usd_solved: f64) -> Story {
    let split = split();
    let tasks = split.train.tasks.iter().chain(&split.test.tasks);
    let vectors = tasks.map(|task| (task.id.clone(), vec![1.0, 0.0])).collect();
    // Whatever those that are shipped weigh.
    let policy = Policy { usd_solved, calls_solved: 3.0, harm: 0.0, wider: 1.0, doubt: 1.0, ..Heads::shipped().policy };
    let heads = Arc::new(Heads { policy, ..(*Heads::shipped()).clone() });
    let scene = Scene {
        change,
        worker: split.train.worker(worker).unwrap(),
        at: 40,
        declared: None,
        exploration,
        seeds: vec![1, 2],
        verifier: "tests".into(),
    };
    tell(&split, &vectors, &heads, &scene).unwrap()
}

#[test]
fn a_good_worker_of_which_nothing_is_known_is_found_within_forty_tasks() {
    let story = story(Change::Joins, "good", 0.05, 0.5);
    assert!(story.until.iter().all(|until| until.is_some_and(|tasks| tasks <= 40)), "{story:?}");
    assert!(story.calls.0 > 0.7, "{story:?}");
    assert!(story.right.mean > -0.1, "{story:?}");
}

#[test]
fn when_the_best_one_leaves_the_others_go_on() {
    let story = story(Change::Leaves, "good", 0.05, 0.5);
    assert_eq!((story.calls, story.until), ((0.0, 0.0), vec![Some(0), Some(0)]));
    assert!(story.right.mean.abs() < 0.05);
}

#[test]
fn one_that_becomes_worse_is_found_out() {
    // Where it is not worth its price to ask another one after the best.
    let story = story(Change::Degrades, "good", 0.05, 0.06);
    assert!(story.until.iter().all(|until| until.is_some_and(|tasks| tasks <= 60)), "{story:?}");
    assert!(story.calls.0 < 0.6, "{story:?}");
}

#[test]
fn the_favourite_is_the_best_of_those_that_cost_the_same() {
    let split = split();
    let tasks = split.train.tasks.iter().chain(&split.test.tasks);
    let vectors = tasks.map(|task| (task.id.clone(), vec![1.0, 0.0])).collect();
    let favourite = favourite(&split, &vectors, &Heads::shipped(), "tests").unwrap();
    assert_eq!(split.train.workers[favourite], "good");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    assert_eq!(story(Change::Joins, "fair", 0.3, 0.5), story(Change::Joins, "fair", 0.3, 0.5));
}

#[test]
fn first_calls_that_all_go_to_one_have_no_entropy() {
    let decision = |worker: &str| Decision { task: "t".into(), calls: vec![worker.into()], answer: worker.into() };
    assert_eq!(entropy(&[decision("a"), decision("a")]), 0.0);
    assert_eq!(entropy(&[decision("a"), decision("b")]), 1.0);
}

#[test]
fn a_worker_is_used_well_once_it_is_called_as_often_as_by_who_knows() {
    let other = vec![1.0; 60];
    let own: Vec<f64> = (0..60).map(|at| f64::from(u8::from(at >= 15))).collect();
    assert_eq!(settles(&own, &other), Some(13), "two of twenty may differ");
    assert_eq!(settles(&[0.0; 60], &other), None);
    assert_eq!(settles(&other, &other), Some(0));
}
