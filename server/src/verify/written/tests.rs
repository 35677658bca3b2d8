//! Tests of workers on small projects, run by real runners in the real sandbox.

use tokio_util::sync::CancellationToken;

use super::Written;
use crate::patch::Problem;
use crate::task::Goal;
use crate::verify::tests::{Project, replacing, shown};
use crate::verify::{Level, Verifier};
use crate::workspace::RelPath;

const CART: &str = "RATE = 2\n\n\ndef total(prices):\n    result = 0\n    for price in prices[1:]:\n        result += price\n    return result * RATE\n";

async fn verifier(goal: Goal, path: &str, text: &str) -> (Project, Verifier) {
    let project = Project::new(&[(path, text)]);
    let verifier = project.verifier_of(path, goal, "").await;
    (project, verifier)
}

fn unittest(tests: &[(&str, &str)]) -> String {
    let tests = tests.iter().map(|(name, line)| format!("    def test_{name}(self):\n        self.{line}\n"));
    let head = "import unittest\nfrom cart import total\n\nclass Total(unittest.TestCase):\n";
    format!("Here they are:\n```python\n{head}{}```\n", tests.collect::<String>())
}

/// What the given checks say, then what the tests say of the change.
async fn told(verifier: &Verifier, reply: &str, path: &str, old: &str, new: &str) -> String {
    let cancel = CancellationToken::new();
    let patch = replacing(verifier, path, old, new);
    let checked = verifier.check(&patch, &cancel).await;
    let first = format!("{}, lacks tests: {}", shown(&checked.verdict), checked.lacks_tests);
    let written = Written::read("two", &verifier.place_for_tests().unwrap(), reply).unwrap();
    let judged = verifier.judge_by(&written, &patch, checked, &cancel).await;
    assert_eq!(judged.verified.is_some(), shown(&judged.verdict).starts_with("passed"));
    let rung = judged.verdict.report().rungs.iter().rfind(|rung| rung.level == Level::Tested).unwrap();
    format!("{first}\n{}\n{} {:?}: {}\n", shown(&judged.verdict), rung.name, rung.end, rung.reason)
}

#[tokio::test]
async fn a_fix_is_verified_by_tests_that_failed_without_it() {
    let (_project, verifier) = verifier(Goal::Fix, "cart.py", CART).await;
    let tests = unittest(&[("all", "assertEqual(total([1, 2]), 6)"), ("none", "assertEqual(total([]), 0)")]);
    let right = told(&verifier, &tests, "cart.py", "prices[1:]", "prices").await;
    let wrong = told(&verifier, &tests, "cart.py", "prices[1:]", "prices[:1]").await;
    let pass = unittest(&[("none", "assertEqual(total([]), 0)")]);
    let nothing = told(&verifier, &pass, "cart.py", "prices[1:]", "prices").await;
    let unloaded = tests.replace("import total", "import totals");
    let unloaded = told(&verifier, &unloaded, "cart.py", "prices[1:]", "prices").await;
    let forged = told(&verifier, &tests, "cart.py", "prices[1:]:", "(__import__('os'), prices)[1]:").await;
    insta::assert_snapshot!([right, wrong, nothing, unloaded, forged].join("\n"));
}

#[tokio::test]
async fn what_is_new_is_verified_by_tests_that_could_not_be_loaded_without_it() {
    let (_project, verifier) = verifier(Goal::Edit, "cart.py", CART).await;
    let tests = unittest(&[("mean", "assertEqual(mean([2, 4]), 3)")]).replace("import total", "import mean");
    let new = "def mean(prices):\n    return sum(prices) / len(prices)\n\n\ndef total";
    insta::assert_snapshot!(told(&verifier, &tests, "cart.py", "def total", new).await);
}

#[tokio::test]
async fn what_the_given_tests_do_not_reach_is_verified_by_tests_beside_them() {
    let cart = format!("{CART}\n\ndef label(name):\n    return name\n");
    let given = "import unittest\nfrom cart import label\n\nclass Label(unittest.TestCase):\n    def test_label(self):\n        self.assertEqual(label('a'), 'a')\n";
    let project = Project::new(&[("cart.py", &cart), ("tests/__init__.py", ""), ("tests/test_label.py", given)]);
    let verifier = project.verifier_of("cart.py", Goal::Edit, "").await;
    let place = verifier.place_for_tests().unwrap();
    assert_eq!(place.path.as_str(), "tests/test_label_baton.py");
    assert_eq!(place.like.as_ref().map(RelPath::as_str), Some("tests/test_label.py"));
    let tests = unittest(&[("all", "assertEqual(total([1, 2]), 5)")]);
    insta::assert_snapshot!(told(&verifier, &tests, "cart.py", "result * RATE", "result * RATE + 1").await);
}

#[tokio::test]
async fn a_refactoring_is_refused_by_tests_that_passed_without_it() {
    let (_project, verifier) = verifier(Goal::Refactor, "cart.py", CART).await;
    let tests = unittest(&[("two", "assertEqual(total([1, 2]), 4)"), ("wrong", "assertEqual(total([1, 2]), 6)")]);
    let same = told(&verifier, &tests, "cart.py", "result += price", "result = result + price").await;
    let other = told(&verifier, &tests, "cart.py", "result += price", "result -= price").await;
    let blind = unittest(&[("callable", "assertTrue(callable(total))")]);
    let blind = told(&verifier, &blind, "cart.py", "result += price", "result = result + price").await;
    insta::assert_snapshot!([same, other, blind].join("\n"));
}

#[tokio::test]
async fn tests_are_written_in_other_languages_too() {
    let (_project, javascript) = verifier(Goal::Fix, "cart.mjs", "export const add = (a, b) => a - b;\n").await;
    let tests = "```js\nimport test from 'node:test';\nimport assert from 'node:assert';\nimport { add } from './cart.mjs';\ntest('adds', () => assert.equal(add(1, 2), 3));\n```\n";
    let javascript = told(&javascript, tests, "cart.mjs", "a - b", "a + b").await;
    let project = Project::new(&[
        ("Cargo.toml", "[package]\nname = \"cart\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
        ("src/lib.rs", "pub fn add(a: i32, b: i32) -> i32 {\n    a - b\n}\n"),
    ]);
    let rust = project.verifier_of("src/lib.rs", Goal::Fix, "").await;
    let tests = "```rust\n#[test]\nfn adds() {\n    assert_eq!(cart::add(1, 2), 3);\n}\n```\n";
    let rust = told(&rust, tests, "src/lib.rs", "a - b", "a + b").await;
    insta::assert_snapshot!([javascript, rust].join("\n"));
}

#[tokio::test]
async fn tests_that_cannot_be_used_are_refused_with_the_reason() {
    let (_project, verifier) = verifier(Goal::Fix, "cart.py", CART).await;
    let place = verifier.place_for_tests().unwrap();
    let why = |reply: &str| match Written::read("two", &place, reply) {
        Ok(written) => format!("taken from {}", written.worker()),
        Err(problems) => problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; "),
    };
    let replies = [
        "I would test the total.",
        "```python\ndef test(:\n```",
        "```python\nimport unittest, os\nos._exit(0)\n```",
        "```python\nimport unittest\nimport ctypes\n```",
        &format!("```python\n{}```", "x = 1\n".repeat(20_000)),
        "```python\nimport pytest\n```",
    ];
    insta::assert_snapshot!(replies.map(why).join("\n"));
}
