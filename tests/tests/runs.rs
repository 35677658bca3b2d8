//! The record of runs as users meet it: shown, counted, shared by several runs at once, held by somebody else, damaged.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use baton_tests::openai::{Act, OpenAi, block};
use baton_tests::project::Project;
use serde_json::Value;

const DEMO: &str = "tests/demo";
const FIXED: &str = "start <= merged[-1][1]";

/// The demo project, where a question is answered by a scripted model.
fn asking(server: &OpenAi, config: &str) -> Project {
    let project = Project::copy_of(DEMO);
    project.configure(&format!("{config}\n{}", server.worker("scripted", "usd_in = 1.0\nusd_out = 2.0")));
    project
}

fn ledger(project: &Project) -> std::path::PathBuf {
    project.home().join("state/baton/ledger.sqlite")
}

#[test]
fn a_run_is_a_page_of_its_own() {
    let project = Project::copy_of(DEMO);
    let (code, reply) = project.json(&["fix", "bookings.py"]);
    assert_eq!(code, 0, "{reply:#}");
    let step = &reply["steps"][0];
    assert!(step["began_ms"].is_u64() && step["why"].as_str().is_some_and(|why| why.contains("repair")), "{reply:#}");
    let id = reply["run"].as_str().unwrap();
    let page = project.baton(&["runs", id, "--html"]);
    assert_eq!(page.code, 0, "{page:#?}");
    for expected in ["<!DOCTYPE html>", "default-src 'none'", "<svg", "bookings.py", "1 · repair", "tests", id] {
        assert!(page.stdout.contains(expected), "{expected}: {page:#?}");
    }
    assert!(!page.stdout.contains("<script") && !page.stdout.contains("does not say when"), "{page:#?}");
    let written = project.baton(&["runs", id, "--html", "-o", "run.html"]);
    assert_eq!((written.code, written.stdout.as_str()), (0, ""), "{written:#?}");
    assert_eq!(project.read("run.html"), page.stdout);
    let nowhere = project.baton(&["runs", id, "--html", "-o", "no/such/folder.html"]);
    assert!(nowhere.code == 2 && nowhere.stderr.contains("cannot be written"), "{nowhere:#?}");
    assert_eq!(project.baton(&["runs", "--html"]).code, 2, "a page is of one run");
    let list = project.baton(&["runs"]);
    assert!(list.stdout.contains(" ago  mini  fix      verified "), "{list:#?}");
}

#[test]
fn levels_of_recursion_and_the_price_of_planning_are_shown() {
    let step = |role: &str, subtask: &str, access: &str| {
        format!(r#"{{"worker":0,"role":"{role}","subtask":"{subtask}","access":{access}}}"#)
    };
    let plan = |steps: &[String]| Act::Say(format!(r#"{{"steps":[{}]}}"#, steps.join(",")));
    let conductor = OpenAi::start([
        plan(&[step("worker", "Fix it.", "\"none\"")]),
        plan(&[step("thinker", "Say why <it> failed.", "\"none\""), step("worker", "Fix it now.", "[0]")]),
    ]);
    let line = |condition: &str| format!("        if merged and {condition}:");
    let edit = |new: &str| Act::Say(block("bookings.py", &line("start < merged[-1][1]"), &line(new)));
    let worker = OpenAi::start([edit("start > merged[-1][1]"), Act::Say("It is inverted.".into()), edit(FIXED)]);
    let project = Project::copy_of(DEMO);
    let remote = conductor.worker("", "usd_out = 9.0").replace("[[worker]]\nname = \"\"\n", "[conductor.remote]\n");
    let off = "[repair]\nenabled = false\n[toolchain]\nenabled = false\n[conductor]\ndepth = 1";
    project.configure(&format!("{off}\n{remote}\n{}", worker.worker("w", "")));
    let (code, reply) = project.json(&["fix", "bookings.py", "--tier", "ultra"]);
    assert_eq!(code, 0, "{reply:#}");
    let id = reply["run"].as_str().unwrap();
    let text = project.baton(&["runs", id]).stdout;
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("step") || line.starts_with("level")).collect();
    assert_eq!(
        lines,
        [
            "level 0: the first plan",
            "step 1: w as worker, seeing no earlier step",
            "level 1: planned anew after what came before",
            "step 2: w as thinker, seeing no earlier step",
            "step 3: w as worker, seeing step 2",
        ],
        "{text}"
    );
    assert!(text.contains("\nplanning: ") && text.contains("  asked: Say why <it> failed.\n"), "{text}");
    let page = project.baton(&["runs", id, "--html"]).stdout;
    for expected in [">level 1</text>", "planning, besides the steps", "Say why &lt;it&gt; failed.", "3 · w"] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    let run: Value = serde_json::from_str(&project.baton(&["runs", id, "--json"]).stdout).unwrap();
    let planned = run["planning"]["usd"].as_f64().unwrap();
    assert!(planned > 0.0 && (planned - reply["usd"].as_f64().unwrap()).abs() < 1e-9, "the worker is free: {run:#}");
}

#[test]
fn texts_are_kept_only_for_who_wants_them() {
    for (config, kept) in [("", false), ("[ledger]\nkeep_texts = true", true)] {
        let server = OpenAi::start([Act::Say("It joins what overlaps: <b>canary</b>.".into())]);
        let project = asking(&server, config);
        let (_, reply) = project.json(&["ask", "bookings.py", "What is a prickly question?"]);
        assert_eq!(reply["steps"][0]["status"], "answered", "{reply:#}");
        assert_eq!(reply["steps"][0]["prompt_hash"].as_str().map(str::len), Some(16), "{reply:#}");
        assert!(reply["steps"][0].get("texts").is_none(), "{reply:#}");
        let page = project.baton(&["runs", reply["run"].as_str().unwrap(), "--html"]).stdout;
        assert_eq!(page.contains("&lt;b&gt;canary&lt;"), kept, "{page}");
        assert_eq!(page.contains("What is a prickly question?"), kept, "{page}");
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(ledger(&project).parent().unwrap()).unwrap() {
            bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
        }
        let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert_eq!((holds(b"canary"), holds(b"prickly")), (kept, kept), "{config}");
    }
}

#[test]
fn runs_at_once_are_all_recorded_and_counted() {
    let server = OpenAi::start(vec![Act::Say("It joins what overlaps.".into()); 5]);
    let project = asking(&server, "");
    let ask = || {
        let mut command = project.command(&["ask", "bookings.py", "What is it?", "--trust", "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    };
    let running: Vec<Child> = (0..5).map(|_| ask()).collect();
    let mut ids = Vec::new();
    for run in running {
        let reply: Value = serde_json::from_slice(&run.wait_with_output().unwrap().stdout).unwrap();
        assert_eq!(reply["message"], "answered by scripted", "{reply:#}");
        ids.push(reply["run"].clone());
    }
    let runs: Vec<Value> = serde_json::from_str(&project.baton(&["runs", "--json"]).stdout).unwrap();
    assert!(runs.len() == 5 && ids.iter().all(|id| runs.iter().any(|run| run["id"] == *id)), "{runs:#?}");
    let stats: Value = serde_json::from_str(&project.baton(&["stats", "--days", "1", "--json"]).stdout).unwrap();
    assert_eq!((&stats["runs"], &stats["workers"][0]["others"]), (&5.into(), &5.into()), "{stats:#}");
    let text = project.baton(&["stats"]);
    assert!(text.code == 0 && text.stdout.contains("all 5 runs: $") && text.stdout.contains("scripted"), "{text:#?}");
}

#[test]
fn without_a_run_there_are_no_figures_and_no_page() {
    let project = Project::new(&[]);
    assert_eq!(project.baton(&["stats"]).stdout, "no runs yet\n");
    let stats: Value = serde_json::from_str(&project.baton(&["stats", "--json"]).stdout).unwrap();
    assert_eq!(stats["runs"], 0);
    assert_eq!(project.baton(&["runs"]).stdout, "no runs yet\n");
    let page = project.baton(&["runs", "nosuchrun", "--html"]);
    assert_eq!((page.code, page.stdout.as_str()), (2, ""), "{page:#?}");
    assert!(!ledger(&project).exists(), "looking makes no ledger");
}

#[test]
fn a_ledger_that_somebody_holds_costs_the_record_not_the_edit() {
    let project = Project::copy_of(DEMO);
    assert_eq!(project.baton(&["ask", "bookings.py", "makes the ledger", "--trust"]).code, 1, "there is nobody to ask");
    let hold = "import sqlite3, sys
ledger = sqlite3.connect(sys.argv[1], isolation_level=None)
ledger.execute('BEGIN IMMEDIATE')
print('held', flush=True)
sys.stdin.read()";
    let mut holder = Command::new("python3")
        .args(["-c", hold])
        .arg(ledger(&project))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let (code, reply) = project.json(&["fix", "bookings.py", "--apply"]);
    assert_eq!((code, &reply["outcome"]), (0, &"verified".into()), "{reply:#}");
    assert!(project.read("bookings.py").contains(FIXED));
    let message = reply["message"].as_str().unwrap();
    assert!(message.contains("not in the ledger") && message.contains("another program has held it"), "{message}");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    let runs: Vec<Value> = serde_json::from_str(&project.baton(&["runs", "--json"]).stdout).unwrap();
    assert_eq!(runs.len(), 1, "{runs:#?}");
}

#[test]
fn a_damaged_ledger_costs_the_record_not_the_edit() {
    let project = Project::copy_of(DEMO);
    let damaged = "no database, and long enough to be taken for one at first sight";
    std::fs::create_dir_all(ledger(&project).parent().unwrap()).unwrap();
    std::fs::write(ledger(&project), damaged).unwrap();
    let (code, reply) = project.json(&["fix", "bookings.py", "--apply"]);
    assert_eq!((code, &reply["outcome"]), (0, &"verified".into()), "{reply:#}");
    assert!(project.read("bookings.py").contains(FIXED));
    let message = reply["message"].as_str().unwrap();
    assert!(message.contains("not in the ledger") && message.contains("move the file away"), "{message}");
    for arguments in [&["runs"][..], &["stats"], &["runs", "x", "--html"]] {
        let printed = project.baton(arguments);
        assert!(printed.code == 2 && printed.stderr.contains("move the file away"), "{printed:#?}");
    }
    assert_eq!(std::fs::read_to_string(ledger(&project)).unwrap(), damaged, "it is left as it was");
}
