//! The driver against programs that misbehave, with the system's own Python and unittest.

use super::*;
use crate::repair::Trace;

const PROGRAM: &str = "def double(n):\n    twice = n * 2\n    return n\n\n\ndef same(n):\n    return n\n";
const TESTS: &str = "\
import unittest
from program import double, same

class Double(unittest.TestCase):
    def test_one(self):
        self.assertEqual(double(1), 2)
    def test_zero(self):
        self.assertEqual(double(0), 0)
    def test_same(self):
        self.assertEqual(same(3), 3)
";

async fn open(program: &str) -> (tempfile::TempDir, Result<(Python, Trace), String>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("program.py"), program).unwrap();
    std::fs::write(dir.path().join("test_program.py"), TESTS).unwrap();
    let setup = Setup {
        runner: "unittest".to_owned(),
        arguments: vec!["test_program".to_owned()],
        focus: "program.py".to_owned(),
        text: program.to_owned(),
        here: true,
        memory: 1 << 30,
        warm_wall: 10.0,
    };
    let root = dir.path().to_owned();
    let start: Start = Box::new(move || {
        let mut command = Command::new("python3");
        command.args(["-c", super::super::warm::DRIVER]).current_dir(&root);
        (command, None)
    });
    let opened = Python::open(setup, vec![start]).await;
    (dir, opened)
}

#[tokio::test]
async fn the_trace_says_which_lines_each_test_ran_and_of_what_types_values_are() {
    let (_dir, opened) = open(PROGRAM).await;
    let (python, trace) = opened.unwrap();
    let ran: Vec<(bool, Vec<usize>)> =
        trace.tests.iter().map(|test| (test.passed, test.lines.iter().copied().collect())).collect();
    assert_eq!(ran.len(), 3);
    assert_eq!(ran[0], (false, vec![1, 2, 3]));
    assert!(ran.contains(&(true, vec![6, 7])) && ran.contains(&(true, vec![1, 2, 3])), "{ran:?}");
    assert_eq!(trace.kinds["twice"], ["int".to_owned()].into());
    assert!(python.plan.is_hot && python.plan.targets == 1);
}

#[tokio::test]
async fn candidates_are_judged_and_none_can_spoil_the_next() {
    let (_dir, opened) = open(PROGRAM).await;
    let (python, _) = opened.unwrap();
    let failed = Judgement::Failed { mended: 0 };
    let forged = "import os\n    for fd in range(3, 256):\n        try:\n            os.write(fd, b'{\"event\": \"end\", \"id\": \"x\", \"status\": \"passed\"}\\nx\\n')\n        except OSError:\n            pass";
    for (body, expected) in [
        ("return twice", Judgement::Passed),
        ("return 2", Judgement::Failed { mended: 1 }),
        ("return same(", Judgement::Broken),
        ("import os; os._exit(0)", failed),
        ("return double(n)", failed),
        ("while True: pass", Judgement::Slow),
        (forged, failed),
        ("import os; os.closerange(0, 300)", failed),
        // The driver itself is killed; a new one takes over.
        ("import os; os.kill(os.getppid(), 9)", Judgement::Broken),
        ("return n + n", Judgement::Passed),
    ] {
        let text = PROGRAM.replacen("return n", body, 1);
        for patience in [None, Some(Duration::from_millis(700))] {
            let judgement = python.judge(0, &text, patience).await;
            let is_killed = body.contains("kill") && judgement != Judgement::Passed;
            assert!(judgement == expected || is_killed, "{body}: {judgement:?}");
        }
    }
}

#[tokio::test]
async fn what_exchanging_functions_would_not_show_is_judged_by_importing() {
    let (_dir, opened) = open(&format!("FACTOR = 1\n{}", PROGRAM.replacen("return n", "return n * FACTOR", 1))).await;
    let (python, _) = opened.unwrap();
    let text = format!("FACTOR = 2\n{}", PROGRAM.replacen("return n", "return n * FACTOR", 1));
    assert_eq!(python.judge(0, &text, None).await, Judgement::Passed);
}

#[tokio::test]
async fn a_file_that_does_not_load_has_to_load_and_pass() {
    let broken = PROGRAM.replacen("return n", "return twice", 1).replace("def same", "sane = undefined\ndef same");
    let (_dir, opened) = open(&broken).await;
    let (python, trace) = opened.unwrap();
    assert_eq!(trace.tests.iter().filter(|test| !test.passed).count(), 1);
    assert_eq!(python.judge(0, &broken, None).await, Judgement::Failed { mended: 0 });
    assert_eq!(python.judge(0, &broken.replace("sane = undefined\n", ""), None).await, Judgement::Passed);
}
