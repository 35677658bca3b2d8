//! Walks the folders: every language's facts and queries are read, and its sample gives what is expected.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use baton_grammars::{CheckKind, Language, all, by_alias, by_path, by_shebang};

fn folder(id: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(id)
}

fn sample(language: &Language) -> String {
    let path = folder(language.id).join("sample.txt");
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A range as `line:column..line:column`, both from one, and what its first line says.
fn place(text: &str, range: &Range<usize>) -> String {
    let point = |byte: usize| {
        let before = &text[..byte];
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        format!("{}:{}", before.matches('\n').count() + 1, text[line..byte].chars().count() + 1)
    };
    let said: String = text[range.clone()].lines().next().unwrap_or_default().chars().take(50).collect();
    format!("{}..{} {said:?}", point(range.start), point(range.end))
}

/// All that is known of a text, one thing a line.
fn described(language: &'static Language, text: &str) -> String {
    let tree = language.parse(text).unwrap();
    let mut out = String::from("items\n");
    for item in language.items(&tree, text) {
        writeln!(out, "  {:?} {} {}", item.kind, item.name, place(text, &item.range)).unwrap();
        assert_eq!(text[item.name_range.clone()], item.name);
        if item.outer != item.range {
            writeln!(out, "    outer {}", place(text, &item.outer)).unwrap();
        }
        if let Some(doc) = &item.doc {
            writeln!(out, "    doc {}", place(text, doc)).unwrap();
        }
    }
    out.push_str("tags\n");
    for tag in language.tags(&tree, text) {
        let name = &text[tag.name.clone()];
        writeln!(out, "  {:?} {:?} {name} {}", tag.kind, tag.what, place(text, &tag.range)).unwrap();
    }
    out.push_str("tests\n");
    for test in language.tests(&tree, text) {
        writeln!(out, "  {}", place(text, &test)).unwrap();
    }
    out.push_str("other languages\n");
    let mut at = 0;
    while at <= text.len() {
        let found = language.language_at(&tree, text, at);
        assert!(found.range.contains(&at) || found.range.end == at);
        if found.language == language {
            at += 1;
        } else {
            writeln!(out, "  {} {}", found.language.id, place(text, &found.range)).unwrap();
            at = found.range.end + 1;
        }
    }
    out
}

#[test]
fn every_folder_is_a_language_and_is_complete() {
    let mut folders: Vec<String> = fs::read_dir(folder(""))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("language.toml").exists())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut known: Vec<&str> = all().iter().map(|language| language.id).collect();
    known.sort_unstable();
    assert_eq!(folders, known);
    for id in folders {
        for entry in fs::read_dir(folder(&id)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let known = ["language.toml", "items.scm", "tags.scm", "tests.scm", "injections.scm", "sample.txt"];
            assert!(known.contains(&name.as_str()), "{id}/{name} is read by nothing");
        }
    }
}

#[test]
fn facts_can_be_used() {
    for Language { id, facts, .. } in all() {
        let commands = facts.runner.iter().map(|runner| &runner.command);
        for command in commands.chain(facts.formatter.iter().map(|formatter| &formatter.command)) {
            assert!(!command.is_empty(), "{id}");
        }
        for formatter in &facts.formatter {
            assert!(!formatter.when.is_empty() || !formatter.when_inside.is_empty(), "{id}: {}", formatter.name);
        }
        for check in &facts.check {
            assert!(!check.command.is_empty() && !check.name.is_empty(), "{id}");
            // A linter that nobody asked for would refuse what the project wants.
            let is_configured = !check.when.is_empty() || !check.when_inside.is_empty();
            assert!(is_configured || check.kind == CheckKind::Compile, "{id}: {}", check.name);
        }
        assert!(facts.aliases.iter().all(|word| *word == word.to_lowercase()), "{id}");
        assert!(!facts.indent.is_empty() && facts.indent.trim().is_empty(), "{id}");
    }
}

#[test]
fn samples_give_what_is_expected() {
    for language in all() {
        let text = sample(language);
        assert_eq!(language.syntax_errors(&language.parse(&text).unwrap()), [], "{}", language.id);
        let said = described(language, &text);
        // A query that finds nothing in the sample is not proved.
        let folder = folder(language.id);
        assert!(said.contains("items\n  "), "{}", language.id);
        assert!(said.contains("tags\n  "), "{}", language.id);
        assert!(said.contains("tests\n  ") || !folder.join("tests.scm").exists(), "{}", language.id);
        assert!(said.contains("other languages\n  ") || !folder.join("injections.scm").exists(), "{}", language.id);
        insta::assert_snapshot!(language.id, said);
    }
}

#[test]
fn every_word_means_one_language() {
    let mut words: HashMap<(&str, String), &str> = HashMap::new();
    for language in all() {
        let facts = &language.facts;
        let mut claim = |kind: &'static str, word: String| {
            if let Some(other) = words.insert((kind, word.clone()), language.id) {
                panic!("{kind} {word} is of {other} and of {}", language.id);
            }
        };
        facts.extensions.iter().for_each(|word| claim("extension", word.clone()));
        facts.files.iter().for_each(|word| claim("file", word.clone()));
        facts.shebangs.iter().for_each(|word| claim("interpreter", word.clone()));
        // `C` is an extension of C++ and the name of another language.
        let extensions = facts.extensions.iter().filter(|word| !word.contains(char::is_uppercase));
        let names: BTreeSet<&str> =
            facts.aliases.iter().chain(extensions).map(String::as_str).chain([language.id]).collect();
        names.into_iter().for_each(|word| claim("alias", word.to_owned()));
    }
    for ((kind, word), id) in words {
        let found = match kind {
            "extension" => by_path(Path::new(&format!("some.where/a.{word}"))),
            "file" => by_path(Path::new(&format!("some.where/{word}"))),
            "interpreter" => by_shebang(&format!("#!/usr/bin/env {word}")),
            _ => by_alias(&word),
        };
        assert_eq!(found.map(|language| language.id), Some(id), "{kind} {word}");
    }
}
