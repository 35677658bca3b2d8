//! How a file, a first line or a word finds its language.

use std::path::Path;

use baton_grammars::{Language, by_alias, by_path, by_shebang};

fn id(language: Option<&Language>) -> &str {
    language.map_or("", |language| language.id)
}

#[test]
fn a_path_by_its_name_or_its_longest_known_extension() {
    for (path, expected) in [
        ("src/main.rs", "rust"),
        ("a.d.ts", "typescript"),
        ("a.test.tsx", "tsx"),
        ("build.gradle.kts", "kotlin"),
        ("A.PY", "python"),
        ("a.c", "c"),
        ("a.C", "cpp"),
        ("a.h", "c"),
        ("Gemfile", "ruby"),
        ("x/Cargo.lock", "toml"),
        (".bashrc", "bash"),
        (".clang-format", "yaml"),
        ("README.md", "markdown"),
        ("rs", ""),
        ("a.unknown", ""),
        ("a.", ""),
        ("", ""),
        ("..", ""),
        ("py.", ""),
        ("dir.py/file", ""),
    ] {
        assert_eq!(id(by_path(Path::new(path))), expected, "{path}");
    }
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_text_has_no_language() {
    use std::os::unix::ffi::OsStrExt;
    assert_eq!(by_path(Path::new(std::ffi::OsStr::from_bytes(b"\xff.py"))), None);
}

#[test]
fn a_script_by_its_first_line() {
    for (line, expected) in [
        ("#!/bin/sh", "bash"),
        ("#! /usr/bin/python3.12 -u", "python"),
        ("#!/usr/bin/env node", "javascript"),
        ("#!/usr/bin/env -S A=1 deno run --allow-read", "typescript"),
        ("#!/usr/local/bin/lua5.4", "lua"),
        ("#!/usr/bin/env ruby\r", "ruby"),
        ("#!/usr/bin/env", ""),
        ("#!/usr/bin/perl", ""),
        ("#!", ""),
        ("# python", ""),
        ("", ""),
    ] {
        assert_eq!(id(by_shebang(line)), expected, "{line:?}");
    }
}

#[test]
fn a_word_in_any_case() {
    for (word, expected) in [
        ("py", "python"),
        ("JS", "javascript"),
        ("jsx", "javascript"),
        ("javascriptreact", "javascript"),
        ("ts", "typescript"),
        ("typescriptreact", "tsx"),
        ("c", "c"),
        ("C++", "cpp"),
        ("csharp", "csharp"),
        ("c#", "csharp"),
        ("shell", "bash"),
        ("shellscript", "bash"),
        ("yml", "yaml"),
        ("golang", "go"),
        ("jsonc", "json"),
        ("md", "markdown"),
        ("", ""),
        ("klingon", ""),
    ] {
        assert_eq!(id(by_alias(word)), expected, "{word:?}");
    }
}
