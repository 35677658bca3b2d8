//! What is read, what is refused, and what stays closed.

use std::path::Path;

use super::*;
use crate::eval::score;

const TASKS: &str = r#"{"id": "a", "date": "2024-01-01", "language": "python", "kind": "fix", "project": "p", "text": "one"}
{"id": "b", "date": "2024-01-01", "kind": "write", "text": "two"}
{"id": "c", "date": "2024-02-01", "kind": "fix", "text": "three"}
"#;
const OUTCOMES: &str = "task,worker,solved,cost_usd,accept_tests
a,w,1,0.5,1
a,v,0,0.25,0
b,w,0,0.5,1
b,v,1,0.25,1
c,w,1,0.5,0
c,v,1,0.25,1
";

fn folder(tasks: &str, outcomes: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tasks.jsonl"), tasks).unwrap();
    std::fs::write(folder.path().join("outcomes.csv"), outcomes).unwrap();
    folder
}

/// The first two to learn from, the third to be played.
fn source(folder: &Path) -> Source {
    let (train, test) = (folder.to_owned(), folder.to_owned());
    Source { train, test, train_before: Some(2), test_from: Some(2), verifier: "tests".into() }
}

#[test]
fn the_two_sets_are_cut_by_the_order_of_dates() {
    let folder = folder(TASKS, OUTCOMES);
    let Split { train, test } = source(folder.path()).read().unwrap();
    assert_eq!(train.workers, ["v", "w"]);
    assert_eq!(train.tasks.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(test.tasks.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), ["c"]);
    assert_eq!((train.success(1), train.usd(1)), (0.5, 0.5));
    assert_eq!((train.best(), train.cheapest()), (0, 0), "of equals the first");
    assert!(train.outcome(1, 1).accepted && !train.outcome(1, 1).solved);
}

#[test]
fn tasks_that_not_every_worker_was_given_do_not_count() {
    let folder = folder(TASKS, &OUTCOMES.replace("a,v,0,0.25,0\n", ""));
    assert_eq!(source(folder.path()).read().unwrap().train.tasks.len(), 1);
}

#[test]
fn what_is_wrong_is_said_with_file_and_line() {
    let lines: Vec<&str> = TASKS.lines().collect();
    let shuffled = [lines[2], lines[0], lines[1]].join("\n");
    let rows = [
        (
            shuffled.as_str(),
            OUTCOMES,
            "tasks.jsonl line 2: 2024-01-01 comes after 2024-02-01, but tasks stand in the order of their dates",
        ),
        (&TASKS.replace("\"b\"", "\"a\""), OUTCOMES, "tasks.jsonl line 2: there is a task a already"),
        (
            &TASKS.replace("write", "sing"),
            OUTCOMES,
            "tasks.jsonl line 2: unknown variant `sing`, expected `fix` or `write` at line 1 column 48",
        ),
        (TASKS, &OUTCOMES.replace("accept_tests", "x"), "outcomes.csv line 1 names no column `accept_tests`"),
        (TASKS, &OUTCOMES.replace("c,w", "d,w"), "outcomes.csv line 6: there is no task d in tasks.jsonl"),
        (TASKS, &OUTCOMES.replace("b,v", "b,w"), "outcomes.csv line 5: w has an outcome of task b already"),
        (TASKS, &OUTCOMES.replace("a,w,1", "a,w,2"), "outcomes.csv line 2: `solved` is `2` where it must be 0 or 1"),
        (TASKS, &OUTCOMES.replace("a,w,1", "a,w,"), "outcomes.csv line 2: `solved` is `` where it must be 0 or 1"),
        (
            TASKS,
            &OUTCOMES.replace("a,v,0,0.25", "a,v,0,-1"),
            "outcomes.csv line 3: `cost_usd` is `-1`, which is no number of at least 0",
        ),
        (
            TASKS,
            &OUTCOMES.replace("0.25,0", "0.25,"),
            "outcomes.csv line 3: `accept_tests` is `` where it must be 0 or 1",
        ),
    ];
    for (tasks, outcomes, expected) in rows {
        let folder = folder(tasks, outcomes);
        let error = format!("{:#}", source(folder.path()).read().err().unwrap());
        assert_eq!(error, folder.path().join(expected).display().to_string());
    }
}

#[test]
fn nothing_is_both_learned_from_and_played() {
    let folder = folder(TASKS, OUTCOMES);
    let error = Source { test_from: Some(1), ..source(folder.path()) }.read().err().unwrap().to_string();
    assert_eq!(error, "task b is in the training and in the test set; separate them by --train-before and --test-from");
}

#[test]
fn what_is_hidden_may_be_missing_and_then_nothing_is_scored() {
    let empty = OUTCOMES.replace("c,w,1", "c,w,").replace("c,v,1", "c,v,");
    let train = folder(TASKS, OUTCOMES);
    let test = folder(TASKS, &empty);
    let split = Source { test: test.path().to_owned(), ..source(train.path()) }.read().unwrap();
    let error = score::oracle(&split.test).unwrap_err().to_string();
    assert!(error.ends_with("outcomes.csv does not say whether v solved task c, so nothing can be scored"), "{error}");
    let no_column = empty.lines().map(|line| {
        line.split(',').enumerate().filter(|(at, _)| *at != 2).map(|(_, field)| field).collect::<Vec<_>>().join(",")
            + "\n"
    });
    let test = folder(TASKS, &no_column.collect::<String>());
    assert!(Source { test: test.path().to_owned(), ..source(train.path()) }.read().is_ok());
}
