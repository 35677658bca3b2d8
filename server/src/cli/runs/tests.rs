//! Records in, pages and texts out.

use super::page::page;
use super::text;
use crate::ledger::{RunRecord, Texts};

fn record(written: &str) -> RunRecord {
    serde_json::from_str(written).unwrap()
}

fn one() -> RunRecord {
    record(include_str!("fixtures/one_step_of_version_1.json"))
}

fn three() -> RunRecord {
    record(include_str!("fixtures/three_steps_with_access_lists.json"))
}

fn deep() -> RunRecord {
    record(include_str!("fixtures/parallel_steps_and_recursion.json"))
}

#[test]
fn a_page_of_one_step() {
    insta::assert_snapshot!(body(&page(&one(), &[]).unwrap()));
}

#[test]
fn a_page_of_three_steps() {
    insta::assert_snapshot!(body(&page(&three(), &[]).unwrap()));
}

#[test]
fn a_page_of_parallel_steps_and_recursion() {
    let texts = Texts { prompt: "What is wrong?\n<b>".into(), reply: "\u{202e}</details><script>".into() };
    insta::assert_snapshot!(body(&page(&deep(), &[(5, texts)]).unwrap()));
}

#[test]
fn a_page_of_a_run_that_only_verified() {
    let mut run = one();
    run.steps.clear();
    run.workflow.steps.clear();
    insta::assert_snapshot!(body(&page(&run, &[]).unwrap()));
}

/// Without the styles, which are the same on every page.
fn body(page: &str) -> String {
    let (before, rest) = page.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    format!("{before}{after}")
}

/// What stands in a page between `<` and `>`; texts have neither.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()).collect()
}

#[test]
fn nothing_that_models_and_repositories_write_becomes_a_part_of_the_page() {
    let texts = Texts { prompt: "<script src=//x>".into(), reply: "\u{1b}]0;x\u{7}<!-- ]]>".into() };
    let page = page(&deep(), &[(1, texts)]).unwrap();
    let known = [
        "!DOCTYPE",
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "p",
        "span",
        "bdi",
        "dl",
        "dt",
        "dd",
        "code",
        "figure",
        "figcaption",
        "svg",
        "g",
        "rect",
        "text",
        "path",
        "polygon",
        "line",
        "div",
        "table",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "th",
        "td",
        "ol",
        "li",
        "strong",
        "q",
        "br",
        "details",
        "summary",
        "pre",
        "footer",
    ];
    for tag in tags(&page) {
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap_or_default();
        assert!(known.contains(&name), "<{tag}>");
        let attributes = tag.split(' ').skip(1).filter_map(|attribute| attribute.split_once('=')).map(|(name, _)| name);
        for attribute in attributes {
            assert!(!attribute.starts_with("on") && !["src", "href", "style"].contains(&attribute), "<{tag}>");
        }
    }
    let hidden =
        |c: &char| c.is_control() && *c != '\n' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert_eq!(page.chars().find(hidden), None);
    assert!(page.contains("⟨U+202E⟩gnp.exe") && page.contains("]]&gt;"), "it is shown for what it is");
    assert!(
        !page.contains("http://")
            || page.matches("http://").count() == page.matches("http://www.w3.org/2000/svg").count()
    );
}

#[test]
fn the_page_forbids_all_but_its_own_styles() {
    let page = page(&one(), &[]).unwrap();
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(policy, "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'");
    let head = page.split("<title>").next().unwrap();
    assert!(head.contains(policy), "it comes before anything that it forbids");
}

#[test]
fn a_record_without_beginnings_is_drawn_one_after_the_other() {
    let said = "does not say when each step began";
    assert!(page(&one(), &[]).unwrap().contains(said));
    assert!(!page(&three(), &[]).unwrap().contains(said));
}

#[test]
fn a_page_of_nothing_and_of_too_much() {
    let mut run = one();
    run.steps.clear();
    run.workflow.steps.clear();
    run.verdict = None;
    run.started = u64::MAX;
    assert!(page(&run, &[]).unwrap().contains("No step was taken."));
    let mut run = deep();
    (run.workflow.steps, run.steps) = (vec![run.workflow.steps; 40].concat(), vec![run.steps; 40].concat());
    (run.steps[0].ms, run.steps[0].began_ms, run.ms) = (u64::MAX, Some(u64::MAX), u64::MAX);
    run.steps[0].usage.tokens_in = u64::MAX;
    run.usd = f64::INFINITY;
    assert!(page(&run, &[]).unwrap().contains("216 more steps are not drawn."));
}

#[test]
fn runs_as_text() {
    let shown = |run: RunRecord| {
        let text = text::whole(&run);
        // How long ago it was is not the same twice.
        text.lines().skip(1).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!([one(), three(), deep()].map(shown).join("\n---\n"));
}

#[test]
fn a_line_says_who_decided_and_stays_one_line() {
    let rest = |run: &RunRecord| {
        let line = text::line(run);
        line.split_once(" ago  ").unwrap().1.to_owned()
    };
    assert_eq!(rest(&one()), "mini  fix      verified      2.9 s  $0.0000  bookings.py  repair");
    let policy = RunRecord { policy: "best-of-3".into(), ..three() };
    assert!(
        rest(&policy)
            .starts_with("best-of-3 edit     verified     27.6 s  $0.0424  src/cart/discount.rs  thinker-large → ")
    );
    let hostile = RunRecord { path: "a\nb\u{1b}[2J".into(), ..one() };
    assert!(rest(&hostile).contains("a⟨U+000A⟩b⟨U+001B⟩[2J"), "{}", rest(&hostile));
}
