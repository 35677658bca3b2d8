//! What one file defines and uses, without its text: names are hashes, places are bytes.

use std::ops::Range;

use baton_grammars::{Language, TagKind, What};
use serde::{Deserialize, Serialize};

/// Most names of one file that are kept; a file with more is data.
const MOST: usize = 20_000;

/// A file without any of these has no tests: to look for them takes a quarter of the time that a file takes.
const WORDS_OF_TESTS: [&str; 6] = ["test", "Test", "describe", "Benchmark", "Example", "Fuzz"];

/// A name's hash. Two names with the same one cost a needless line in a prompt, one in ten million times.
pub(crate) type Name = u64;

/// FNV-1a: the same in every build, so that it can be kept on disk.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The names of one file, in order of the text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tagged {
    pub(crate) definitions: Vec<Definition>,
    pub(crate) uses: Vec<Use>,
    /// Bytes of its tests.
    pub(crate) tests: Vec<(u32, u32)>,
}

/// A name that the file gives a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Definition {
    pub(crate) name: Name,
    /// Whether it is a function, a method or a type: what can hold calls.
    pub(crate) holds: bool,
    start: u32,
    end: u32,
}

/// A name that means something defined here or elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Use {
    pub(crate) name: Name,
    at: u32,
}

impl Definition {
    /// Bytes of the whole.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Use {
    /// The byte where the name begins.
    pub(crate) fn at(&self) -> usize {
        self.at as usize
    }
}

impl Tagged {
    /// Reads a text.
    pub(crate) fn of(language: &Language, text: &str) -> Self {
        let mut tagged = Self::default();
        let Some(tree) = language.parse(text) else { return tagged };
        for tag in language.tags(&tree, text) {
            // A heading or a key is no name that code would use; an import's path is no name at all.
            if tag.what == What::Section || (tag.kind, tag.what) == (TagKind::Reference, What::Module) {
                continue;
            }
            let name = hash(&text.as_bytes()[tag.name.clone()]);
            match tag.kind {
                TagKind::Definition if tagged.definitions.len() < MOST => {
                    let holds = matches!(tag.what, What::Function | What::Method | What::Type);
                    let (start, end) = (tag.range.start as u32, tag.range.end as u32);
                    tagged.definitions.push(Definition { name, holds, start, end });
                }
                TagKind::Reference if tagged.uses.len() < MOST => {
                    tagged.uses.push(Use { name, at: tag.name.start as u32 });
                }
                _ => {}
            }
        }
        if WORDS_OF_TESTS.iter().any(|word| text.contains(word)) {
            tagged.tests =
                language.tests(&tree, text).iter().map(|test| (test.start as u32, test.end as u32)).collect();
        }
        tagged.definitions.shrink_to_fit();
        tagged.uses.shrink_to_fit();
        tagged
    }

    /// Whether every place is one in this text.
    pub(crate) fn fits(&self, text: &str) -> bool {
        let tests = self.tests.iter().map(|(start, end)| *start as usize..*end as usize);
        self.definitions.iter().map(Definition::range).chain(tests).all(|range| text.get(range).is_some())
            && self.uses.iter().all(|used| text.is_char_boundary(used.at()))
    }

    /// The innermost function, method or type around a place.
    pub(crate) fn around(&self, at: usize) -> Option<&Definition> {
        let around = |definition: &&Definition| definition.holds && definition.range().contains(&at);
        self.definitions.iter().filter(around).min_by_key(|definition| definition.range().len())
    }

    /// Whether a place is in a test.
    pub(crate) fn is_test(&self, at: usize) -> bool {
        self.tests.iter().any(|(start, end)| (*start as usize..*end as usize).contains(&at))
    }

    /// The different names that are used, with how often each is.
    pub(crate) fn used(&self, within: Range<usize>) -> Vec<(Name, usize)> {
        counted(self.uses.iter().filter(|used| within.contains(&used.at())).map(|used| used.name))
    }

    /// The different names that are defined.
    pub(crate) fn defined(&self) -> Vec<Name> {
        counted(self.definitions.iter().map(|definition| definition.name)).into_iter().map(|(name, _)| name).collect()
    }
}

fn counted(names: impl Iterator<Item = Name>) -> Vec<(Name, usize)> {
    let mut names: Vec<Name> = names.collect();
    names.sort_unstable();
    names.chunk_by(|a, b| a == b).map(|same| (same[0], same.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::{Tagged, hash};

    #[test]
    fn a_file_becomes_names_and_places() {
        let text = "from m import f\nclass A:\n    def g(self):\n        return f(f(1))\ndef test_g():\n    A().g()\n";
        let tagged = Tagged::of(baton_grammars::by_id("python").unwrap(), text);
        let defined: Vec<&str> = tagged.definitions.iter().map(|found| &text[found.range()]).collect();
        assert_eq!(defined.len(), 3);
        assert!(
            defined[0].starts_with("class A") && defined[1].starts_with("def g") && defined[2].starts_with("def t")
        );
        let g = tagged.definitions[1].range();
        assert_eq!(tagged.used(g.clone()), [(hash(b"f"), 2)]);
        assert_eq!(tagged.around(g.end - 2).map(|found| found.name), Some(hash(b"g")));
        assert_eq!((tagged.is_test(g.start), tagged.is_test(text.len() - 3)), (false, true));
    }
}
