//! The rungs between parsing and the tests, with the real binary: what a person, a program and the next worker are told.

use std::path::Path;

use baton_tests::openai::{Act, block};
use baton_tests::{OpenAi, Project};
use serde_json::Value;

const MANIFEST: &str = "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";
const SOURCE: &str = "pub fn double(x: i32) -> i32 {\n    x * \"2\"\n}\n";

fn reply(new: &str) -> Act {
    Act::Say(block("src/lib.rs", "    x * \"2\"", new))
}

fn project(server: &OpenAi, more: &str) -> Project {
    let project = Project::new(&[("Cargo.toml", MANIFEST), ("src/lib.rs", SOURCE)]);
    let workers = format!("{}{}", server.worker("one", ""), server.worker("two", ""));
    project.configure(&format!("[repair]\nenabled = false\n{workers}{more}"));
    project
}

/// `cargo check passed` for each rung.
fn rungs(reply: &Value) -> Vec<String> {
    let rungs = reply["verdict"]["rungs"].as_array().expect("rungs");
    let word = |rung: &Value, key: &str| rung[key].as_str().expect("a word").to_owned();
    rungs.iter().map(|rung| format!("{} {}", word(rung, "name"), word(rung, "end"))).collect()
}

#[test]
fn where_there_are_no_tests_the_error_that_goes_is_the_proof() {
    let server = OpenAi::start([reply("    x * two()"), reply("    x * 2")]);
    let project = project(&server, "[checks.own]\nlanguage = 'rust'\ncommand = ['no-such-linter']\nlint = true\n");
    let (code, reply) = project.json(&["fix", "src/lib.rs", "--apply"]);
    assert_eq!((code, &reply["outcome"]), (0, &Value::from("verified")), "{reply:#}");
    assert_eq!(reply["verdict"]["level"], "checked");
    assert_eq!(rungs(&reply), ["parse passed", "cargo check passed", "own missing", "tests not_run"]);
    let statuses: Vec<_> = reply["steps"].as_array().unwrap().iter().map(|step| step["status"].as_str()).collect();
    assert_eq!(statuses, [Some("declined"), Some("rejected"), Some("verified")], "{reply:#}");
    let calls = server.calls();
    assert!(calls[0].user().contains("E0277"), "{}", calls[0].user());
    let refused = "cargo check finds 1 error that was not there before:";
    assert!(calls[1].user().contains(refused) && calls[1].user().contains("E0425"), "{}", calls[1].user());
    assert!(project.read("src/lib.rs").contains("x * 2\n"));
    let listed = project.baton(&["runs", reply["run"].as_str().expect("a name")]);
    let line = "verdict (checked): parsed · cargo check (1 error gone); not checked: own (not installed), tests (";
    assert!(listed.stdout.contains(line), "{listed:#?}");
}

#[test]
fn what_only_compiles_is_not_verified_and_says_how_far_it_came() {
    let server = OpenAi::start([Act::Say(block("src/lib.rs", "    x * 2", "    x * 3"))]);
    let project = project(&server, "");
    project.write("src/lib.rs", &SOURCE.replace("\"2\"", "2"));
    let printed = project.baton(&["fix", "src/lib.rs", "--trust", "--task", "Triple it"]);
    assert_eq!(printed.code, 1, "{printed:#?}");
    let lines = [
        "parse, cargo check, then `cargo test --offline` (Cargo.toml found)",
        "verdict: could not be judged (parsed · cargo check; not checked: tests (the test command ran no tests))",
        "not verified · parsed · cargo check; not checked: tests (the test command ran no tests)",
    ];
    for line in lines {
        assert!(printed.stderr.contains(line), "{line}: {printed:#?}");
    }
}

/// A project whose tests of something else sleep for some seconds.
fn shop(server: &OpenAi, seconds: u32, more: &str) -> Project {
    let slow = "import time, unittest\n\nclass Shop(unittest.TestCase):\n    def test_open(self):\n        time.sleep(SECONDS)\n";
    let project = Project::new(&[
        ("cart.py", "def total(prices):\n    return sum(prices[1:])\n\ndef label(name):\n    return name\n"),
        (
            "test_cart.py",
            "import unittest\nfrom cart import total, label\n\nclass Cart(unittest.TestCase):\n    def test_total(self):\n        self.assertEqual(total([1, 2]), 3)\n\n    def test_label(self):\n        self.assertEqual(label('a'), 'a')\n",
        ),
        ("test_shop.py", &slow.replace("SECONDS", &seconds.to_string())),
    ]);
    project.configure(&format!("[repair]\nenabled = false\n{more}{}", server.worker("one", "")));
    project
}

fn sums(new: &str) -> Act {
    Act::Say(block("cart.py", "    return sum(prices[1:])", new))
}

#[test]
fn where_the_whole_suite_does_not_end_the_verdict_is_of_the_tests_that_reach_the_change() {
    let server = OpenAi::start([sums("    return sum(prices)")]);
    let project = shop(&server, 100, "[verify]\nmax_seconds = 15\n");
    let printed = project.baton(&["fix", "cart.py", "--trust"]);
    assert_eq!(printed.code, 0, "{printed:#?}");
    for line in [
        "only the tests that reach cart.py: the whole suite takes longer than 15 s",
        "before: 1 failed, 1 passed (python3 -m unittest test_cart.py)",
        "2 tests passed, 0 failed of those that reach the change (1 file); not checked: tests (the whole suite takes longer than 15 s)",
    ] {
        assert!(printed.stderr.contains(line), "{line}: {printed:#?}");
    }
}

#[test]
fn a_test_that_reaches_the_change_refuses_it_before_the_whole_suite_is_run() {
    let server = OpenAi::start([sums("    return sum(prices[:1])")]);
    let project = shop(&server, 5, "[budget]\nmax_seconds = 60\n");
    let (code, reply) = project.json(&["fix", "cart.py"]);
    assert_eq!((code, &reply["outcome"]), (1, &Value::from("failed")), "{reply:#}");
    assert_eq!(rungs(&reply), ["parse passed", "python passed", "tests that reach the change failed"]);
    assert_eq!(reply["verdict"]["rungs"][2]["reason"], "1 file", "{reply:#}");
    let report = reply["verdict"]["report"].as_str().expect("a report");
    assert!(report.starts_with("1 of 1 target tests still fail:\n- test_cart.Cart.test_total"), "{reply:#}");
}

/// A function with types and an example, and nothing that tests it.
const TYPED: &str = "/**\n * The sum of the prices, with the discount for many.\n * @example\n * total([{ name: 'a', price: 5 }, { name: 'b', price: 7 }]) // => 12\n */\nexport function total(items: Item[], many = 3): number {\n  let sum = 0;\n  for (const item of items) {\n    sum += item.price;\n  }\n  return items.length > many ? sum - 1 : sum;\n}\n\ninterface Item {\n  name: string;\n  price: number;\n}\n";

#[test]
fn a_refactoring_of_typescript_must_do_what_it_did() {
    let old = "  let sum = 0;\n  for (const item of items) {\n    sum += item.price;\n  }\n  return items.length > many ? sum - 1 : sum;";
    let new = "  const sum = items.reduce((sum: number, { price }: Item) => sum + price, 0);\n  return items.length > many ? sum - 1 : sum;";
    let reply = |new: &str| Act::Say(block("src/total.ts", old, new));
    let server = OpenAi::start([reply(&new.replace("length > many", "length >= many")), reply(new)]);
    let project = Project::new(&[("src/total.ts", TYPED), ("package.json", "{\"type\": \"module\"}")]);
    let compiler = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/node/node_modules/typescript");
    for file in ["package.json", "lib/typescript.js"] {
        let text = std::fs::read_to_string(compiler.join(file)).expect("tests/setup.sh test has installed it");
        project.write(&format!("node_modules/typescript/{file}"), &text);
    }
    let workers = format!("{}{}", server.worker("one", ""), server.worker("two", ""));
    project.configure(&format!("[repair]\nenabled = false\n{workers}"));
    let (code, reply) = project.json(&["refactor", "src/total.ts:6", "use reduce", "--apply"]);
    assert_eq!((code, &reply["outcome"]), (0, &Value::from("verified")), "{reply:#}");
    assert_eq!(
        rungs(&reply),
        ["parse passed", "tests passed", "behaviour before and after passed", "mutants of the change passed"]
    );
    let calls = server.calls();
    let told = "a refactoring must not change what the code does";
    assert!(calls[1].user().contains(told) && calls[1].user().contains("calls differ: total("), "{}", calls[1].user());
    assert!(project.read("src/total.ts").contains("reduce("));
}

#[test]
fn an_example_in_a_comment_is_the_test_that_repair_needs() {
    let text = "// clamp(12, 0, 10) === 10; clamp(-3, 0, 10) === 0; clamp(4, 0, 10) === 4\nfunction clamp(n, low, high) {\n  if (n < low) return low;\n  if (n < high) return high;\n  return n;\n}\n";
    let project = Project::new(&[("clamp.js", text)]);
    let (code, reply) = project.json(&["fix", "clamp.js", "--apply"]);
    assert_eq!((code, &reply["outcome"]), (0, &Value::from("verified")), "{reply:#}");
    assert_eq!(reply["verdict"]["passed"], 3, "{reply:#}");
    assert!(project.read("clamp.js").contains("if (n > high) return high;"), "{}", project.read("clamp.js"));
}
