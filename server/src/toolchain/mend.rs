//! The rounds: a tool is asked, what fits is made, and the tool is asked about what came of it.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use baton_grammars::{FixFormat, Language};

use super::merge::{merged, moved};
use super::read::{File, read};
use super::suggestion::{Suggestion, Wanted, touch};
use crate::patch::{self, Edit};

/// Most times that a tool is asked: each fix may unlock another.
const ROUNDS: usize = 5;
/// Findings that are named in words.
const NAMED: usize = 5;

/// A tool that is in use for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// What people call it.
    pub name: String,
    /// Program and arguments; what it prints is read.
    pub argv: Vec<String>,
    /// The format of that.
    pub format: FixFormat,
    /// Whether it knows what keeps a program from compiling.
    pub compiles: bool,
}

impl Tool {
    /// Whether it may know what is wanted.
    pub fn may_know(&self, wanted: Wanted<'_>) -> bool {
        self.compiles || wanted != Wanted::Errors
    }
}

/// Runs tools over one file of a workspace.
pub trait Runner: Sync {
    /// The path of the file as the tools see it.
    fn path(&self) -> &Path;

    /// What the tool printed with `text` as the file's; an error says in words why it did not get to its end.
    fn run(&self, tool: &Tool, text: &str) -> impl Future<Output = Result<String, String>> + Send;
}

/// What is to be mended.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The language of the file.
    pub language: &'a Language,
    /// Its text.
    pub text: &'a str,
    /// Bytes of it that the task is about; `None`: all of it.
    pub focus: Option<&'a Range<usize>>,
    /// Which findings there.
    pub wanted: Wanted<'a>,
}

/// What a tool would have the file be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// The changed lines, in order of the text.
    pub edits: Vec<Edit>,
    /// What was mended, and by which tool, in words.
    pub why: String,
}

/// Asks the first of the tools that does its work for what it would change. An error says in words why there is
/// nothing to change, and which tools could not be asked.
pub async fn mend<R: Runner>(
    target: Target<'_>,
    tools: &[Tool],
    runner: &R,
    mut progress: impl FnMut(String) + Send,
) -> Result<Mended, String> {
    let mut reasons = Vec::new();
    for tool in tools.iter().filter(|tool| tool.may_know(target.wanted)) {
        let mut mending =
            Mending { target, tool, focus: target.focus.cloned(), text: target.text.to_owned(), made: vec![] };
        match mending.run(runner, &mut progress).await {
            Ok(()) if mending.text != target.text => return Ok(mending.ended()),
            Ok(()) => {
                reasons.push(format!("{} has no fix for it", tool.name));
                break;
            }
            Err(why) => reasons.push(why),
        }
    }
    Err(reasons.join("; "))
}

/// One tool at work.
struct Mending<'a> {
    target: Target<'a>,
    tool: &'a Tool,
    focus: Option<Range<usize>>,
    /// The text so far.
    text: String,
    /// What was mended in it.
    made: Vec<String>,
}

impl Mending<'_> {
    /// An error is the tool's failure in the first round: a later one cannot take back what it said before.
    async fn run<R: Runner>(&mut self, runner: &R, progress: &mut (impl FnMut(String) + Send)) -> Result<(), String> {
        let mut seen = HashSet::from([self.text.clone()]);
        for round in 1..=ROUNDS {
            let found = match self.ask(runner).await {
                Err(why) if round == 1 => return Err(why),
                found => found.unwrap_or_default(),
            };
            let tests = self.target.language.tests_in(&self.text);
            let wanted: Vec<Suggestion> = found.into_iter().filter(|found| self.wants(found, &tests)).collect();
            let (edits, taken) = merged(&wanted);
            let Some(text) = patch::apply(&self.text, &edits).filter(|text| seen.insert(text.clone())) else { break };
            progress(format!("{}: {} of {} fixes in round {round}", self.tool.name, taken.len(), wanted.len()));
            self.made.extend(taken.iter().map(|suggestion| suggestion.message.clone()));
            self.focus = self.focus.as_ref().map(|focus| moved(focus, &edits));
            self.text = text;
        }
        Ok(())
    }

    async fn ask<R: Runner>(&self, runner: &R) -> Result<Vec<Suggestion>, String> {
        let output = runner.run(self.tool, &self.text).await?;
        let file = File { path: runner.path(), text: &self.text };
        read(self.tool.format, &output, file).ok_or_else(|| {
            let said = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
            format!(
                "{} printed no fixes that can be read: {}",
                self.tool.name,
                said.chars().take(200).collect::<String>()
            )
        })
    }

    /// Whether a suggestion is what the task is about. Where the finding is decides, not where it is mended: a
    /// variable is made mutable where it is declared. Tests stay as they are, for they are what judges.
    fn wants(&self, suggestion: &Suggestion, tests: &[Range<usize>]) -> bool {
        self.focus.as_ref().is_none_or(|focus| touch(focus, &suggestion.place))
            && self.target.wanted.holds(suggestion)
            && !suggestion.edits.iter().any(|edit| tests.iter().any(|tests| touch(tests, &edit.range)))
    }

    fn ended(self) -> Mended {
        let mut named: Vec<String> = self.made.iter().filter(|message| !message.is_empty()).cloned().collect();
        let others = named.len().saturating_sub(NAMED);
        named.truncate(NAMED);
        if others > 0 {
            named.push(format!("and {others} more"));
        }
        let said = if named.is_empty() { String::new() } else { format!(": {}", named.join("; ")) };
        let why = format!("{} mends this by itself{said}", self.tool.name);
        Mended { edits: patch::edits(self.target.text, &self.text), why }
    }
}

#[cfg(test)]
mod tests;
