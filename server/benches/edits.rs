//! What it takes to read a reply and to find its place: no one waits for it beside a model, or for long without one.

use baton::patch::{Edit, Patch, minimise, read};
use baton::workspace::{Buffer, RelPath, Snapshot};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

fn open(text: &str) -> (Snapshot, RelPath) {
    let path = RelPath::new("src/a.py").expect("a path");
    let buffer = Buffer { text: text.into(), version: 1 };
    (Snapshot::new("/nowhere".into(), [(path.clone(), buffer)].into()), path)
}

/// Functions of ten lines.
fn text(lines: usize) -> String {
    (0..lines / 10)
        .map(|i| format!("def step_{i}(values):\n    total = {i}\n    for value in values:\n        if value == {i}:\n            return None\n        total += value\n    return total\n\n\n\n"))
        .collect()
}

fn block(old: &str) -> String {
    format!("<<<<<<< SEARCH\n{old}\n=======\n    changed\n>>>>>>> REPLACE\n")
}

/// The smallest edits between two texts of 10,000 lines that differ in 100 places.
#[divan::bench]
fn edits_of_10_000_lines(bencher: Bencher) {
    let old = text(10_000);
    let new =
        (0..100).fold(old.clone(), |new, i| new.replace(&format!("    total = {}\n", i * 10), "    total = []\n"));
    let (snapshot, path) = open(&old);
    let mut patch = Patch::default();
    patch.insert(path, vec![Edit { range: 0..old.len(), text: new }]).expect("one edit");
    bencher.bench_local(|| black_box(minimise(&patch, &snapshot)));
}

/// From a block to its edit in a file of 10,000 lines.
#[divan::bench]
fn block_in_10_000_lines(bencher: Bencher) {
    let (snapshot, path) = open(&text(10_000));
    let reply = block("def step_900(values):\n    total = 900");
    bencher.bench_local(|| black_box(read(&reply, &snapshot, &path)).expect("it is there"));
}

/// What a reply may do with a file of 5 MB: fit at its end, only with another indentation, twice, or nowhere.
#[divan::bench(args = ["there", "shifted", "twice", "nowhere", "repeated", "call"])]
fn file_of_5_megabytes(bencher: Bencher, case: &str) {
    let (snapshot, path) = open(&(text(330_000) + "    the end\n"));
    let reply = match case {
        "there" => block("    the end"),
        "shifted" => block("the end"),
        "twice" => block("    return total"),
        "nowhere" => block("    the last of all the steps"),
        "repeated" => block(&("    return total\n\n\n\n".repeat(20_000) + "no")),
        _ => r#"{"old_string":"the end","new_string":"an end"}"#.to_owned(),
    };
    bencher.bench_local(|| black_box(read(&reply, &snapshot, &path)).is_ok());
}

/// The same with one line of 1 MB.
#[divan::bench(args = ["there", "nowhere"])]
fn line_of_1_megabyte(bencher: Bencher, case: &str) {
    let long = "x = 1; ".repeat(150_000);
    let (snapshot, path) = open(&format!("a\n{long}\nb\n"));
    let reply = block(&format!("{long}{}", if case == "there" { "" } else { "?" }));
    bencher.bench_local(|| black_box(read(&reply, &snapshot, &path)).is_ok());
}
