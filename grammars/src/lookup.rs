//! How a file, a first line or a word finds its language.
//!
//! The `language.toml` files are the only source. All of them are read at the first question, which costs
//! less than a millisecond once; after that a question is a look-up in a hash table.

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;

use crate::{Facts, Language, all};

type Table = LazyLock<HashMap<&'static str, &'static Language>>;

static EXTENSIONS: Table = LazyLock::new(|| table(|facts| &facts.extensions));
static FILES: Table = LazyLock::new(|| table(|facts| &facts.files));
static SHEBANGS: Table = LazyLock::new(|| table(|facts| &facts.shebangs));
static ALIASES: Table = LazyLock::new(|| table(|facts| &facts.aliases));

fn table(words: fn(&'static Facts) -> &'static [String]) -> HashMap<&'static str, &'static Language> {
    let of = |language: &'static Language| words(&language.facts).iter().map(move |word| (word.as_str(), language));
    all().iter().flat_map(of).collect()
}

/// The language with this identifier.
pub fn by_id(id: &str) -> Option<&'static Language> {
    all().iter().find(|language| language.id == id)
}

/// The language of a file, by its whole name, else by its longest known extension. Upper and lower case
/// count as the same where only one of them is known: `A.PY` is Python, `a.C` is C++ and `a.c` is C.
pub fn by_path(path: &Path) -> Option<&'static Language> {
    let name = path.file_name()?.to_str()?;
    if let Some(language) = FILES.get(name) {
        return Some(language);
    }
    let lower = name.to_ascii_lowercase();
    let suffixes = |name: &'_ str| -> Option<&'static Language> {
        name.match_indices('.').find_map(|(at, _)| EXTENSIONS.get(&name[at + 1..]).copied())
    };
    suffixes(name).or_else(|| suffixes(&lower))
}

/// The language of a script, by its first line: `#!/usr/bin/env -S python3.12 -u`.
pub fn by_shebang(first_line: &str) -> Option<&'static Language> {
    let mut words = first_line.strip_prefix("#!")?.split_whitespace();
    let program = |word: &'_ str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let mut name = program(words.next()?);
    if name == "env" {
        name = program(words.find(|word| !word.starts_with('-') && !word.contains('='))?);
    }
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    SHEBANGS.get(bare).copied()
}

/// The language that a word names, in any case: an identifier, an alias or an extension.
pub fn by_alias(word: &str) -> Option<&'static Language> {
    let word = word.to_ascii_lowercase();
    by_id(&word).or_else(|| ALIASES.get(word.as_str()).copied()).or_else(|| EXTENSIONS.get(word.as_str()).copied())
}
