//! `baton context`: exactly what a worker would be sent, and nothing of what must stay.

use baton_tests::openai::{Act, OpenAi, block};
use baton_tests::project::Project;

/// A bug whose cause is seen from another file, a caller, and things that are nobody's business.
fn project() -> Project {
    let key = format!("AKIA{}", "ABCDEFGHIJKLMNOP");
    Project::new(&[
        (
            "app.py",
            "from lib.sums import add\n\n\ndef total(values):\n    result = 0\n    for value in values:\n        result = add(result, value)\n    return result\n",
        ),
        ("lib/__init__.py", ""),
        ("lib/sums.py", "def add(a, b):\n    return a - b\n"),
        (
            "web/page.py",
            &format!("from app import total\n\n\ndef page(cart):\n    return total(cart.values)  # {key}\n"),
        ),
        ("private/page.py", "from app import total\n\n\ndef private(cart):\n    return total(cart.values)\n"),
        (
            "test_app.py",
            "import unittest\nfrom app import total\n\n\nclass Total(unittest.TestCase):\n    def test_total(self):\n        self.assertEqual(total([1, 2]), 3)\n",
        ),
        ("AGENTS.md", "Write short functions.\n"),
        (".env", "TOKEN=private\n"),
        (".batonignore", "private/\n"),
    ])
}

#[test]
fn it_prints_what_would_be_sent_what_it_costs_and_what_is_withheld() {
    let project = project();
    let printed = project.baton(&["context", "app.py:4"]);
    assert_eq!(printed.code, 0, "{printed:#?}");
    insta::assert_snapshot!(format!("{}-- standard error --\n{}", printed.stdout, printed.stderr));
    assert!(!printed.stdout.contains("private") && !printed.stdout.contains("AKIA"), "{printed:#?}");
    // The second time the map comes from the cache.
    let again = project.baton(&["context", "app.py:4"]);
    assert_eq!((again.stdout, again.stderr), (printed.stdout, printed.stderr));
}

#[test]
fn it_is_what_is_sent_but_for_what_the_tests_say() {
    let server = OpenAi::start([Act::Say(block("lib/sums.py", "    return a - b", "    return a + b"))]);
    let project = project();
    project.configure(&format!("[repair]\nenabled = false\n{}", server.worker("scripted", "")));
    let printed = project.baton(&["context", "app.py:4", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&printed.stdout).expect("one object");
    let (code, reply) = project.json(&["fix", "app.py:4"]);
    assert_eq!(code, 0, "{reply:#}");
    let call = server.calls().remove(0);
    assert_eq!(shown["system"], call.system());
    assert!(call.system().len() + call.user().len() <= 2_800, "a small task stays cheap:\n{}", call.user());
    let user = shown["user"].as_str().expect("a text");
    let (before, after) = user.split_once("\nIt uses, from").expect("a definition");
    let sent = call.user();
    assert!(sent.starts_with(before) && sent.ends_with(after), "{user}\n-- sent --\n{sent}");
    for said in ["A failing test, in test_app.py:", "self.assertEqual(total([1, 2]), 3)", "What the checks say now:"] {
        assert!(sent.contains(said) && !user.contains(said), "{said}\n{sent}");
    }
}

#[test]
fn a_budget_is_kept_to_and_a_place_that_does_not_fit_is_named() {
    let project = project();
    let printed = project.baton(&["context", "app.py:4", "--tokens", "400", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&printed.stdout).expect("one object");
    assert!(shown["tokens"].as_u64().expect("a number") <= 400, "{shown:#}");
    let none = project.baton(&["context", "app.py:4", "--tokens", "100"]);
    assert_eq!((none.code, none.stdout.as_str()), (2, ""), "{none:#?}");
    assert!(none.stderr.contains("app.py does not fit in the 100 tokens"), "{none:#?}");
    let secret = project.baton(&["context", ".env"]);
    assert_eq!((secret.code, secret.stdout.as_str()), (2, ""), "{secret:#?}");
    let ignored = project.baton(&["context", "private/page.py"]);
    assert_eq!((ignored.code, ignored.stdout.as_str()), (2, ""), "{ignored:#?}");
}
