//! The table of languages and how a file finds its own.

use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;
use tree_sitter::Query;

/// One supported language: its facts from `language.toml`, its grammar and its queries.
pub struct Language {
    /// Stable lower-case identifier: the folder's name (`"python"`).
    pub id: &'static str,
    /// What `language.toml` says.
    pub facts: Facts,
    pub(crate) grammar: tree_sitter::Language,
    pub(crate) items: LazyLock<Query, Box<dyn FnOnce() -> Query + Send>>,
}

/// `language.toml` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Name for people.
    pub name: String,
    /// File extensions without the dot.
    pub extensions: Vec<String>,
    /// What starts a comment to the end of the line.
    pub line_comment: String,
    /// One level of indentation where a file shows none.
    pub indent: String,
    /// Files that mark a project of this language.
    pub markers: Vec<String>,
    /// Globs of paths that hold tests.
    pub tests: Vec<String>,
    /// Directories that tests need although git ignores them; read-only in the sandbox.
    pub dependencies: Vec<String>,
    /// Build directories kept warm between runs.
    pub build: Vec<String>,
    /// Test runners, the first whose marker exists wins.
    #[serde(default)]
    pub runner: Vec<Runner>,
}

/// One way to run the tests of a project.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runner {
    /// `pytest`, `unittest`, `cargo`, `node` or `go`: also the format of its output.
    pub name: String,
    /// File names or globs (of the root's entries) that show it is in use.
    pub when: Vec<String>,
    /// Program and arguments.
    pub command: Vec<String>,
}

impl std::fmt::Debug for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Language").field(&self.id).finish()
    }
}

impl PartialEq for Language {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

macro_rules! language {
    ($id:literal, $grammar:expr) => {
        Language {
            id: $id,
            facts: toml::from_str(include_str!(concat!("../", $id, "/language.toml")))
                .unwrap_or_else(|e| panic!("{}/language.toml: {e}", $id)),
            grammar: $grammar.into(),
            items: LazyLock::new(Box::new(|| {
                Query::new(&$grammar.into(), include_str!(concat!("../", $id, "/items.scm")))
                    .unwrap_or_else(|e| panic!("{}/items.scm: {e}", $id))
            })),
        }
    };
}

static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
    vec![
        language!("python", tree_sitter_python::LANGUAGE),
        language!("javascript", tree_sitter_javascript::LANGUAGE),
        language!("typescript", tree_sitter_typescript::LANGUAGE_TYPESCRIPT),
        language!("tsx", tree_sitter_typescript::LANGUAGE_TSX),
        language!("rust", tree_sitter_rust::LANGUAGE),
        language!("go", tree_sitter_go::LANGUAGE),
    ]
});

/// Every language, in the order in which they are looked up.
pub fn all() -> &'static [Language] {
    &LANGUAGES
}

/// The language with this identifier.
pub fn by_id(id: &str) -> Option<&'static Language> {
    all().iter().find(|language| language.id == id)
}

/// The language of a file, by its extension.
pub fn by_path(path: &Path) -> Option<&'static Language> {
    let extension = path.extension()?.to_str()?;
    all().iter().find(|language| language.facts.extensions.iter().any(|e| e == extension))
}
