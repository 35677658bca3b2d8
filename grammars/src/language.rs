//! The table of languages.

use std::sync::LazyLock;

use tree_sitter_language::LanguageFn;

use crate::Facts;
use crate::query::{self, Compiled};

/// One supported language: its facts from `language.toml`, its grammar and its queries.
pub struct Language {
    /// Stable lower-case identifier: the folder's name (`"python"`).
    pub id: &'static str,
    /// What `language.toml` says; read when first used.
    pub facts: LazyLock<Facts>,
    pub(crate) grammar: LanguageFn,
    pub(crate) items: Compiled,
    pub(crate) tags: Compiled,
    pub(crate) tests: Option<Compiled>,
    pub(crate) injections: Option<Compiled>,
}

impl Language {
    /// Compiles what finding items needs, which takes up to a quarter of a second for the largest grammars.
    pub fn warm(&self) {
        LazyLock::force(&self.items);
        self.injections.as_ref().map(LazyLock::force);
    }
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

/// A query: the files of this name in the folders, one after another.
macro_rules! query {
    ($grammar:expr, $file:literal, [$($folder:literal),+]) => {
        LazyLock::new(|| {
            let source = concat!($(include_str!(concat!("../", $folder, "/", $file))),+);
            query::compile(concat!($($folder, "/",)+ $file), $grammar, source)
        })
    };
}

macro_rules! optional {
    ($grammar:expr, $file:literal, []) => {
        None
    };
    ($grammar:expr, $file:literal, $folders:tt) => {
        Some(query!($grammar, $file, $folders))
    };
}

/// One line of the table: the folder, the grammar, and which of the optional queries `tests.scm` and
/// `injections.scm` it has. A dialect says for each query which folders it comes from.
macro_rules! language {
    ($id:literal, $grammar:expr) => {
        language!($id, $grammar, items: [$id], tags: [$id], tests: [], injections: [])
    };
    ($id:literal, $grammar:expr, tests) => {
        language!($id, $grammar, items: [$id], tags: [$id], tests: [$id], injections: [])
    };
    ($id:literal, $grammar:expr, injections) => {
        language!($id, $grammar, items: [$id], tags: [$id], tests: [], injections: [$id])
    };
    ($id:literal, $grammar:expr, tests, injections) => {
        language!($id, $grammar, items: [$id], tags: [$id], tests: [$id], injections: [$id])
    };
    ($id:literal, $grammar:expr,
     items: $items:tt, tags: $tags:tt, tests: $tests:tt, injections: $injections:tt) => {
        Language {
            id: $id,
            facts: LazyLock::new(|| {
                toml::from_str(include_str!(concat!("../", $id, "/language.toml")))
                    .unwrap_or_else(|e| panic!("{}/language.toml: {e}", $id))
            }),
            grammar: $grammar,
            items: query!($grammar, "items.scm", $items),
            tags: query!($grammar, "tags.scm", $tags),
            tests: optional!($grammar, "tests.scm", $tests),
            injections: optional!($grammar, "injections.scm", $injections),
        }
    };
}

static LANGUAGES: [Language; 25] = [
    language!("python", tree_sitter_python::LANGUAGE, tests),
    language!("javascript", tree_sitter_javascript::LANGUAGE, tests, injections),
    language!("typescript", tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
        items: ["typescript"], tags: ["typescript"], tests: ["javascript"], injections: ["javascript"]),
    language!("tsx", tree_sitter_typescript::LANGUAGE_TSX,
        items: ["typescript"], tags: ["typescript", "tsx"], tests: ["javascript"], injections: ["javascript"]),
    language!("rust", tree_sitter_rust::LANGUAGE, tests),
    language!("go", tree_sitter_go::LANGUAGE, tests),
    language!("java", tree_sitter_java::LANGUAGE, tests),
    language!("kotlin", tree_sitter_kotlin_ng::LANGUAGE, tests),
    language!("c", tree_sitter_c::LANGUAGE, tests),
    language!("cpp", tree_sitter_cpp::LANGUAGE,
        items: ["c", "cpp"], tags: ["c", "cpp"], tests: ["c", "cpp"], injections: []),
    language!("csharp", tree_sitter_c_sharp::LANGUAGE, tests),
    language!("ruby", tree_sitter_ruby::LANGUAGE, tests),
    language!("php", tree_sitter_php::LANGUAGE_PHP, tests, injections),
    language!("swift", tree_sitter_swift::LANGUAGE, tests),
    language!("scala", tree_sitter_scala::LANGUAGE, tests),
    language!("lua", tree_sitter_lua::LANGUAGE, tests),
    language!("bash", tree_sitter_bash::LANGUAGE, tests, injections),
    language!("sql", tree_sitter_sequel::LANGUAGE),
    language!("html", tree_sitter_html::LANGUAGE, injections),
    language!("css", tree_sitter_css::LANGUAGE),
    language!("json", tree_sitter_json::LANGUAGE),
    language!("toml", tree_sitter_toml_ng::LANGUAGE),
    language!("yaml", tree_sitter_yaml::LANGUAGE),
    language!("markdown", tree_sitter_md::LANGUAGE, injections),
    language!("markdown_inline", tree_sitter_md::INLINE_LANGUAGE),
];

/// Every language.
pub fn all() -> &'static [Language] {
    &LANGUAGES
}
