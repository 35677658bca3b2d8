//! The shell's contract: exit codes, the JSON object, and one clear sentence for each bad input.

use std::process::Command;

use baton_tests::project::{Printed, Project};
use serde_json::{Value, json};

const DEMO: &str = "tests/demo";

/// What does not depend on the clock, the machine or the run.
fn steady(mut value: Value) -> Value {
    for field in ["ms", "run"] {
        value[field] = json!(format!("[{field}]"));
    }
    for step in value["steps"].as_array_mut().into_iter().flatten() {
        step["ms"] = json!("[ms]");
        step["began_ms"] = json!("[ms]");
    }
    for rung in value["verdict"]["rungs"].as_array_mut().into_iter().flatten() {
        rung["ms"] = json!("[ms]");
    }
    value
}

fn in_words(project: &Project, printed: &Printed) -> String {
    let root = project.root().display().to_string();
    let home = project.home().display().to_string();
    let stderr = printed.stderr.replace(&root, "[project]").replace(&home, "[home]");
    format!("exit {}\n{}{}", printed.code, printed.stdout, stderr)
}

#[test]
fn a_real_bug_is_fixed_without_any_model() {
    let project = Project::copy_of(DEMO);
    let before = project.read("test_bookings.py");
    let (code, reply) = project.json(&["fix", "bookings.py:8", "--apply"]);
    assert_eq!(code, 0, "{reply:#}");
    insta::assert_json_snapshot!(steady(reply));
    assert!(project.read("bookings.py").contains("start <= merged[-1][1]"));
    assert_eq!(project.read("test_bookings.py"), before);
    let tests = Command::new("python3").args(["-m", "unittest"]).current_dir(project.root()).output().unwrap();
    assert!(tests.status.success());
}

#[test]
fn without_apply_nothing_is_written() {
    let project = Project::copy_of(DEMO);
    let before = project.read("bookings.py");
    let printed = project.baton(&["fix", "bookings.py", "--trust"]);
    assert_eq!(printed.code, 0, "{printed:#?}");
    assert!(printed.stdout.starts_with("--- a/bookings.py\n+++ b/bookings.py\n"), "{printed:#?}");
    assert_eq!(project.read("bookings.py"), before);
}

#[test]
fn a_run_is_kept_and_shown() {
    let project = Project::copy_of(DEMO);
    let (_, reply) = project.json(&["fix", "bookings.py"]);
    let id = reply["run"].as_str().unwrap();
    let list = project.baton(&["runs"]);
    assert!(list.code == 0 && list.stdout.contains(id) && list.stdout.contains("bookings.py"), "{list:#?}");
    let one = project.baton(&["runs", id]);
    assert!(one.code == 0 && one.stdout.contains("repair") && one.stdout.contains("verified"), "{one:#?}");
    let unknown = project.baton(&["runs", "nosuchrun"]);
    assert_eq!(unknown.code, 2);
}

#[test]
fn private_copies_go_when_they_are_not_in_use() {
    let project = Project::copy_of(DEMO);
    let clean = |arguments: &[&str]| {
        let printed = project.baton(&[&["clean"], arguments].concat());
        assert_eq!(printed.code, 0, "{printed:#?}");
        printed.stdout
    };
    assert_eq!(clean(&["--all"]), "nothing to free\n");
    let fix = || assert_eq!(project.json(&["fix", "bookings.py"]).0, 0);
    fix();
    let kept = "nothing to free; those of 1 workspace are kept for the next run, --all removes them too\n";
    assert_eq!(clean(&[]), kept);
    let copies: Vec<_> = std::fs::read_dir(project.home().join("cache/baton/shadow")).unwrap().flatten().collect();
    let copies = copies.iter().find(|entry| entry.path().is_dir()).unwrap().path();
    let is_lock = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "lock");
    let locks = std::fs::read_dir(&copies).unwrap().flatten().map(|entry| entry.path()).filter(is_lock);
    // As a run holds them.
    let held: Vec<_> = locks.map(|path| std::fs::File::open(path).unwrap()).collect();
    assert!(!held.is_empty() && held.iter().all(|lock| lock.try_lock().is_ok()));
    assert_eq!(clean(&["--all"]), "nothing to free; those of 1 workspace stay, they are in use\n");
    held.iter().for_each(|lock| lock.unlock().unwrap());
    fix();
    let freed = clean(&["--all"]);
    assert!(freed.starts_with("freed ") && freed.ends_with(": the private copies of 1 workspace\n"), "{freed}");
    assert!(!copies.exists());
    fix();
}

#[test]
fn an_untrusted_workspace_runs_nothing() {
    let project = Project::copy_of(DEMO);
    // The canary: collecting the tests would write this file, in or out of a sandbox that lets it.
    project.write("conftest.py", "open('ran', 'w')\n");
    let printed = project.baton(&["fix", "bookings.py"]);
    insta::assert_snapshot!(in_words(&project, &printed));
    assert!(!project.root().join("ran").exists());
    let trusted = project.baton(&["trust", "."]);
    assert_eq!(trusted.code, 0);
    let printed = project.baton(&["fix", "bookings.py"]);
    assert_eq!(printed.code, 0, "{printed:#?}");
}

#[test]
fn bad_input_gets_one_sentence() {
    let python = [("a.py", "x = 1\n")];
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>, &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        ("no such file", &python, None, &["fix", "b.py", "--trust"]),
        ("no such line", &python, None, &["fix", "a.py:9", "--trust"]),
        ("a folder", &python, None, &["fix", ".", "--trust"]),
        ("not text", &[("a.py", "")], None, &["fix", "a.py", "--root", "/nosuch", "--trust"]),
        ("no parser", &[("a.xyz", "x\n")], None, &["fix", "a.xyz", "--trust"]),
        ("open quote", &python, None, &["fix", "a.py", "--test", "pytest 'a", "--trust"]),
        ("no tests, no model", &python, None, &["fix", "a.py", "--trust"]),
        ("a question, no model", &python, None, &["ask", "a.py", "what is x?", "--trust"]),
        ("broken config", &python, Some("tier = \n"), &["fix", "a.py", "--trust"]),
        ("unknown key", &python, Some("[budget]\nmax_dollars = 1\n"), &["fix", "a.py", "--trust"]),
        ("bad tier", &python, None, &["fix", "a.py", "--tier", "maxi"]),
        ("bad limit", &python, None, &["fix", "a.py", "--max-seconds", "nan", "--trust"]),
    ];
    let mut said = String::new();
    for (name, files, config, arguments) in cases {
        let project = Project::new(files);
        if let Some(config) = config {
            project.configure(config);
        }
        let printed = project.baton(arguments);
        said += &format!("## {name}\n{}\n", in_words(&project, &printed));
    }
    let steady: Vec<String> = said.lines().filter(|line| !line.starts_with('$')).map(str::to_owned).collect();
    insta::assert_snapshot!(steady.join("\n"));
}

#[test]
fn an_unreadable_model_costs_the_embedding_not_the_run() {
    let project = Project::copy_of(DEMO);
    project.write("../model.gguf", "this is no model");
    let model = project.root().with_file_name("model.gguf");
    project.configure(&format!("[conductor]\nencoder = {model:?}\n"));
    let (code, reply) = project.json(&["fix", "bookings.py"]);
    assert_eq!(code, 0, "{reply:#}");
    let why = reply["conductor"]["why"].as_str().unwrap();
    assert!(why.contains("model.gguf"), "{why}");
}

#[test]
fn heads_decide_and_are_named_and_foreign_ones_cost_a_sentence() {
    let project = Project::copy_of(DEMO);
    let why = || {
        let (code, reply) = project.json(&["fix", "bookings.py"]);
        assert_eq!(code, 0, "{reply:#}");
        reply["conductor"]["why"].as_str().unwrap().to_owned()
    };
    let shipped = why();
    assert!(shipped.contains("by the heads of lcb until ") && !shipped.contains("heads.json"), "{shipped}");
    let file = project.home().join("data/baton/heads.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "{\"format\": 9}").unwrap();
    let why = why();
    assert!(why.contains("by the heads of lcb until "), "{why}");
    let sentence = "heads.json has form 9, and this Baton knows form 2; the heads that Baton came with decide";
    assert!(why.contains(sentence), "{why}");
}

#[test]
fn a_read_only_workspace_loses_nothing() {
    let project = Project::copy_of(DEMO);
    let before = project.read("bookings.py");
    let root = project.root();
    let root = root.to_str().unwrap();
    let binary = baton_tests::binary();
    let mut command = Command::new("bwrap");
    command.args(["--dev-bind", "/", "/", "--ro-bind", root, root, "--"]).arg(binary);
    command.args(["fix", "bookings.py", "--trust", "--apply"]);
    let printed: Printed = project.at_home(&mut command).output().unwrap().into();
    assert_eq!(printed.code, 1, "{printed:#?}");
    assert!(printed.stderr.contains("could not be written, no file was changed"), "{printed:#?}");
    assert_eq!(project.read("bookings.py"), before);
}

#[test]
fn a_full_disk_gets_one_sentence() {
    let project = Project::copy_of(DEMO);
    project.write("padding.txt", &"x".repeat(300_000));
    let cache = project.home().join("cache");
    std::fs::create_dir_all(&cache).unwrap();
    let mut command = Command::new("bwrap");
    command
        .args(["--dev-bind", "/", "/", "--size", "65536", "--tmpfs"])
        .arg(&cache)
        .arg("--")
        .arg(baton_tests::binary());
    command.args(["fix", "bookings.py", "--trust", "--apply"]);
    let before = project.read("bookings.py");
    let printed: Printed = project.at_home(&mut command).output().unwrap().into();
    assert_eq!(printed.code, 1, "{printed:#?}");
    assert!(printed.stderr.contains("the disk is full; free some space there"), "{printed:#?}");
    assert_eq!(project.read("bookings.py"), before);
}

#[test]
fn interrupting_ends_everything() {
    let project = Project::new(&[
        ("slow.py", "def f():\n    return 1\n"),
        (
            "test_slow.py",
            "import time, unittest\nclass T(unittest.TestCase):\n    def test(self):\n        print('canary-7fb3', flush=True)\n        time.sleep(60)\n",
        ),
    ]);
    let mut child = project
        .command(&["fix", "slow.py", "--trust", "--test", "python3 -m unittest -v"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The line that says what will be checked comes just before the tests are started.
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    lines.find(|line| line.as_ref().unwrap().contains("unittest")).unwrap().unwrap();
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let left = Command::new("pgrep").args(["-f", project.root().to_str().unwrap()]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "", "a process outlived the run");
}

#[test]
fn doctor_says_what_is_found() {
    let project = Project::new(&[]);
    project.configure(
        "[[worker]]\nname = 'a'\nbase_url = 'https://models.example/v1'\nmodel = 'm'\nkey_env = 'NO_SUCH_KEY'\n",
    );
    let printed = project.baton(&["doctor"]);
    assert_eq!(printed.code, 1, "a configured worker lacks its key: {printed:#?}");
    for expected in [
        "ok      configuration",
        "ok      sandbox",
        "ok      conductor",
        "ok      ledger",
        "toolchain      built in",
        "NO_SUCH_KEY",
        "cargo check of Rust",
    ] {
        assert!(printed.stdout.contains(expected), "{expected}: {printed:#?}");
    }
}
