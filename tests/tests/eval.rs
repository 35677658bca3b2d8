//! Evaluation by replay as it is run: a made-up recording in, decisions and a report out, with the real encoder.

use std::fmt::Write;

use baton_tests::project::{Printed, Project};
use serde_json::Value;

const SPLIT: [&str; 8] = ["--train", "data", "--test", "data", "--train-before", "12", "--test-from", "12"];

/// Two kinds of tasks in turn, and two workers of which each solves one kind. What `solved` has of test tasks is `truth`.
fn recording(truth: &str) -> (String, String) {
    let (mut tasks, mut outcomes) = (String::new(), "task,worker,solved,cost_usd,calls,accept_tests\n".to_owned());
    for task in 0..20 {
        let (text, solver) = match task % 2 {
            0 => ("The HTTP server drops the header Content-Length of every answer.", "web"),
            _ => ("Return the number of prime factors of a given integer.", "numbers"),
        };
        writeln!(
            tasks,
            "{{\"id\": \"t{task}\", \"date\": \"2024-01-{:02}\", \"kind\": \"write\", \"text\": \"{text} ({task})\"}}",
            task + 1
        )
        .unwrap();
        for worker in ["web", "numbers"] {
            let right = u8::from(worker == solver);
            let solved = if task < 12 || truth == "told" { right.to_string() } else { truth.to_owned() };
            writeln!(outcomes, "t{task},{worker},{solved},0.01,1,{right}").unwrap();
        }
    }
    (tasks, outcomes)
}

fn project(truth: &str) -> Project {
    let (tasks, outcomes) = recording(truth);
    Project::new(&[("data/tasks.jsonl", &tasks), ("data/outcomes.csv", &outcomes)])
}

fn eval(project: &Project, what: &str, rest: &[&str]) -> Printed {
    project.baton(&[&["eval", what], &SPLIT[..], rest].concat())
}

#[test]
fn tier_mini_learns_from_a_recording_and_the_report_says_what_it_gained() {
    let project = project("told");
    let played = eval(&project, "replay", &["--out", "mini.jsonl"]);
    assert_eq!((played.code, played.stdout.as_str()), (0, ""), "{played:#?}");
    let decisions: Vec<Value> =
        project.read("mini.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(decisions.len(), 8);
    for (decision, solver) in decisions.iter().zip(["web", "numbers"].iter().cycle()) {
        assert_eq!(decision["answer"], *solver, "{decision}");
        assert_eq!(decision["calls"], serde_json::json!([solver]), "by its words alone: {decision}");
    }

    let single = eval(&project, "replay", &["--policy", "single", "--out", "single.jsonl"]);
    assert_eq!(single.code, 0, "{single:#?}");
    let report = eval(&project, "report", &["--out", "report.html", "mini.jsonl", "single.jsonl"]);
    assert_eq!(report.code, 0, "{report:#?}");
    let claim = "mini beside best single (by train): numbers: 50.0 points more right answers (+12.5 to +87.5); \
                 no difference in cost can be told (+0.0000 to +0.0000).";
    assert!(report.stdout.contains(claim), "{report:#?}");
    assert!(report.stdout.contains("single beside mini: 50.0 points fewer right answers"), "{report:#?}");
    let page = project.read("report.html");
    assert!(page.contains("default-src 'none'") && page.matches("<svg").count() == 2, "{page}");

    // Again, with what was embedded before and without: the same to the byte.
    for _ in 0..2 {
        assert_eq!(eval(&project, "replay", &["--out", "again.jsonl"]).code, 0);
        assert_eq!(project.read("again.jsonl"), project.read("mini.jsonl"));
        let again = eval(&project, "report", &["--out", "again.html", "mini.jsonl", "single.jsonl"]);
        assert_eq!((again.stdout, project.read("again.html")), (report.stdout.clone(), page.clone()));
        std::fs::remove_file(project.root().join("minilm-l6-v2.q8_0.gguf.vectors")).unwrap();
        std::fs::write(project.root().join("minilm-l6-v2.q8_0.gguf.vectors"), "damaged").unwrap();
    }
}

#[test]
fn tier_ultra_plans_with_the_embedded_conductor() {
    let project = project("told");
    let played = eval(&project, "replay", &["--policy", "ultra", "--out", "ultra.jsonl"]);
    assert_eq!(played.code, 0, "{played:#?}");
    assert!(played.stderr.contains(" plans, half of them within "), "{played:#?}");
    let decisions: Vec<Value> =
        project.read("ultra.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Whoever is accepted is right here: that both are in a plan, or in the one after it, is enough.
    for (decision, solver) in decisions.iter().zip(["web", "numbers"].iter().cycle()) {
        assert_eq!(decision["answer"], *solver, "{decision}");
    }
    assert_eq!(decisions.len(), 8);
}

#[test]
fn what_is_hidden_is_needed_for_the_score_alone() {
    let decisions = ["told", "", "0", "1"].map(|truth| {
        let project = project(truth);
        let played = eval(&project, "replay", &["--policy", "cascade:numbers>web", "--out", "c.jsonl"]);
        assert_eq!(played.code, 0, "{played:#?}");
        let report = eval(&project, "report", &["--out", "r.html", "c.jsonl"]);
        assert_eq!(report.code, if truth.is_empty() { 2 } else { 0 }, "{report:#?}");
        let silent = report.stderr.contains("outcomes.csv does not say whether numbers solved task t12");
        assert_eq!(silent, truth.is_empty(), "{report:#?}");
        project.read("c.jsonl")
    });
    assert!(decisions.iter().all(|played| *played == decisions[0]), "{decisions:#?}");
}

#[test]
fn a_wrong_call_is_one_sentence() {
    let project = project("told");
    project.write("other.json", "{}");
    let rows: [(&[&str], &str); 6] = [
        (&["--heads", "other.json"], "other.json is no file of heads"),
        (&["--heads", "absent.json"], "absent.json cannot be read: "),
        (&["--policy", "x"], "there is no policy `x`; there are mini, single, "),
        (&["--policy", "best-of-3"], "the recording has one try of each worker at each task"),
        (&["--policy", "cascade:web>x"], "there is no worker `x` in both recordings; there are numbers, web"),
        (&["--verifier", "x"], "data/outcomes.csv line 1 names no column `accept_x`"),
    ];
    for (arguments, expected) in rows {
        let printed = eval(&project, "replay", &[arguments, &["--out", "d.jsonl"]].concat());
        assert_eq!(printed.code, 2, "{printed:#?}");
        let sentence = printed.stderr.trim_end();
        assert!(sentence.starts_with(&format!("baton: {expected}")) && !sentence.contains('\n'), "{printed:#?}");
    }
    let (tasks, _) = recording("told");
    let mut lines: Vec<&str> = tasks.lines().collect();
    lines.swap(3, 7);
    project.write("data/tasks.jsonl", &lines.join("\n"));
    let shuffled = eval(&project, "replay", &["--policy", "single", "--out", "d.jsonl"]);
    let expected = "baton: data/tasks.jsonl line 5: 2024-01-05 comes after 2024-01-08, but tasks stand in the order of their dates\n";
    assert_eq!((shuffled.code, shuffled.stderr.as_str()), (2, expected));
}

#[test]
fn heads_are_trained_the_same_again_and_decide() {
    let project = project("told");
    let train = |out: &str| {
        let to = ["train", "heads", "--data", "data", "--seed", "7", "--rounds", "2", "--out", out];
        let trained = project.baton(&to);
        assert_eq!(trained.code, 0, "{trained:#?}");
        assert!(trained.stdout.starts_with("20 tasks, 2 workers\n"), "{trained:#?}");
        assert!(trained.stdout.contains("  data: best single "), "{trained:#?}");
        project.read(out)
    };
    let heads = train("heads.json");
    assert_eq!(train("again.json"), heads);
    let parsed: Value = serde_json::from_str(&heads).unwrap();
    assert_eq!(parsed["trained"]["on"], "data");
    let played = eval(&project, "replay", &["--heads", "heads.json", "--out", "mini.jsonl"]);
    assert_eq!((played.code, project.read("mini.jsonl").lines().count()), (0, 8), "{played:#?}");
    let stream =
        eval(&project, "stream", &["--heads", "heads.json", "--change", "leaves", "--at", "4", "--seeds", "1"]);
    assert_eq!(stream.code, 0, "{stream:#?}");
    assert!(
        stream.stdout.contains(" leaves before test task 4\nright answers less those of who knows: "),
        "{stream:#?}"
    );
    let rows: [(&[&str], &str); 3] = [
        (&["--out", "h.json"], "required"),
        (
            &["--data", "data", "--train-before", "5", "--out", "h.json"],
            "5 tasks are too few to train on; at least 20 are needed",
        ),
        (&["--ledger"], "the ledger has 0 judged attempts, and at least 10 are needed to learn from"),
    ];
    for (arguments, expected) in rows {
        let printed = project.baton(&[&["train", "heads"], arguments].concat());
        assert!(printed.code == 2 && printed.stderr.contains(expected), "{printed:#?}");
    }
}
