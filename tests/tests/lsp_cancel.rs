//! Cancelling a job in each of its phases: one end, no edit, and nothing that it started is left running.

use std::process::Command;

use baton_tests::editor::{Editor, full};
use baton_tests::openai::{Act, block};
use baton_tests::{OpenAi, Project};
use serde_json::{Value, json};

const SOURCE: &str = "def twice(n):\n    return n + 1\n";
const HANGS: &str = "import subprocess\n\ndef twice(n):\n    return subprocess.call(['sleep', '86397'])\n";

/// Tests of `twice`; each of the project's own processes has this word in its command line.
fn tests(body: &str) -> String {
    format!(
        "import subprocess, unittest\nfrom twice import twice\n\nclass Twice(unittest.TestCase):\n    def test_four(self):\n        {body}\n        self.assertEqual(twice(4), 8)\n"
    )
}

/// Starts a fix, cancels it at the first line of progress that holds `phase`, and looks at what is left.
fn cancelled_at(phase: &str, source: &str, tests: &str, script: Option<Act>) {
    let server = OpenAi::start(script);
    let project = Project::new(&[("twice.py", source), ("test_twice.py", tests)]);
    if server.left() > 0 {
        project.configure(&format!("[repair]\nenabled = false\n{}", server.worker("scripted", "")));
    }
    let mut editor = Editor::open(project, "twice.py", full());
    let before = editor.project.read("twice.py");
    let job = editor.execute("baton.fix", 1, json!({}));
    let token = job.clone();
    let mut reached = false;
    let seen = editor.follow(&job, |editor, what, value| {
        let is_there = what == "line" && value.as_str().unwrap().contains(phase);
        if is_there && !reached {
            reached = true;
            editor.client.notify("window/workDoneProgress/cancel", json!({"token": token}));
        }
        Value::Null
    });
    assert!(reached, "{phase}: {:?}", seen.lines);
    assert_eq!((seen.edits, seen.lines.last().unwrap().as_str()), (vec![], "cancelled"), "{phase}");
    let of_the_project = editor.project.root().parent().unwrap().display().to_string();
    let server = editor.client.process_id().to_string();
    let left = Command::new("pgrep").args(["-af", &format!("{of_the_project}|sleep 86397")]).output().unwrap();
    let left = String::from_utf8(left.stdout).unwrap();
    let left: Vec<&str> = left.lines().filter(|line| !line.starts_with(&server)).collect();
    assert_eq!(left, [""; 0], "{phase}: a process outlived the job");
    assert_eq!(editor.project.read("twice.py"), before);
    editor.client.shutdown();
}

#[test]
fn every_phase_can_be_cancelled_and_leaves_nothing_running() {
    let slow = tests("subprocess.call(['sleep', '86397'])");
    let quick = tests("pass");
    // While the tests run for the first time: the line before is the last that comes.
    cancelled_at("unittest", SOURCE, &slow, None);
    // While a model says nothing.
    cancelled_at("scripted begins", SOURCE, &quick, Some(Act::Hang));
    // While a model's change is tested.
    let wrong = block("twice.py", SOURCE.trim_end(), HANGS.trim_end());
    cancelled_at("checking", SOURCE, &quick, Some(Act::Say(wrong)));
    // While candidates are tried in warm interpreters.
    cancelled_at("tried", SOURCE, &tests("self.assertEqual(twice(3), -1)"), None);
}
