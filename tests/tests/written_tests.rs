//! Tests that another worker writes, with the real binary: who is asked, for what, and what the user is told.

use baton_tests::openai::{Act, block};
use baton_tests::{OpenAi, Project};
use serde_json::Value;

const CART: &str = "def total(prices):\n    return sum(prices[1:])\n";

fn project(server: &OpenAi, more: &str) -> Project {
    let project = Project::new(&[("cart.py", CART)]);
    let workers = format!("{}{}", server.worker("one", "strength = 0.9\n"), server.worker("two", "strength = 0.5\n"));
    project.configure(&format!("[repair]\nenabled = false\n[toolchain]\nenabled = false\n{more}{workers}"));
    project
}

fn fixed(new: &str) -> Act {
    Act::Say(block("cart.py", "    return sum(prices[1:])", new))
}

fn tests(line: &str) -> Act {
    let file = format!(
        "import unittest\nfrom cart import total\n\nclass Total(unittest.TestCase):\n    def test_all(self):\n        {line}\n"
    );
    Act::Say(format!("```python\n{file}```\n"))
}

fn rung(reply: &Value) -> (String, String) {
    let rungs = reply["verdict"]["rungs"].as_array().expect("rungs");
    let last = rungs.last().expect("a rung");
    (last["name"].as_str().expect("a name").to_owned(), last["end"].as_str().expect("an end").to_owned())
}

#[test]
fn where_nothing_can_judge_a_fix_another_worker_writes_tests() {
    let server = OpenAi::start([fixed("    return sum(prices)"), tests("self.assertEqual(total([1, 2]), 3)")]);
    let project = project(&server, "");
    let (code, reply) = project.json(&["fix", "cart.py", "--task", "The first price is missing", "--apply"]);
    assert_eq!((code, &reply["outcome"]), (0, &Value::from("verified")), "{reply:#}");
    assert_eq!(rung(&reply), ("tests by two".into(), "passed".into()), "{reply:#}");
    let steps = reply["steps"].as_array().expect("steps");
    let told =
        steps.iter().map(|step| format!("{} {} {}", step["worker"], step["role"], step["status"]).replace('"', ""));
    assert_eq!(told.collect::<Vec<_>>(), ["one worker verified", "two verifier tests"]);
    assert!(project.read("cart.py").contains("sum(prices)"));
    assert!(!project.root().join("test_baton_cart.py").exists());
    let asked = &server.calls()[1];
    insta::assert_snapshot!(format!("{}\n{}", asked.system(), asked.user()));
}

#[test]
fn tests_that_the_fix_does_not_pass_leave_it_open_and_are_shown() {
    let wrong = fixed("    return sum(prices[:1])");
    let server = OpenAi::start([wrong, Act::Say("No.".into()), tests("self.assertEqual(total([1, 2]), 3)")]);
    let project = project(&server, "");
    let (code, reply) = project.json(&["fix", "cart.py", "--task", "The first price is missing"]);
    assert_eq!((code, &reply["outcome"]), (1, &Value::from("unverified")), "{reply:#}");
    assert_eq!(rung(&reply), ("tests by two".into(), "doubted".into()), "{reply:#}");
    assert!(reply["message"].as_str().expect("a message").contains("AssertionError: 1 != 3"), "{reply:#}");
    assert!(server.calls()[2].user().contains("there is no fenced block"), "{}", server.calls()[2].user());
}

#[test]
fn nobody_is_asked_who_made_it_or_where_it_is_switched_off() {
    for (more, workers) in [("[verify]\nwritten_tests = false\n", 2), ("", 1)] {
        let server = OpenAi::start([fixed("    return sum(prices)")]);
        let project = project(&server, more);
        if workers == 1 {
            project.configure(&format!("[repair]\nenabled = false\n{}", server.worker("one", "")));
        }
        let (_, reply) = project.json(&["fix", "cart.py", "--task", "The first price is missing"]);
        assert_eq!(reply["outcome"], "unverified", "{reply:#}");
        assert_eq!(server.calls().len(), 1);
    }
}
