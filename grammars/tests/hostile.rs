//! Whatever bytes a file holds, nothing panics and the time stays in proportion to its size.

use std::path::Path;
use std::time::{Duration, Instant};

use baton_grammars::{Language, all};
use proptest::prelude::*;

fn sample(language: &Language) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(language.id).join("sample.txt")).unwrap()
}

/// Longest time for a parse here; some grammars need more for texts that they cannot make sense of.
const PARSE: Duration = Duration::from_secs(1);
/// No questions about a parsed text may take as long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks everything there is to ask of a text.
fn ask(language: &'static Language, text: &str, byte: usize) {
    let Some(tree) = language.parse_within(text, PARSE) else { return };
    let start = Instant::now();
    for item in language.items(&tree, text) {
        assert!(!text[item.whole()].is_empty() && text[item.range].contains(&item.name));
        assert!(item.doc.is_none_or(|doc| text.get(doc).is_some()));
    }
    for tag in language.tags(&tree, text) {
        assert!(!text[tag.name].is_empty() && !text[tag.range].is_empty());
    }
    let mut end = 0;
    for test in language.tests(&tree, text) {
        assert!(end <= test.start && !text[test.clone()].is_empty(), "outermost, in order");
        end = test.end;
    }
    language.item_at(&tree, text, byte);
    let inner = language.language_at(&tree, text, byte);
    assert!(text.get(inner.range).is_some());
    language.syntax_errors(&tree);
    let took = start.elapsed();
    assert!(took < PATIENCE, "{}: {took:?}", language.id);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400), byte in 0..500usize) {
        let text = String::from_utf8_lossy(&bytes);
        for language in all() {
            ask(language, &text, byte);
        }
    }

    #[test]
    fn mangled_samples(cut in any::<prop::sample::Index>(), length in 0..80usize, insert in "[\\PC\n\t]{0,12}") {
        for language in all() {
            let mut text = sample(language);
            let floor = |text: &str, at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let start = floor(&text, cut.index(text.len()));
            let end = floor(&text, start + length);
            text.replace_range(start..end, &insert);
            ask(language, &text, start);
        }
    }
}

#[test]
fn a_broken_sample_still_yields_items() {
    for language in all() {
        let text = sample(language);
        let whole = language.items(&language.parse(&text).unwrap(), &text).len();
        let broken = format!("{text}\n}}}} ) ]] = ((( \"\n");
        let found = language.items(&language.parse(&broken).unwrap(), &broken).len();
        assert!(found * 2 >= whole, "{}: {found} of {whole}", language.id);
    }
}

#[test]
fn deep_nesting_ends() {
    let units =
        ["(", "[", "{", "<a>", "> ", "- ", "a:\n ", "if x:\n", "/*", "fn f() {", "class A {", "a(", "#[test]\n"];
    for language in all() {
        for unit in units {
            ask(language, &unit.repeat(4_000), 2_000);
        }
        let stairs: String = (0..1_500).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        ask(language, &stairs, 100);
    }
}

#[test]
fn large_files_and_long_lines_end() {
    for language in all() {
        let text = sample(language);
        ask(language, &text.repeat((512 << 10) / text.len()), 1_000);
        ask(language, &text.replace('\n', " ").repeat((512 << 10) / text.len()), 1_000);
    }
}

#[test]
fn a_parse_gives_up_in_time() {
    let kotlin = baton_grammars::by_id("kotlin").unwrap();
    let text = sample(kotlin).repeat(1_000);
    let start = Instant::now();
    assert!(kotlin.parse_within(&text, Duration::from_millis(50)).is_none());
    assert!(start.elapsed() < PATIENCE);
    assert!(kotlin.parse_within("fun f() {}", PATIENCE).is_some(), "the next parse starts afresh");
}

/// What an external scanner keeps is written into a buffer of 1024 bytes; one that does not check ends the process.
#[test]
fn no_scanner_overflows() {
    let heads = ["<<", "<<~", "<<-", "<<<", "<?php $a = <<<", "r#\"", "R\"", "$", "<", "--[", "%w", "```"];
    let units = [
        "- ? ", "a: - ", "? ", ": ", "<<A ", "\"#{", "\"${", "$\"{", "`${", "f'{", "%(", "<a1>", "\"\\(", "\"\"\"${",
        "{{", "[=[",
    ];
    let steps = ["a:", "- a:", "- - b:", "?", "? a", "def a =", "if x:", "> ", "case b =>"];
    let mut texts = Vec::new();
    for length in [130, 258, 300, 1_030] {
        let word = "A".repeat(length);
        for head in heads {
            texts.push(format!("{head}{word}\n b\n{word}\nx\n"));
            texts.push(format!("{head}\"{word}\"\n b\n{word}\nx\n"));
            texts.push(format!("{head}'{}\n b #{{c}}\n", "A b\n".repeat(length / 4)));
            texts.push(format!("{head}{word}(\n b\n){word}\"\n"));
        }
        texts.extend(units.iter().map(|unit| unit.repeat(length)));
        for step in steps {
            texts.push((0..length).map(|depth| format!("{}{step}\n", " ".repeat(depth))).collect());
        }
        texts.push((0..length).map(|n| format!("<a{n}>")).collect());
        texts.push((0..length).map(|n| format!("<<EOF{n} ")).chain(["\n b\n".to_owned()]).collect());
    }
    for language in all() {
        for text in &texts {
            language.parse_within(text, Duration::from_millis(20));
        }
    }
}

/// Levels and open strings share the buffer: an odd number of strings makes the last level straddle its end.
#[test]
fn python_can_be_indented_deeper_than_its_scanner_can_keep() {
    let python = baton_grammars::by_id("python").unwrap();
    for depth in [378, 383, 511, 512, 600] {
        for open in ["f'{", "f'{f\"{", "x", &"f'{".repeat(255)] {
            let stairs: String = (0..depth).map(|level| format!("{}if x:\n", " ".repeat(level))).collect();
            let last = " ".repeat(depth);
            let tree = python.parse(&format!("{stairs}{last}{open}a\n{last}b\n")).unwrap();
            assert!(tree.root_node().child_count() > 0);
        }
    }
}

#[test]
fn guards_leave_ordinary_code_alone() {
    let wide = format!("a: [{}]\nb: \"it says: {}\"\n", "{ x: 1, y: -2 }, ".repeat(40), "so - and: ? ".repeat(40));
    let appended = format!("out <<\"{}\"\ntext = <<~END\n  a\nEND\nlist << 1\n", "a b ".repeat(60));
    let aligned = format!("a = [\n{}1,\n]\nif a:\n{}b = 2\n", " ".repeat(300), "\t".repeat(40));
    for (id, text) in [("yaml", wide), ("ruby", appended), ("python", aligned)] {
        let language = baton_grammars::by_id(id).unwrap();
        let tree = language.parse(&text).unwrap();
        assert_eq!(language.syntax_errors(&tree), [], "{id}");
        assert_eq!(tree.root_node().end_byte(), text.len(), "{id}");
    }
}
