//! What a `language.toml` says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    /// Names with which code under test can reach what runs it, or end it: a change that brings one is not verified
    /// by tests that pass.
    #[serde(default)]
    pub reaches_tests: Vec<String>,
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
    /// Where tests go that are written for a project without any, and what runs them; `None`: nothing can be said
    /// without a test of the project beside which they could stand.
    pub new_tests: Option<NewTests>,
    /// Formatters, the first that the project shows signs of wins.
    #[serde(default)]
    pub formatter: Vec<Formatter>,
    /// Tools that say how they would mend what they find; of those that the project shows signs of, the first
    /// that is installed is asked.
    #[serde(default)]
    pub fixer: Vec<Fixer>,

    /// What is run between parsing and the tests, in this order within its kind.
    #[serde(default)]
    pub check: Vec<Check>,
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
    /// File names or globs that show the same only if they contain a text; one after a line break only where a line begins.
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

/// Where tests go that are written for one file of a project, and what runs them, from the project's directory.
/// `{name}` stands for a name that is new there, `{dir}` for the directory of the file that they are for, as `./a/`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTests {
    /// Path of the file, relative to the project's directory; empty if only the next field is of use.
    #[serde(default)]
    pub path: String,
    /// Program and arguments; `{path}` stands for that path too.
    #[serde(default)]
    pub command: Vec<String>,
    /// Those of `reaches_tests` that tests are written with.
    #[serde(default)]
    pub frameworks: Vec<String>,
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

/// One check between parsing and the tests. Where neither `when` nor `when_inside` says anything, every project
/// has it, and it starts at the workspace's root; otherwise where the sign lies.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What people call it. Of the same name there is one for each directory.
    pub name: String,
    /// What it tells.
    pub kind: CheckKind,
    /// File names or globs, in the file's directory or one above it, that show it is in use; `a/b` looks in `a`.
    #[serde(default)]
    pub when: Vec<String>,
    /// File names or globs that show the same only if they contain a text.
    #[serde(default)]
    pub when_inside: BTreeMap<String, String>,
    /// Globs of the names of the files that it is for; empty: all of the language.
    #[serde(default)]
    pub files: Vec<String>,
    /// Whether it is only for files that no check of its kind above it is for.
    #[serde(default)]
    pub last_resort: bool,
    /// Program and arguments. `{path}` stands for the path of a changed file, and the command is run once for each;
    /// `{paths}` for all of them, as words. Without either it checks the whole project. `{cache}` stands for a
    /// directory of this check that is kept between runs. `{compile_command}` alone is what the file's entry in
    /// `compile_commands.json` says, for the syntax only.
    pub command: Vec<String>,
    /// Variables of its environment; `{cache}` as in the command.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// How its output is read.
    pub format: Format,
    /// Programs that it needs beside the first word of the command.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What its output contains where a part of it is not installed.
    #[serde(default)]
    pub absent: Option<String>,
    /// Marks in a text that silence it.
    #[serde(default)]
    pub silenced_by: Vec<String>,
}

/// What a check tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckKind {
    /// Whether it compiles or type-checks: errors count, warnings do not.
    Compile,
    /// Whether the project's linter is content: everything counts that the project lets it fail for or warn of.
    Lint,
}

/// How the output of a check names what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// cargo's and rustc's JSON messages.
    Rustc,
    /// ruff's JSON lines.
    Ruff,
    /// ESLint's JSON; what the project only warns of is left out.
    Eslint,
    /// `path:line:column: error: message`; the column can be missing, and what is less than a warning is left out.
    Gcc,
    /// The same, with the symbol that javac names below the line.
    Javac,
    /// `path:line:column: message`, all of it errors; the column can be missing.
    Plain,
    /// `path(line,column): error CODE: message`, as tsc and MSBuild write it.
    Msbuild,
    /// `[ERROR] path:[line,column] message`.
    Maven,
    /// `e: path:line:column message`, or kotlinc's own, which is gcc's.
    Kotlin,
    /// `path: line 3: message`.
    Bash,
    /// `Parse error: message in path on line 3`.
    Php,
    /// A path with its line, and the error on one of the lines below.
    Node,
}
