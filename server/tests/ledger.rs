//! One ledger, a file or on a server, and several processes, as several windows of an editor are: this program starts itself
//! as each of them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use baton::config::{Config, Options, Places};
use baton::ledger::{Ledger, RunRecord};
use serde_json::json;
use tempfile::TempDir;

#[path = "../../tests/src/postgres.rs"]
#[allow(dead_code)]
mod postgres;

/// The variables that tell a process which window it is, and which ledger it has.
const NAME: &str = "BATON_TEST_WINDOW";
const PLACE: &str = "BATON_TEST_LEDGER";

const THREADS: u64 = 2;
const RUNS: u64 = 12;

fn record(id: &str, started: u64) -> RunRecord {
    serde_json::from_value(json!({
        "id": id, "started": started, "root": "/project", "path": "a.py", "goal": "fix", "instruction_hash": "",
        "tier": "mini", "conductor": {"name": "mini", "model": "m.gguf", "why": "cheap"},
        "workflow": {"steps": [{"worker": "w", "role": "worker", "subtask": "Fix it.", "access": "none"}]},
        "steps": [{"worker": "w", "role": "worker", "ms": 9, "tokens_in": 7, "tokens_out": 5, "usd": 0.5, "status": "verified"}],
        "verdict": null, "outcome": "verified", "message": "fixed", "usd": 0.5, "ms": 20,
    }))
    .unwrap()
}

/// This program once more, doing only the named test, as a window.
fn window(test: &str, name: &str, place: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(NAME, name).env(PLACE, place);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Below this folder, or at this address.
fn opened(place: &str) -> Ledger {
    let mut options = Options::default();
    options.ledger.url = place.starts_with("postgres://").then(|| place.to_owned());
    Ledger::of(&Config::from_options(options, Places::below(Path::new(place))).unwrap()).unwrap()
}

/// The same test, on a file and on a server.
fn on_both(test: impl Fn(&str)) {
    test(TempDir::new().unwrap().path().to_str().unwrap());
    test(&postgres::Postgres::start().database());
}

/// The name of this window and where its ledger is; `None` in the process that starts the others. Waits for the word to begin.
fn as_window() -> Option<(String, String)> {
    let name = std::env::var(NAME).ok()?;
    std::io::stdin().read_line(&mut String::new()).unwrap();
    Some((name, std::env::var(PLACE).unwrap()))
}

fn begin(window: &mut Child) {
    window.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
}

#[test]
fn windows_that_write_and_read_at_once_lose_nothing() {
    if let Some((name, place)) = as_window() {
        let ledger = opened(&place);
        std::thread::scope(|threads| {
            for thread in 0..THREADS {
                let (name, ledger, place) = (&name, &ledger, &place);
                threads.spawn(move || {
                    let own = opened(place);
                    // One thread shares the window's ledger, as its runs do.
                    let ledger = if thread == 0 { ledger } else { &own };
                    for n in 0..RUNS {
                        let mut run = record(&format!("{name}-{thread}-{n}"), n);
                        ledger.record(&mut run).unwrap();
                        assert_eq!(ledger.get(&run.id).unwrap(), Some(run));
                        assert!(ledger.stats(0).unwrap().runs > n);
                    }
                });
            }
        });
        return;
    }
    on_both(lose_nothing);
}

fn lose_nothing(place: &str) {
    let test = "windows_that_write_and_read_at_once_lose_nothing";
    let mut windows: Vec<Child> = (0..4).map(|n| window(test, &n.to_string(), place)).collect();
    // All of them find no file, and no tables.
    windows.iter_mut().for_each(begin);
    for window in windows {
        let output = window.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let ledger = opened(place);
    let all = 4 * THREADS * RUNS;
    assert_eq!((ledger.count().unwrap(), ledger.list(1_000).unwrap().len() as u64), (all, all));
    let stats = ledger.stats(0).unwrap();
    assert_eq!((stats.workers[0].attempts, stats.workers[0].solved, stats.usd), (all, all, all as f64 / 2.0));
}

#[test]
fn a_window_that_is_killed_loses_nothing_that_it_had_written() {
    if let Some((name, place)) = as_window() {
        let ledger = opened(&place);
        for n in 0.. {
            let id = format!("{name}-{n}");
            ledger.record(&mut record(&id, n)).unwrap();
            println!("wrote {id}");
        }
    }
    on_both(is_killed);
}

fn is_killed(place: &str) {
    let ledger = opened(place);
    let mut window = window("a_window_that_is_killed_loses_nothing_that_it_had_written", "killed", place);
    begin(&mut window);
    let lines = BufReader::new(window.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut written = Vec::new();
    // The test runner's own words may stand before the first.
    for id in lines.filter_map(|line| line.split_once("wrote ").map(|(_, id)| id.to_owned())) {
        written.push(id);
        if written.len() == 20 {
            window.kill().unwrap();
        }
    }
    window.wait().unwrap();
    for id in &written {
        assert!(ledger.get(id).unwrap().is_some(), "{id}");
    }
    ledger.record(&mut record("after", 0)).unwrap();
    assert!(ledger.count().unwrap() > written.len() as u64);
}
