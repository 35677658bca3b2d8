//! The report of a recording that is small enough to be scored by hand.

use super::*;

/// Two are sure and dear, one is cheap and right about every other task; the verifier makes no mistake.
fn report() -> Report {
    let folder = tempfile::tempdir().unwrap();
    let (mut tasks, mut outcomes) = (String::new(), "task,worker,solved,cost_usd,accept_perfect\n".to_owned());
    for task in 0..40 {
        tasks += &format!("{{\"id\": \"t{task}\", \"date\": \"2024-01-01\", \"kind\": \"write\", \"text\": \"x\"}}\n");
        let half = task % 2;
        for (worker, solved, usd) in
            [("<b>cheap", half, 0.01), ("dear", 1, 0.2), ("dearer", u32::from(task != 39), 0.4)]
        {
            outcomes += &format!("t{task},{worker},{solved},{usd},{solved}\n");
        }
    }
    std::fs::write(folder.path().join("tasks.jsonl"), tasks).unwrap();
    std::fs::write(folder.path().join("outcomes.csv"), outcomes).unwrap();
    let (train, test) = (folder.path().join("."), folder.path().join("."));
    let source = Source { train, test, train_before: Some(20), test_from: Some(20), verifier: "perfect".into() };
    let split = source.read().unwrap();
    let decision = |calls: &[&str]| {
        let calls: Vec<String> = calls.iter().map(ToString::to_string).collect();
        move |id: &str| Decision { task: id.into(), answer: calls[calls.len() - 1].clone(), calls: calls.clone() }
    };
    let (dear, both) = (decision(&["dearer"]), decision(&["<b>cheap", "dear"]));
    let ids = || split.test.tasks.iter().map(|task| task.id.as_str());
    let played = vec![("dearer".into(), ids().map(dear).collect()), ("both".into(), ids().map(both).collect())];
    let mut report = Report::of(&source, &split, played).unwrap();
    report.title = report.title.split_once(": ").unwrap().1.to_owned();
    report
}

#[test]
fn a_small_recording_is_scored_as_by_hand() {
    insta::assert_snapshot!(report().text());
}

#[test]
fn what_chance_could_have_made_is_not_claimed() {
    let claims = report().claims();
    let beside_best = claims.iter().find(|claim| claim.starts_with("dearer beside best single")).unwrap();
    assert!(beside_best.contains("no difference in right answers can be told (-15.0 to +0.0)"), "{beside_best}");
    assert!(beside_best.contains("$0.2000 more a task"), "{beside_best}");
    assert!(!claims.iter().any(|claim| claim.contains("oracle")), "{claims:#?}");
}

#[test]
fn the_page_stands_alone_and_names_are_text() {
    let page = report().page().unwrap();
    assert_eq!(page.matches("<svg").count(), 2);
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("default-src 'none'"));
    assert!(page.contains("&lt;b&gt;cheap") && !page.contains("<b>"), "{page}");
    for elsewhere in ["<script", "<img", "<link", "url(", "src="] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
    assert_eq!(
        page.matches("http").count(),
        page.matches("http-equiv").count() + page.matches("http://www.w3.org/2000/svg").count()
    );
}
