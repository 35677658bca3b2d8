//! The search against a judge that is a function of the text.

use std::sync::Mutex;

use super::super::judge::{TestTrace, Trace};
use super::*;

/// Says what a rule says, and notes what it was asked and how many questions were under way at once.
struct Fake<R> {
    trace: Trace,
    lanes: usize,
    rule: R,
    asked: Mutex<Vec<String>>,
}

impl<R: Fn(&str, Option<Duration>) -> Judgement + Sync> Judge for Fake<R> {
    fn trace(&self) -> &Trace {
        &self.trace
    }

    fn lanes(&self) -> usize {
        self.lanes
    }

    async fn judge(&self, lane: usize, text: &str, patience: Option<Duration>) -> Judgement {
        assert!(lane < self.lanes);
        self.asked.lock().unwrap().push(text.to_owned());
        tokio::task::yield_now().await;
        (self.rule)(text, patience)
    }
}

fn fake<R: Fn(&str, Option<Duration>) -> Judgement + Sync>(rule: R) -> Fake<R> {
    let failing = TestTrace { passed: false, lines: (1..6).collect(), frames: vec![2] };
    let trace = Trace { tests: vec![failing.clone(), failing], ..Trace::default() };
    Fake { trace, lanes: 2, rule, asked: Mutex::default() }
}

const TEXT: &str = "def f(a, b):\n    if a < b:\n        return a\n    return b - 1\n";

async fn hunt<J: Judge>(text: &str, judge: &J, focus: Option<&Range<usize>>) -> (Result<Found, NotFound>, Vec<String>) {
    let language = baton_grammars::by_id("python").unwrap();
    let limits = Limits { deadline: Instant::now() + Duration::from_secs(60) };
    let mut reports = Vec::new();
    let report = |progress: &Progress| reports.push(progress.to_string());
    let found = search(Target { language, text, focus }, judge, limits, report, &CancellationToken::new()).await;
    (found, reports)
}

fn failed(mended: usize) -> Judgement {
    Judgement::Failed { mended }
}

#[tokio::test]
async fn the_first_text_that_passes_wins_and_is_the_smallest_edit() {
    let judge = fake(|text, _| if text.contains("a <= b") { Judgement::Passed } else { failed(0) });
    let (found, reports) = hunt(TEXT, &judge, None).await;
    let found = found.unwrap();
    assert_eq!(found.edits, [Edit { range: 23..23, text: "=".to_owned() }]);
    assert!(apply(TEXT, &found.edits).unwrap().contains("if a <= b:"));
    assert!(found.why.starts_with("comparison at line 2"), "{}", found.why);
    assert_eq!(judge.asked.lock().unwrap().len(), found.tried);
    assert!(reports.last().unwrap().starts_with(&format!("tried {} of ", found.tried)));
}

#[tokio::test]
async fn no_text_is_judged_twice_and_each_parses() {
    let judge = fake(|_, _| failed(0));
    let (found, _) = hunt(TEXT, &judge, None).await;
    assert!(found.unwrap_err().why.starts_with("no edit that it knows makes all tests pass"));
    let asked = judge.asked.lock().unwrap();
    let different: HashSet<&String> = asked.iter().collect();
    assert_eq!(different.len(), asked.len());
    let language = baton_grammars::by_id("python").unwrap();
    assert!(asked.iter().all(|text| language.syntax_errors(&language.parse(text).unwrap()).is_empty()));
    assert!(!asked.iter().any(|text| text == TEXT));
}

#[tokio::test]
async fn two_edits_that_each_mend_something_are_tried_together() {
    let judge = fake(|text, _| match (text.contains("a <= b"), text.contains("return b + 1")) {
        (true, true) => Judgement::Passed,
        (false, false) => failed(0),
        _ => failed(1),
    });
    let (found, reports) = hunt(TEXT, &judge, None).await;
    let new = apply(TEXT, &found.unwrap().edits).unwrap();
    assert_eq!(new, TEXT.replace("a < b", "a <= b").replace("b - 1", "b + 1"));
    assert!(reports.last().unwrap().ends_with("best: 1 of 2 failing tests pass"), "{reports:?}");
}

#[tokio::test]
async fn what_was_too_slow_gets_more_time_later() {
    let judge = fake(|text, patience| match (text.contains("a <= b"), patience) {
        (true, Some(patience)) if patience > Duration::from_secs(2) => Judgement::Passed,
        (true, _) => Judgement::Slow,
        _ => failed(0),
    });
    let (found, _) = hunt(TEXT, &judge, None).await;
    assert!(apply(TEXT, &found.unwrap().edits).unwrap().contains("a <= b"));
    let asked = judge.asked.lock().unwrap();
    assert_eq!(asked.iter().filter(|text| text.contains("if a <= b:")).count(), 3);
}

#[tokio::test]
async fn the_focus_comes_first() {
    let text = "def f(a, b):\n    return a < b\n\ndef g(a, b):\n    return a < b\n";
    let at = text.find("def g").unwrap();
    let lines = TestTrace { passed: false, lines: (1..6).collect(), frames: vec![] };
    let mut judge = fake(|_, _| Judgement::Passed);
    judge.trace.tests = vec![lines];
    judge.lanes = 1;
    let (found, _) = hunt(text, &judge, Some(&(at..text.len()))).await;
    assert!(found.unwrap().edits[0].range.start > at);
}

#[tokio::test]
async fn cancel_and_deadline_end_it_at_once() {
    struct Stuck(Trace);
    impl Judge for Stuck {
        fn trace(&self) -> &Trace {
            &self.0
        }
        fn lanes(&self) -> usize {
            1
        }
        async fn judge(&self, _: usize, _: &str, _: Option<Duration>) -> Judgement {
            std::future::pending().await
        }
    }
    let judge = Stuck(fake(|_, _| failed(0)).trace);
    let language = baton_grammars::by_id("python").unwrap();
    let target = Target { language, text: TEXT, focus: None };
    let cancel = CancellationToken::new();
    cancel.cancel();
    let far = Limits { deadline: Instant::now() + Duration::from_secs(3600) };
    let why = search(target, &judge, far, |_| {}, &cancel).await.unwrap_err().why;
    assert!(why.starts_with("cancelled"), "{why}");
    let now = Limits { deadline: Instant::now() };
    let why = search(target, &judge, now, |_| {}, &CancellationToken::new()).await.unwrap_err().why;
    assert!(why.starts_with("the time was over"), "{why}");
}

#[tokio::test]
async fn without_a_failing_test_or_templates_it_says_why() {
    let mut judge = fake(|_, _| Judgement::Passed);
    judge.trace.tests.clear();
    assert!(hunt(TEXT, &judge, None).await.0.unwrap_err().why.contains("no test that reaches this file fails"));
    let judge = fake(|_, _| Judgement::Passed);
    let language = baton_grammars::by_id("go").unwrap();
    let target = Target { language, text: "package a\n", focus: None };
    let limits = Limits { deadline: Instant::now() + Duration::from_secs(60) };
    let found = search(target, &judge, limits, |_| {}, &CancellationToken::new()).await;
    assert_eq!(found.unwrap_err().why, "repair has no templates for Go");
}

#[test]
fn an_edit_shrinks_to_what_differs() {
    let edit = |range: Range<usize>, text: &str| Edit { range, text: text.to_owned() };
    assert_eq!(shrink("abcd", &edit(0..4, "abxd")), Some(edit(2..3, "x")));
    assert_eq!(shrink("aa", &edit(0..2, "aaa")), Some(edit(2..2, "a")));
    assert_eq!(shrink("é", &edit(0..2, "è")), Some(edit(0..2, "è")));
    assert_eq!(shrink("abc", &edit(0..3, "abc")), None);
}
