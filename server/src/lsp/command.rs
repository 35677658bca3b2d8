//! The commands that code actions and editors call, and their one argument.

use serde::{Deserialize, Serialize};
use tower_lsp_server::ls_types::{ExecuteCommandParams, Range, TextDocumentIdentifier};

use crate::task::{Goal, Tier, split_command};

/// What a command is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Start a job.
    Do(Goal),
    /// Ask the user whether the folder is to be trusted.
    Trust,
}

/// The argument of every command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Argument {
    /// The file.
    pub text_document: TextDocumentIdentifier,
    /// A selection or a place in it; absent: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// What to do or to answer, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// Which conductor decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// The command that tests it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestCommand>,
    /// Messages of the diagnostics that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<String>,
}

/// A test command as a shell would read it, or already in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TestCommand {
    /// One line.
    Line(String),
    /// Program and arguments.
    Words(Vec<String>),
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Do(Goal::Fix), Self::Do(Goal::Edit), Self::Do(Goal::Refactor), Self::Do(Goal::Ask), Self::Trust];

    /// The command's name.
    pub fn command(self) -> &'static str {
        match self {
            Self::Do(Goal::Fix) => "baton.fix",
            Self::Do(Goal::Edit) => "baton.edit",
            Self::Do(Goal::Refactor) => "baton.refactor",
            Self::Do(Goal::Ask) => "baton.ask",
            Self::Trust => "baton.trust",
        }
    }
}

impl Argument {
    /// A command about a place, without further wishes.
    pub fn about(text_document: TextDocumentIdentifier, range: Option<Range>) -> Self {
        Self { text_document, range, instruction: None, tier: None, test: None, diagnostics: Vec::new() }
    }

    /// The test command in words.
    pub fn test(&self) -> Result<Option<Vec<String>>, String> {
        match &self.test {
            None => Ok(None),
            Some(TestCommand::Line(line)) => split_command(line).map(Some),
            Some(TestCommand::Words(words)) if words.is_empty() => Err("`test` names no program".into()),
            Some(TestCommand::Words(words)) => Ok(Some(words.clone())),
        }
    }
}

/// Reads a request to execute a command; the error says what was expected.
pub fn read(params: ExecuteCommandParams) -> Result<(Verb, Argument), String> {
    let name = params.command;
    let verb = Verb::ALL.into_iter().find(|verb| verb.command() == name);
    let verb = verb.ok_or_else(|| format!("`{}` is not a command of Baton", name.escape_debug()))?;
    let mut arguments = params.arguments.into_iter();
    let (Some(argument), None) = (arguments.next(), arguments.next()) else {
        return Err(format!("{name} takes one object: {{textDocument: {{uri}}, range?, instruction?, tier?, test?}}"));
    };
    match serde_json::from_value(argument) {
        Ok(argument) => Ok((verb, argument)),
        Err(e) => Err(format!("{name}: {e}; it takes {{textDocument: {{uri}}, range?, instruction?, tier?, test?}}")),
    }
}
