//! What differs between the languages whose functions are called one by one: which files they are, which program runs them,
//! which of our own programs it is given, and how examples are written. The programs are asked and answer in the same words.

use std::path::Path;

use baton_grammars::Language;

use crate::verify::command;
use crate::verify::runner::PLUGIN_DIR;
use crate::workspace::RelPath;

/// One that calls functions.
#[derive(Debug)]
pub(in crate::verify) struct Interpreter {
    /// The ids of its languages.
    languages: &'static [&'static str],
    /// Its program: what the tests are run by, if they say so, or what is found in the workspace below a directory.
    program: fn(Option<String>, &Path, &Path) -> String,
    /// What makes tests of examples, after the program: `baton_examples.…` by name, as unittest prints them.
    pub(super) examples: &'static [&'static str],
    /// What calls functions and says what each call did, after the program.
    pub(super) observe: &'static [&'static str],
    /// Variables that both need.
    pub(super) variables: &'static [(&'static str, &'static str)],
    /// How examples are written.
    pub(super) style: Style,
}

/// How people write examples in a language.
#[derive(Debug)]
pub(super) struct Style {
    /// What stands before a line in an interactive session.
    pub(super) prompt: &'static str,
    /// What an error begins with there.
    pub(super) failure: &'static str,
    /// What prints a value, up to its bracket.
    pub(super) prints: &'static str,
    /// What begins an assertion about the call that follows, and what then stands before the value.
    pub(super) asserts: &'static [(&'static str, &'static str)],
    /// Marks of comments that lines of documentation begin with.
    pub(super) comments: &'static [&'static str],
}

static PYTHON: Interpreter = Interpreter {
    languages: &["python"],
    program: |tests, root, directory| tests.unwrap_or_else(|| command::python(root, directory)),
    examples: &["-m", "unittest", "baton_examples"],
    observe: &["-c", concat!(include_str!("load.py"), include_str!("observe.py"))],
    variables: &[("PYTHONPATH", PLUGIN_DIR)],
    style: Style { prompt: ">>>", failure: "Traceback", prints: "print(", asserts: &[], comments: &[] },
};

static NODE: Interpreter = Interpreter {
    languages: &["javascript", "typescript", "tsx"],
    program: |_, _, _| "node".to_owned(),
    examples: &["/run/baton/examples.cjs"],
    observe: &["/run/baton/observe.cjs"],
    variables: &[],
    style: Style {
        prompt: ">",
        failure: "Uncaught",
        prints: "console.log(",
        asserts: &[
            ("assert.equal(", ","),
            ("assert.strictEqual(", ","),
            ("assert.deepEqual(", ","),
            ("assert.deepStrictEqual(", ","),
            ("expect(", ").toBe("),
            ("expect(", ").toEqual("),
            ("expect(", ").toStrictEqual("),
        ],
        comments: &["/**", "/*", "*", "///", "//"],
    },
};

static ALL: [&Interpreter; 2] = [&PYTHON, &NODE];

impl Interpreter {
    /// That of a file, with its language.
    pub(in crate::verify) fn of(path: &RelPath) -> Option<(&'static Self, &'static Language)> {
        let language = baton_grammars::by_path(Path::new(path.as_str()))?;
        let found = ALL.into_iter().find(|interpreter| interpreter.languages.contains(&language.id))?;
        Some((found, language))
    }

    /// The program that runs the project's code below `directory` of the workspace `root`; `tests` run by this one, if they say.
    pub(in crate::verify) fn program(&self, tests: Option<String>, root: &Path, directory: &Path) -> String {
        (self.program)(tests, root, directory)
    }
}

impl Style {
    /// Documentation without the marks of the comments that it stands in.
    pub(super) fn uncommented(&self, text: &str) -> String {
        let line = |line: &str| {
            let line = line.trim_start();
            let bare = self.comments.iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
            if self.comments.is_empty() { bare } else { bare.trim_end().trim_end_matches("*/") }.to_owned()
        };
        if self.comments.is_empty() { text.to_owned() } else { text.lines().map(line).collect::<Vec<_>>().join("\n") }
    }
}

#[cfg(test)]
mod tests;
