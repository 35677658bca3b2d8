//! What a `language.toml` says.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `language.toml` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Name for people.
    pub name: String,
    /// File extensions without the dot; a compound one (`"d.ts"`) wins over its last part.
    pub extensions: Vec<String>,
    /// Whole file names.
    #[serde(default)]
    pub files: Vec<String>,
    /// Interpreters of a first line `#!…`, without path and version.
    #[serde(default)]
    pub shebangs: Vec<String>,
    /// Other words for the language, in lower case: editors' identifiers, info strings of Markdown fences.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What starts a comment to the end of the line; empty if nothing does.
    pub line_comment: String,
    /// What opens and closes a comment within a line or over several.
    pub block_comment: Option<[String; 2]>,
    /// One level of indentation where a file shows none.
    pub indent: String,
    /// Files that mark a project of this language.
    pub markers: Vec<String>,
    /// Whether directories of one project have such files of their own: the outermost then names the project.
    #[serde(default)]
    pub nested: bool,
    /// Globs of paths that hold tests.
    pub tests: Vec<String>,
    /// Whether tests stand among the code, told apart by a mark of the language and not by their names.
    #[serde(default)]
    pub marks_tests: bool,
    /// Directories that tests need although git ignores them; read-only in the sandbox.
    pub dependencies: Vec<String>,
    /// Build directories kept warm between runs.
    pub build: Vec<String>,
    /// Variables that name a directory where its tools keep what they have built; kept warm like a build directory.
    #[serde(default)]
    pub caches: Vec<String>,
    /// Test runners, the first whose marker exists wins.
    #[serde(default)]
    pub runner: Vec<Runner>,
    /// Formatters, the first that the project shows signs of wins.
    #[serde(default)]
    pub formatter: Vec<Formatter>,
    /// Tools that say how they would mend what they find; of those that the project shows signs of, the first
    /// that is installed is asked.
    #[serde(default)]
    pub fixer: Vec<Fixer>,
}

/// One way to run the tests of a project.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runner {
    /// What people call it. The format of its output is known by its command; only where that is a script, by this.
    pub name: String,
    /// Names or globs of entries of the project's directory, or of one below it (`test/*.bats`); any of them shows
    /// that it is in use.
    #[serde(default)]
    pub when: Vec<String>,
    /// File names that show the same only if a line begins with a text.
    #[serde(default)]
    pub when_inside: BTreeMap<String, String>,
    /// Names or globs that must all be there too.
    #[serde(default)]
    pub with: Vec<String>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Programs that it needs beside the one it starts with.
    #[serde(default)]
    pub needs: Vec<String>,
}

impl Runner {
    /// The programs without which it cannot be run; the shell is everywhere.
    pub fn programs(&self) -> impl Iterator<Item = &str> {
        self.command.iter().take(1).chain(&self.needs).map(String::as_str).filter(|program| *program != "sh")
    }
}

/// One way to lay out a file. It reads the text from its standard input and writes it to its standard
/// output: a file is formatted when what comes out is what went in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Formatter {
    /// What people call it.
    pub name: String,
    /// File names or globs, in the file's directory or one above it, that show it is in use.
    pub when: Vec<String>,
    /// File names that show the same only if they contain a text.
    #[serde(default)]
    pub when_inside: BTreeMap<String, String>,
    /// Program and arguments; `{path}` stands for the path of the file.
    pub command: Vec<String>,
}

/// One tool that mends a file by itself. It runs in the file's directory.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixer {
    /// What people call it.
    pub name: String,
    /// File names or globs, in the file's directory or one above it, that show it is in use.
    pub when: Vec<String>,
    /// File names that show the same only if they contain a text.
    #[serde(default)]
    pub when_inside: BTreeMap<String, String>,
    /// A word in a diagnostic, in lower case, that shows it is this tool's, so that it is in use.
    pub when_said: Option<String>,
    /// Whether it also knows what keeps a program from compiling; else it is not asked about that.
    #[serde(default)]
    pub compiles: bool,
    /// Program and arguments; `{path}` stands for the path of the file, `{sign}` for that of the file which
    /// shows that it is in use, `{flags}` for the compiler options that `compile_commands.json` has for the file.
    pub command: Vec<String>,
    /// How it says what it would change.
    pub format: FixFormat,
}

/// How a tool says what it would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixFormat {
    /// Cargo's JSON messages, a line each.
    Rustc,
    /// A JSON array as `ruff check` writes it.
    Ruff,
    /// A JSON array as ESLint writes it.
    Eslint,
    /// Diagnostics with lines `fix-it:"…"`, as clang and gcc write them.
    Clang,
    /// It says nothing that is read and changes the file in place.
    InPlace,
}
