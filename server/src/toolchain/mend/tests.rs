//! A tool that answers from a list, and what is made of its answers.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;

use baton_grammars::{FixFormat, by_id};

use super::{Mended, Runner, Target, Tool, Wanted, mend};
use crate::patch::apply;

/// Answers in order, whatever it is asked, and keeps the texts it was asked about.
struct Script {
    answers: Mutex<VecDeque<Result<String, String>>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    fn new(answers: &[Result<String, String>]) -> Self {
        Self { answers: Mutex::new(answers.to_vec().into()), asked: Mutex::default() }
    }

    fn texts(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Runner for Script {
    fn path(&self) -> &Path {
        Path::new("/project/a.js")
    }

    async fn run(&self, _: &Tool, text: &str) -> Result<String, String> {
        self.asked.lock().unwrap().push(text.to_owned());
        self.answers.lock().unwrap().pop_front().unwrap_or_else(|| Ok(eslint(&[])))
    }
}

/// ESLint's answer: messages, and what is put in place of which units.
fn eslint(found: &[(&str, Range<usize>, &str)]) -> String {
    let messages: Vec<_> = found
        .iter()
        .map(|(message, range, text)| {
            serde_json::json!({"message": message, "line": 0, "column": 0, "fix": {"range": [range.start, range.end], "text": text}})
        })
        .collect();
    serde_json::json!([{"filePath": "/project/a.js", "messages": messages}]).to_string()
}

fn tool(name: &str, compiles: bool) -> Tool {
    Tool { name: name.into(), argv: vec![], format: FixFormat::Eslint, compiles }
}

fn run(target: Target<'_>, tools: &[Tool], script: &Script) -> Result<Mended, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(mend(target, tools, script, |_| ()))
}

fn target<'a>(text: &'a str, focus: Option<&'a Range<usize>>, wanted: Wanted<'a>) -> Target<'a> {
    Target { language: by_id("javascript").unwrap(), text, focus, wanted }
}

/// The text afterwards, or why it stays as it is.
fn after(text: &str, focus: Option<&Range<usize>>, wanted: Wanted<'_>, script: &Script) -> Result<String, String> {
    let mended = run(target(text, focus, wanted), &[tool("eslint", false)], script)?;
    Ok(apply(text, &mended.edits).expect("edits fit"))
}

#[test]
fn the_first_of_two_that_touch_wins_and_the_tool_is_asked_again() {
    let text = "var a = 1;\nvar b = 2;\n";
    let script = Script::new(&[
        Ok(eslint(&[("m", 0..3, "let"), ("m", 0..9, "x"), ("m", 11..14, "let"), ("m", 11..14, "const")])),
        Ok(eslint(&[("m", 0..3, "const")])),
    ]);
    assert_eq!(after(text, None, Wanted::All, &script).as_deref(), Ok("const a = 1;\nlet b = 2;\n"));
    assert_eq!(script.texts(), [text, "let a = 1;\nlet b = 2;\n", "const a = 1;\nlet b = 2;\n"]);
}

#[test]
fn a_tool_that_turns_in_a_circle_is_stopped() {
    let (one, two) = (Ok(eslint(&[("m", 0..1, "b")])), Ok(eslint(&[("m", 0..1, "a")])));
    let script = Script::new(&[one.clone(), two, one]);
    assert_eq!(after("a;\n", None, Wanted::All, &script).as_deref(), Ok("b;\n"));
    assert_eq!(script.texts().len(), 2);
    let grows: Vec<_> = (0..50).map(|_| Ok(eslint(&[("m", 0..0, "x")]))).collect();
    assert_eq!(after("a;\n", None, Wanted::All, &Script::new(&grows)).as_deref(), Ok("xxxxxa;\n"));
}

#[test]
fn only_what_the_task_is_about_is_made() {
    let text = "var a = 1;\nvar b = 2;\nvar c = 3;\n";
    let answer = || Ok(eslint(&[("one", 0..3, "let"), ("two", 11..14, "let"), ("three", 22..25, "let")]));
    let all = |focus: Range<usize>| after(text, Some(&focus), Wanted::All, &Script::new(&[answer()]));
    assert_eq!(all(11..21).as_deref(), Ok("var a = 1;\nlet b = 2;\nvar c = 3;\n"));
    assert_eq!(all(26..32), Err("eslint has no fix for it".to_owned()));
    let named = |said: &[&str]| {
        let said: Vec<String> = said.iter().map(ToString::to_string).collect();
        after(text, None, Wanted::Named(&said), &Script::new(&[answer()]))
    };
    assert_eq!(named(&["`Two`! (eslint)"]).as_deref(), Ok("var a = 1;\nlet b = 2;\nvar c = 3;\n"));
    assert_eq!(named(&["Argument of type `one`", "four"]).as_deref(), Ok("let a = 1;\nvar b = 2;\nvar c = 3;\n"));
    assert_eq!(named(&["four"]), Err("eslint has no fix for it".to_owned()));
}

#[test]
fn the_focus_moves_with_the_text() {
    let text = "var a = 1;\nvar b = 2;\n";
    let script = Script::new(&[
        Ok(eslint(&[("m", 0..3, "/* long */ let"), ("m", 11..14, "/* longer */ let")])),
        // Before it, in it.
        Ok(eslint(&[("m", 0..0, "x"), ("m", 34..34, "2"), ("m", 40..40, "y")])),
    ]);
    assert_eq!(
        after(text, Some(&(11..21)), Wanted::All, &script).as_deref(),
        Ok("var a = 1;\n/* longer */ let b = 2;2\n")
    );
}

#[test]
fn tests_among_the_code_stay_as_they_are() {
    let text = "let a = 1;\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n";
    let script = Script::new(&[Ok(eslint(&[("m", 4..5, "b"), ("m", 48..49, "u")]))]);
    let target = Target { language: by_id("rust").unwrap(), ..target(text, None, Wanted::All) };
    let mended = run(target, &[tool("x", false)], &script).unwrap();
    assert_eq!(apply(text, &mended.edits), Some(text.replace("let a", "let b")));
}

#[test]
fn a_tool_that_cannot_be_asked_gives_way_to_the_next() {
    let tools = [tool("first", false), tool("second", true), tool("third", true)];
    let fix = || Ok(eslint(&[("it is so", 0..1, "b")]));
    let missing = || Err("first is not installed".to_owned());
    let mended = run(target("a;\n", None, Wanted::All), &tools, &Script::new(&[missing(), fix()]));
    assert_eq!(mended.map(|mended| mended.why).as_deref(), Ok("second mends this by itself: it is so"));
    let nothing = run(
        target("a;\n", None, Wanted::All),
        &tools,
        &Script::new(&[missing(), Ok("what?\n".into()), Ok(eslint(&[]))]),
    );
    let why = "first is not installed; second printed no fixes that can be read: what?; third has no fix for it";
    assert_eq!(nothing.map(|mended| mended.why).unwrap_err(), why);
    // Findings are no errors here, and the first does not know errors.
    let script = Script::new(&[fix()]);
    assert_eq!(run(target("a;\n", None, Wanted::Errors), &tools, &script).unwrap_err(), "second has no fix for it");
}

#[test]
fn what_was_made_stays_when_the_tool_fails_later() {
    let script = Script::new(&[Ok(eslint(&[("m", 0..1, "b")])), Err("it was killed".into())]);
    assert_eq!(after("a;\n", None, Wanted::All, &script).as_deref(), Ok("b;\n"));
}
