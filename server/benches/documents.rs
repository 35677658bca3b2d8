//! What an editor waits for: the start, and a key press in a file of 100,000 lines.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use baton::workspace::{Change, Document, Encoding, Position, item_near};
use divan::{Bencher, black_box};

const LINES: u32 = 100_000;

fn main() {
    divan::main();
}

/// Functions of ten lines, some with names outside the basic plane.
fn large() -> String {
    (0..LINES / 10)
        .map(|i| {
            let odd = if i % 7 == 0 { "𝒇é_" } else { "" };
            format!("def step_{odd}{i}(values):\n    total = {i}\n    for value in values:\n        if value == {i}:\n            return None\n        total += value\n    return total\n\n\n\n")
        })
        .collect()
}

fn insertion(line: u32) -> Change {
    let at = Position { line, column: 4 };
    Change { range: Some(at..at), text: "x".into() }
}

#[divan::bench]
fn change(bencher: Bencher) {
    let mut document = Document::open(&large(), 1);
    let mut line = 0;
    bencher.bench_local(|| {
        line = (line + 7_990) % LINES;
        document.change(&[insertion(line)], 2, Encoding::Utf16).expect("every line has five columns or more");
    });
}

#[divan::bench]
fn name_of_the_function_around_a_place(bencher: Bencher) {
    let document = Document::open(&large(), 1);
    let text = document.text().expect("it was just opened");
    let language = baton_grammars::by_id("python").expect("it is built in");
    let mut line = 3;
    bencher.bench_local(|| {
        line = (line + 7_990) % LINES as usize;
        black_box(item_near(text, language, text.line_to_byte(line)))
    });
}

/// The whole process, from its start to the answer to `initialize`; needs `cargo build --release` before.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn start_to_initialize(bencher: Bencher) {
    let bench = std::env::current_exe().expect("a running program has a path");
    let built = bench.ancestors().skip(1).map(|folder| folder.join("baton")).find(|path| path.is_file());
    let Some(program) = built else {
        eprintln!("there is no program to start; run `cargo build --release` first");
        return;
    };
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}"#;
    bencher.bench_local(|| {
        let mut command = Command::new(&program);
        let mut child = command.arg("lsp").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut input = child.stdin.take().expect("it is piped");
        write!(input, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("it reads");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut header = String::new();
        output.read_line(&mut header).expect("it answers");
        let length: usize = header.trim_start_matches("Content-Length: ").trim().parse().expect("it says how much");
        let mut answer = vec![0; length + 2];
        output.read_exact(&mut answer).expect("it answers");
        drop(input);
        child.wait().expect("it ends");
    });
}
