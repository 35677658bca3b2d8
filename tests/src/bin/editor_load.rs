//! What an editor waits for, measured on the real binary: `make bench` runs it and prints a table.
//!
//! Every answer is proved: each change renames the function that the next menu must name. Times are milliseconds of
//! wall clock, seen from the client; memory is what the kernel says is resident.

use std::fmt::Write;
use std::time::{Duration, Instant};

use baton_tests::client::lsp_range;
use baton_tests::{Client, Project};
use serde_json::{Value, json};

const FUNCTIONS: usize = 10_000;
const GROUP: usize = 100;
const CHANGES: usize = 2_000;
const OPENS: usize = 9;
const STARTS: usize = 20;
const FILES: usize = 50;

/// A generated file of about 100,000 lines: functions of ten lines, flat or in blocks of a hundred.
struct Source {
    language: &'static str,
    extension: &'static str,
    function: &'static str,
    block: Option<(&'static str, &'static str)>,
}

const PYTHON: &str = "def NAME(values, limit):\n    total = 0\n    for index, value in enumerate(values):\n        if index >= limit:\n            return None\n        total += value\n    # the rest\n    return total\n\n\n";
const RUST: &str = "/// A step.\npub fn NAME(input: &[u64], limit: usize) -> Option<u64> {\n    let mut total = 0;\n    for (index, value) in input.iter().enumerate() {\n        if index >= limit {\n            return None;\n        }\n        total += value;\n    } Some(total)\n}\n";
const TYPESCRIPT: &str = "/** A step. */\nexport function NAME(input: number[], limit: number): number | null {\n  let total = 0;\n  for (const [index, value] of input.entries()) {\n    if (index >= limit) {\n      return null;\n    }\n    total += value;\n  } return total;\n}\n";

const SOURCES: [(&str, Source); 4] = [
    ("Python, flat", Source { language: "python", extension: "py", function: PYTHON, block: None }),
    ("Python, nested", Source { language: "python", extension: "py", function: PYTHON, block: Some(("class G:", "")) }),
    ("Rust, nested", Source { language: "rust", extension: "rs", function: RUST, block: Some(("impl G {", "}")) }),
    (
        "TypeScript, nested",
        Source {
            language: "typescript",
            extension: "ts",
            function: TYPESCRIPT,
            block: Some(("export namespace G {", "}")),
        },
    ),
];

/// The text, and the line and column just after each function's name.
fn written(source: &Source, functions: usize) -> (String, Vec<(u32, u32)>, Vec<String>) {
    let (mut text, mut line, mut places, mut names) = (String::new(), 0, Vec::new(), Vec::new());
    let indent = if source.block.is_some() { "    " } else { "" };
    for number in 0..functions {
        let (first, last) = (number % GROUP == 0, number % GROUP == GROUP - 1 || number == functions - 1);
        if let Some((open, _)) = source.block.filter(|_| first) {
            writeln!(text, "{open}").unwrap();
            line += 1;
        }
        // Names outside the basic plane show a wrong way of counting columns.
        let name = format!("step_{}{number}", if number % 7 == 0 { "𝒇é_" } else { "" });
        for written in source.function.lines() {
            if let Some(at) = written.find("NAME") {
                let column = indent.len() + at + name.encode_utf16().count();
                places.push((line, column as u32));
            }
            let written = written.replace("NAME", &name);
            writeln!(text, "{}{written}", if written.is_empty() { "" } else { indent }).unwrap();
            line += 1;
        }
        names.push(name);
        if let Some((_, close)) = source.block.filter(|_| last) {
            writeln!(text, "{close}").unwrap();
            line += 1;
        }
    }
    (text, places, names)
}

fn client(project: &Project) -> Client {
    let mut client = Client::start(project.command(&["lsp"]));
    client.initialize(json!({"rootUri": project.uri("")}));
    client
}

fn ask(uri: &str, (line, column): (u32, u32)) -> Value {
    json!({"textDocument": {"uri": uri}, "range": lsp_range([line, column, line, column]), "context": {"diagnostics": [], "triggerKind": 1}})
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn at(share: f64, times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * share).round() as usize]
}

/// A field of the process's status, in MiB.
fn mib(client: &Client, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", client.process_id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).expect("a known field");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}

/// Voluntary and involuntary switches of all threads: how often it woke up.
fn switches(client: &Client) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", client.process_id())).expect("it runs");
    let statuses = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("status")).ok());
    let fields = statuses.flat_map(|status| {
        let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
        lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).collect::<Vec<_>>()
    });
    fields.sum()
}

fn keystrokes(name: &str, source: &Source) {
    let project = Project::new(&[]).trusted();
    let (text, places, mut names) = written(source, FUNCTIONS);
    let uri = project.uri(&format!("big.{}", source.extension));
    // What the editor itself takes to write the message down is not the server's.
    let document = json!({"uri": uri, "languageId": source.language, "version": 1, "text": text});
    let params = json!({"textDocument": document});
    let opened = Client::frame(&json!({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": params}));
    let open = || {
        let mut client = client(&project);
        let begun = Instant::now();
        client.send_raw(&opened);
        client.call("textDocument/codeAction", ask(&uri, places[0]));
        (milliseconds(begun.elapsed()), client)
    };
    let mut opens: Vec<f64> = Vec::new();
    for _ in 1..OPENS {
        let (took, client) = open();
        opens.push(took);
        client.shutdown();
    }
    let (took, mut client) = open();
    opens.push(took);
    let mut times = Vec::new();
    let mut places: Vec<(u32, u32)> = places;
    let mut version = 1;
    for change in 0..CHANGES {
        let number = change * 7_919 % FUNCTIONS;
        let (line, column) = places[number];
        version += 1;
        let begun = Instant::now();
        client.change(&uri, version, [line, column, line, column], "x");
        let actions = client.call("textDocument/codeAction", ask(&uri, (line, column)));
        times.push(milliseconds(begun.elapsed()));
        places[number].1 += 1;
        names[number].push('x');
        let title = format!("`{}`", names[number]);
        let named = actions.as_array().is_some_and(|all| all.iter().any(|a| a["title"].to_string().contains(&title)));
        assert!(named, "{name}: the menu does not name {title}: {actions}");
    }
    let begun = Instant::now();
    for change in 0..CHANGES {
        let number = change * 104_729 % FUNCTIONS;
        let (line, column) = places[number];
        version += 1;
        client.change(&uri, version, [line, column, line, column], "y");
        places[number].1 += 1;
    }
    client.call("textDocument/codeAction", ask(&uri, places[0]));
    let burst = milliseconds(begun.elapsed());
    let peak = mib(&client, "VmHWM");
    let (open, middle, late) = (at(0.5, &mut opens), at(0.5, &mut times), at(0.99, &mut times));
    println!("| {name} | {open:.1} | {middle:.2} | {late:.2} | {burst:.0} | {peak:.1} |");
    client.shutdown();
}

fn starts() {
    let project = Project::new(&[]);
    let (mut answers, mut ends) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let begun = Instant::now();
        let client = client(&project);
        answers.push(milliseconds(begun.elapsed()));
        let begun = Instant::now();
        client.shutdown();
        ends.push(milliseconds(begun.elapsed()));
    }
    println!("| start to the answer to `initialize`, p50 of {STARTS} | {:.1} ms |", at(0.5, &mut answers));
    println!("| `shutdown` to the end of the process, p50 of {STARTS} | {:.1} ms |", at(0.5, &mut ends));
}

fn memory() {
    let project = Project::new(&[]).trusted();
    let mut client = client(&project);
    std::thread::sleep(Duration::from_secs(1));
    let (idle, before) = (mib(&client, "VmRSS"), switches(&client));
    std::thread::sleep(Duration::from_secs(5));
    let woken = switches(&client) - before;
    println!("| idle: resident, and wake-ups in 5 s | {idle:.1} MiB, {woken} |");
    let (text, places, _) = written(&SOURCES[0].1, 200);
    let uris: Vec<String> = (0..FILES).map(|number| project.uri(&format!("file{number}.py"))).collect();
    uris.iter().for_each(|uri| client.open(uri, "python", 1, &text));
    client.call("textDocument/codeAction", ask(&uris[FILES - 1], places[0]));
    let open = mib(&client, "VmRSS");
    for uri in &uris {
        client.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    }
    client.call("textDocument/codeAction", ask(&uris[0], places[0]));
    let closed = mib(&client, "VmRSS");
    println!("| {FILES} files of 2,000 lines open, and closed again | {open:.1} MiB, {closed:.1} MiB |");
    client.shutdown();
}

fn main() {
    println!(
        "| file of 100,000 lines | open to first menu p50 ms | change + menu p50 ms | p99 ms | 2,000 changes ms | peak MiB |"
    );
    println!("|---|---|---|---|---|---|");
    SOURCES.iter().for_each(|(name, source)| keystrokes(name, source));
    println!("\n| | |\n|---|---|");
    starts();
    memory();
}
