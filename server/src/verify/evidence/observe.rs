//! What functions do with many inputs, before a patch and after it: calls are made in the sandbox, on arguments that tests
//! and examples use, on variations of them, and on values of the annotated types (property-based testing, QuickCheck:
//! Claessen and Hughes 2000; differential testing: McKeeman 1998).
//!
//! The answers come from foreign code and are used for one thing: two that differ speak against a patch, or for it where
//! a difference was wanted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::interpreter::Interpreter;
use super::reach::tests_of;
use crate::verify::results::shortened;
use crate::verify::{Limits, Texts, Verifier};
use crate::workspace::RelPath;

/// Calls that are made, over all functions.
const CALLS: usize = 200;
/// Seconds of one call, and of all of them.
const CALL_LIMIT: f64 = 0.2;
const WALL: Duration = Duration::from_secs(12);
/// Test files that are read for arguments.
const MOST_TESTS: usize = 40;

/// What the driver is asked. Paths are relative to where it starts, the root: not every sandbox shows the tree at the
/// workspace's own path.
#[derive(Debug, Serialize)]
struct Ask<'a> {
    file: &'a str,
    here: Vec<String>,
    cwd: String,
    functions: &'a [String],
    /// The calls to make; none: think of some.
    calls: &'a [String],
    tests: Vec<&'a str>,
    examples: &'a [String],
    count: usize,
    seed: u32,
    limit: f64,
    memory: u64,
}

/// What it answers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    calls: Vec<String>,
    seen: Vec<(String, String)>,
    why: Option<String>,
}

/// How the behaviour before compares with that after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compared {
    /// Calls that could be compared.
    pub calls: usize,
    /// Calls that do something else now.
    pub differing: usize,
    /// The first that differs: `f([]) gave 0 and gives None`.
    pub first: Option<String>,
}

/// The functions of a file, called before and after; why that is not possible, in words.
pub(super) async fn compare(
    verifier: &Verifier,
    focus: &RelPath,
    functions: &[String],
    examples: &[String],
    (before, after): (&Arc<Texts>, &Arc<Texts>),
    cancel: &CancellationToken,
) -> Result<Compared, String> {
    let mut tests = tests_of(verifier.snapshot(), focus, functions);
    tests.truncate(MOST_TESTS);
    let (interpreter, _) = Interpreter::of(focus).ok_or("nothing here calls functions of this language")?;
    let ask = |calls: &[String]| -> Result<String, String> {
        let directory = verifier.directory().display().to_string();
        let ask = Ask {
            file: focus.as_str(),
            here: vec![directory.clone(), String::new()],
            cwd: directory,
            functions,
            calls,
            tests: tests.iter().map(RelPath::as_str).collect(),
            examples,
            count: CALLS,
            seed: 1,
            limit: CALL_LIMIT,
            memory: 1 << 30,
        };
        serde_json::to_string(&ask).map(|line| line + "\n").map_err(|e| e.to_string())
    };
    let first = run(verifier, interpreter, before, &ask(&[])?, cancel).await?;
    if first.calls.is_empty() {
        return Err(first.why.unwrap_or_else(|| "no arguments for it are known".to_owned()));
    }
    let second = run(verifier, interpreter, after, &ask(&first.calls)?, cancel).await?;
    if let Some(why) = second.why {
        return Err(format!("with the change, {why}"));
    }
    Ok(compared(&first, &second))
}

/// One run of the observer over a tree with these texts.
async fn run(
    verifier: &Verifier,
    interpreter: &Interpreter,
    texts: &Arc<Texts>,
    ask: &str,
    cancel: &CancellationToken,
) -> Result<Answer, String> {
    let own = interpreter.observe.iter().map(|word| (*word).to_owned());
    let argv: Vec<String> = std::iter::once(verifier.interpreter(interpreter)).chain(own).collect();
    let limits = Limits { wall: WALL, output: 4 << 20, ..verifier.limits() };
    let said = verifier.filter(texts, &argv, ask, &limits, cancel).await?;
    let mut answer: Answer = serde_json::from_str(&said).map_err(|_| "its calls were not answered".to_owned())?;
    let count = answer.calls.len().min(answer.seen.len()).min(2 * CALLS);
    answer.calls.truncate(count);
    answer.seen.truncate(count);
    answer.why = answer.why.map(|why| shortened(&why, 200));
    Ok(answer)
}

fn compared(before: &Answer, after: &Answer) -> Compared {
    let mut found = Compared { calls: 0, differing: 0, first: None };
    let later: BTreeMap<&str, &(String, String)> = after.calls.iter().map(String::as_str).zip(&after.seen).collect();
    for (call, was) in before.calls.iter().zip(&before.seen) {
        let Some(is) = later.get(call.as_str()) else { continue };
        found.calls += 1;
        if was == *is {
            continue;
        }
        found.differing += 1;
        if found.first.is_none() {
            found.first = Some(shortened(&format!("{call} {}, now it {}", did(was, "gave"), did(is, "gives")), 300));
        }
    }
    found
}

fn did((end, what): &(String, String), verb: &str) -> String {
    match end.as_str() {
        "value" => format!("{verb} {what}"),
        "raise" => format!("{} {what}", if verb == "gave" { "raised" } else { "raises" }),
        "slow" => format!("{} no end", if verb == "gave" { "found" } else { "finds" }),
        _ => format!("{} the process", if verb == "gave" { "ended" } else { "ends" }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, compared};

    #[test]
    fn what_differs_is_counted_and_the_first_is_told() {
        let answer = |seen: &[(&str, &str, &str)]| Answer {
            calls: seen.iter().map(|(call, _, _)| (*call).to_owned()).collect(),
            seen: seen.iter().map(|(_, end, what)| ((*end).to_owned(), (*what).to_owned())).collect(),
            why: None,
        };
        let before = answer(&[
            ("f(0)", "value", "0"),
            ("f(1)", "value", "1"),
            ("f(2)", "raise", "KeyError"),
            ("f(3)", "slow", ""),
        ]);
        let same = compared(&before, &before);
        assert_eq!((same.calls, same.differing, same.first), (4, 0, None));
        let after = answer(&[("f(0)", "value", "0"), ("f(1)", "raise", "TypeError"), ("f(2)", "lost", "")]);
        let found = compared(&before, &after);
        assert_eq!((found.calls, found.differing), (3, 2));
        assert_eq!(found.first.as_deref(), Some("f(1) gave 1, now it raises TypeError"));
    }
}
