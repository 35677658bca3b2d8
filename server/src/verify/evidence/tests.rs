//! Evidence on small projects, with a real interpreter in the real sandbox.

use std::collections::BTreeMap;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::task::Goal;
use crate::verify::tests::{Project, judged, shown};
use crate::verify::{Baseline, Verifier};

const CART: &str = "def total(prices, rate):\n    \"\"\"The sum with the rate added.\n\n    >>> total([100, 50], 0)\n    150\n    \"\"\"\n    return sum(prices[1:]) * (1 + rate)\n\n\ndef label(name: str, count: int):\n    if count > 99:\n        return name + \" (many)\"\n    return name + str(count)\n";
const TESTS: &str = "import unittest\nfrom cart import label\n\nclass Label(unittest.TestCase):\n    def test_few(self):\n        self.assertEqual(label(\"a\", 3), \"a3\")\n";

async fn verifier(goal: Goal, instruction: &str, files: &[(&str, &str)]) -> (Project, Verifier) {
    let project = Project::new(files);
    let verifier = project.verifier_of("cart.py", goal, instruction).await;
    (project, verifier)
}

pub(super) async fn baseline(verifier: &Verifier) -> Baseline {
    verifier.baseline(&CancellationToken::new()).await.unwrap().clone()
}

/// The verdict, then each rung above the compilers.
pub(super) fn told(verdict: &crate::verify::Verdict) -> String {
    let rungs = verdict.report().rungs.iter().filter(|rung| rung.level == crate::verify::Level::Tested);
    let rungs: Vec<String> = rungs.map(|rung| format!("{} {:?}: {}", rung.name, rung.end, rung.reason)).collect();
    format!("{}\n{}", shown(verdict), rungs.join("\n"))
}

#[tokio::test]
async fn an_example_of_the_documentation_is_a_test() {
    let (_project, verifier) = verifier(Goal::Fix, "", &[("cart.py", CART)]).await;
    assert!(verifier.describe().ends_with("then 1 example"), "{}", verifier.describe());
    let before = baseline(&verifier).await;
    assert_eq!((before.passed, before.failed), (0, 1));
    assert!(before.report.contains("total([100, 50], 0) gives 50, and 150 is written"), "{}", before.report);
    let right = judged(&verifier, "cart.py", "prices[1:]", "prices").await;
    let wrong = judged(&verifier, "cart.py", "prices[1:]", "prices[:1]").await;
    // The documentation that a patch brings does not count.
    let moved = judged(&verifier, "cart.py", "    150\n", "    50\n").await;
    insta::assert_snapshot!([told(&right), told(&wrong), told(&moved)].join("\n\n"));
}

#[tokio::test]
async fn what_the_task_reports_must_be_fixed_as_a_whole() {
    let words = "total([10, 20], 0) returns 20 but should return 30, and total([], 1) raises TypeError; label('b', 100) should return 'b (many)'";
    let (_project, verifier) = verifier(Goal::Fix, words, &[("cart.py", CART), ("test_cart.py", TESTS)]).await;
    let before = baseline(&verifier).await;
    let names: BTreeMap<_, _> = before.tests.iter().map(|(name, status)| (name.as_str(), *status)).collect();
    insta::assert_debug_snapshot!(names);
    let right = judged(&verifier, "cart.py", "prices[1:]", "prices").await;
    let half = judged(&verifier, "cart.py", "prices[1:]", "prices[:1] + [20]").await;
    insta::assert_snapshot!([told(&right), told(&half)].join("\n\n"));
}

#[tokio::test]
async fn a_crash_that_a_traceback_shows_must_be_gone() {
    let words = "Traceback (most recent call last):\n  File \"shop.py\", line 9, in <module>\n    print(total(None, 1))\n  File \"cart.py\", line 7, in total\n    return sum(prices[1:]) * (1 + rate)\nTypeError: 'NoneType' object is not subscriptable\n";
    let text = CART.replace("150", "50");
    let (_project, verifier) = verifier(Goal::Fix, words, &[("cart.py", &text)]).await;
    assert_eq!(baseline(&verifier).await.failed, 1);
    let right = judged(&verifier, "cart.py", "prices[1:]", "(prices or [])[1:]").await;
    let wrong = judged(&verifier, "cart.py", "prices[1:]", "prices[2:]").await;
    insta::assert_snapshot!([told(&right), told(&wrong)].join("\n\n"));
}

#[tokio::test]
async fn a_refactoring_must_do_the_same() {
    // What failed before need not be mended by it.
    let files: &[(&str, &str)] = &[("cart.py", CART), ("test_cart.py", TESTS)];
    let (_project, verifier) = verifier(Goal::Refactor, "", files).await;
    let same = judged(&verifier, "cart.py", "name + str(count)", "f\"{name}{count}\"").await;
    let other = judged(&verifier, "cart.py", "count > 99", "count >= 99").await;
    assert!(told(&same).contains("behaviour before and after Passed: the same in "), "{}", told(&same));
    let told = told(&other);
    assert!(told.starts_with("failed Tested") && told.contains("calls differ: label("), "{told}");
}

#[tokio::test]
async fn a_refactoring_that_does_something_else_is_refused_without_tests_too() {
    let text = CART.replace(">>> ", "");
    let (_project, verifier) = verifier(Goal::Refactor, "", &[("cart.py", &text)]).await;
    let same = judged(&verifier, "cart.py", "name + str(count)", "f\"{name}{count}\"").await;
    let other = judged(&verifier, "cart.py", "count > 99", "count >= 3").await;
    assert!(told(&same).starts_with("unknown"), "{}", told(&same));
    assert!(told(&same).contains("behaviour before and after Passed: the same in "), "{}", told(&same));
    assert!(
        told(&other).starts_with("failed Tested") && told(&other).contains("calls differ: label("),
        "{}",
        told(&other)
    );
}

#[tokio::test]
async fn a_change_that_no_test_notices_is_not_verified() {
    let files: &[(&str, &str)] = &[("cart.py", CART), ("test_cart.py", TESTS)];
    let (_project, verifier) = verifier(Goal::Edit, "", files).await;
    let covered = judged(&verifier, "cart.py", "name + str(count)", "name + str(count + 0)").await;
    let unseen = judged(&verifier, "cart.py", "name + \" (many)\"", "name + \" (\" + \"more\" + \")\"").await;
    insta::assert_snapshot!([told(&covered), told(&unseen)].join("\n\n"));
}

#[tokio::test]
async fn a_fix_that_fixes_nothing_is_not_verified() {
    let text = CART.replace("150", "50");
    let (_project, verifier) = verifier(Goal::Fix, "tidy", &[("cart.py", &text), ("test_cart.py", TESTS)]).await;
    let nothing = judged(&verifier, "cart.py", "name + str(count)", "f\"{name}{count}\"").await;
    let told = told(&nothing);
    assert!(
        told.starts_with("unknown Tested") && told.contains("nothing shows that the change fixes anything"),
        "{told}"
    );
}

#[tokio::test]
async fn a_module_of_a_package_is_imported_as_one() {
    let project = Project::new(&[
        ("shop/__init__.py", ""),
        ("shop/rates.py", "RATE = 2\n"),
        (
            "shop/cart.py",
            "from .rates import RATE\n\ndef double(n):\n    \"\"\"double(3) == 6\"\"\"\n    return n + RATE\n",
        ),
    ]);
    let verifier = project.verifier_of("shop/cart.py", Goal::Fix, "").await;
    assert_eq!(baseline(&verifier).await.failed, 1);
    let right = judged(&verifier, "shop/cart.py", "n + RATE", "n * RATE").await;
    assert!(shown(&right).starts_with("passed Tested 1/0"), "{}", shown(&right));
    assert!(Path::new(&project.root()).join("shop").exists());
}
