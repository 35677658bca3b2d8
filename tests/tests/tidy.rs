//! What must never happen in the source, held by a test: the boundaries of ARCHITECTURE.md and the shape of files.

use std::path::{Path, PathBuf};

/// (what, the words, where they may stand, where they are looked for)
const BOUNDARIES: &[(&str, &[&str], &[&str], &str)] = &[
    ("LSP types stay in lsp/", &["tower_lsp", "ls_types", "lsp_types"], &["lsp/"], ""),
    ("HTTP-server types stay in http/", &["axum", "hyper::", "hyper_util"], &["http/"], ""),
    ("llama.cpp stays in the child process", &["llama_cpp"], &["conductor/host/"], ""),
    ("tree-sitter stays in baton-grammars", &["tree_sitter"], &[], ""),
    (
        "processes are started by verify/, the host launcher and the key command",
        &["process::Command", "tokio::process", "process::Stdio", "process::Child"],
        &["verify/", "conductor/host/", "pool/key.rs"],
        "",
    ),
    ("SQLite and PostgreSQL stay in the ledger", &["rusqlite", "sqlx"], &["ledger"], ""),
    ("repair is handed its judge", &["crate::verify", "crate::run"], &[], "repair/"),
    ("toolchain is handed its runner", &["crate::verify", "crate::run"], &[], "toolchain/"),
    ("verify knows no worker that calls a model", &["crate::pool", "crate::run", "crate::conductor"], &[], "verify/"),
    (
        "the edges know no worker kind and no shadow",
        &["crate::repair", "crate::toolchain", "crate::pool", "verify::Shadow", "verify::Lane"],
        &[],
        "lsp/",
    ),
    (
        "the edges know no worker kind and no shadow",
        &["crate::repair", "crate::toolchain", "crate::pool", "verify::Shadow", "verify::Lane"],
        &[],
        "cli/",
    ),
    (
        "the edges know no worker kind and no shadow",
        &["crate::repair", "crate::toolchain", "crate::pool", "crate::verify", "crate::conductor"],
        &[],
        "http/",
    ),
    ("patch does no IO", &["std::fs", "tokio", "async fn", "Mutex"], &[], "patch/"),
    ("only the shell evaluates", &["crate::eval"], &["cli/", "eval/"], ""),
    ("only scoring opens what is hidden", &[".open("], &["eval/score.rs"], "eval/"),
    ("a conversation does no IO", &["std::fs", "tokio", "async fn", "Mutex"], &[], "conversation.rs"),
    ("task does no IO", &["std::fs", "tokio", "async fn", "Mutex"], &[], "task.rs"),
    ("workflow does no IO", &["std::fs", "tokio", "async fn", "Mutex"], &[], "workflow"),
];

const NAMES: &[&str] = &["Manager", "Service", "utils", "helpers", "common", "types"];

fn source(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// The text without its unit tests and comments.
fn code(text: &str) -> String {
    let without_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
    without_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn broken(files: &[(String, String)]) -> Vec<String> {
    let mut broken = Vec::new();
    for (what, words, allowed, within) in BOUNDARIES {
        for (name, text) in files {
            let here = name.starts_with(within) && !allowed.iter().any(|place| name.starts_with(place));
            for word in words.iter().filter(|word| here && code(text).contains(*word)) {
                broken.push(format!("{name} names `{word}`: {what}"));
            }
        }
    }
    broken
}

#[test]
fn boundaries_hold() {
    assert_eq!(broken(&source("server/src")), Vec::<String>::new());
}

#[test]
fn a_broken_boundary_is_seen() {
    let planted = [("pool/llm.rs".to_owned(), "use tower_lsp_server::Client;\n".to_owned())];
    assert_eq!(broken(&planted), ["pool/llm.rs names `tower_lsp`: LSP types stay in lsp/"]);
}

#[test]
fn files_are_one_noun_and_say_why() {
    let mut problems = Vec::new();
    for folder in ["server/src", "grammars/src", "tests/src", "tests/tests"] {
        for (name, text) in source(folder) {
            let lines = code(&text).lines().count();
            if lines > 500 {
                problems.push(format!("{folder}/{name} has {lines} lines of code"));
            }
            if !text.starts_with("//!") {
                problems.push(format!("{folder}/{name} does not open by saying why it exists"));
            }
            let stem = Path::new(&name).file_stem().unwrap().to_str().unwrap().to_owned();
            if NAMES.contains(&stem.as_str()) {
                problems.push(format!("{folder}/{name} has a name that says nothing"));
            }
        }
    }
    assert_eq!(problems, Vec::<String>::new());
}
