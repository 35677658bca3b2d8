//! The language at a place, where one is written inside another.

use baton_grammars::{Injected, by_id};

fn at(language: &str, text: &str, mark: &str) -> (&'static str, String) {
    let language = by_id(language).unwrap();
    let byte = text.find(mark).unwrap();
    let Injected { language, range } = language.language_at(&language.parse(text).unwrap(), text, byte);
    (language.id, text[range].to_owned())
}

#[test]
fn languages_nest() {
    let markdown = "# Title\n\nSome *text*.\n\n```html\n<script>\n  const a = css`p { top: 0; }`;\n</script>\n```\n\n```klingon\nqo'\n```\n";
    assert_eq!(at("markdown", markdown, "Title").0, "markdown_inline");
    assert_eq!(at("markdown", markdown, "```html").0, "markdown");
    assert_eq!(at("markdown", markdown, "<script>").0, "html");
    assert_eq!(at("markdown", markdown, "const").0, "javascript");
    assert_eq!(at("markdown", markdown, "top"), ("css", "p { top: 0; }".to_owned()));
    assert_eq!(at("markdown", markdown, "qo'").0, "markdown");
    let php = "<style>p { top: 0; }</style>\n<?php echo 1;\n";
    assert_eq!(at("php", php, "top").0, "css");
    assert_eq!(at("php", php, "echo").0, "php");
}

#[test]
fn both_ends_belong_to_the_inner_text() {
    let text = "<style>p {}</style>";
    assert_eq!(at("html", text, "p {}").0, "css");
    assert_eq!(at("html", text, "</style>").0, "css");
    assert_eq!(at("html", text, "/style>").0, "html");
}

#[test]
fn without_an_inner_language_it_is_the_whole() {
    assert_eq!(at("rust", "fn f() {}", "f()"), ("rust", "fn f() {}".to_owned()));
    let python = by_id("python").unwrap();
    let found = python.language_at(&python.parse("").unwrap(), "", 0);
    assert_eq!((found.language.id, found.range), ("python", 0..0));
}
