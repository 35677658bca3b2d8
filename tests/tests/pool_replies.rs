//! What becomes of a model's replies, good, bad and hostile: the real binary against a scripted server.

use std::process::Stdio;

use baton_tests::openai::{Act, OpenAi, block};
use baton_tests::project::Project;
use serde_json::Value;

const OLD: &str = "        if merged and start < merged[-1][1]:";

fn right() -> Act {
    Act::Say(block("bookings.py", OLD, "        if merged and start <= merged[-1][1]:"))
}

fn wrong() -> Act {
    Act::Say(block("bookings.py", OLD, "        if merged and start > merged[-1][1]:"))
}

/// The demo project with one model and nothing else to ask.
fn project(server: &OpenAi, more: &str) -> Project {
    let project = Project::copy_of("tests/demo");
    let worker = server.worker("scripted", &format!("usd_in = 1.0\nusd_out = 2.0\n{more}"));
    project.configure(&format!("[repair]\nenabled = false\n{worker}"));
    project
}

fn fix(script: impl IntoIterator<Item = Act>, more: &str) -> (i32, Value, OpenAi) {
    let server = OpenAi::start(script);
    let project = project(&server, more);
    let (code, reply) = project.json(&["fix", "bookings.py:8"]);
    (code, reply, server)
}

fn statuses(reply: &Value) -> Vec<&str> {
    let steps = reply["steps"].as_array().expect("steps");
    steps.iter().map(|step| step["status"].as_str().expect("a status")).collect()
}

#[test]
fn a_right_fix_is_verified_and_its_price_is_known() {
    let (code, reply, server) = fix([right()], "");
    assert_eq!((code, &reply["outcome"]), (0, &Value::from("verified")), "{reply:#}");
    assert_eq!(statuses(&reply), ["verified"]);
    let diff = reply["diff"].as_str().expect("a diff");
    assert!(diff.starts_with("--- a/bookings.py\n+++ b/bookings.py\n") && diff.contains("start <= merged"), "{diff}");
    let step = &reply["steps"][0];
    let (tokens_in, tokens_out) =
        (step["tokens_in"].as_f64().expect("a count"), step["tokens_out"].as_f64().expect("a count"));
    assert!(tokens_in > 0.0 && tokens_out > 0.0, "{step:#}");
    let price = (tokens_in + 2.0 * tokens_out) / 1e6;
    assert!((reply["usd"].as_f64().expect("a price") - price).abs() < 1e-12, "{reply:#}");
    let calls = server.calls();
    assert_eq!((calls.len(), calls[0].line.as_str()), (1, "POST /v1/chat/completions"));
    assert_eq!(calls[0].body["model"], "scripted");
    assert_eq!(calls[0].authorization, None);
}

#[test]
fn the_first_prompt() {
    let (_, _, server) = fix([right()], "");
    let call = server.calls().remove(0);
    // How long the tests took is not the same twice.
    let user: Vec<String> = call
        .user()
        .lines()
        .map(|line| match line.split_once(" tests in ") {
            Some((before, _)) => format!("{before} tests in [time]"),
            None => line.to_owned(),
        })
        .collect();
    insta::assert_snapshot!(format!("{}\n-- user --\n{}", call.system(), user.join("\n")));
}

#[test]
fn a_wrong_fix_goes_back_with_what_the_tests_say() {
    let (code, reply, server) = fix([wrong(), right()], "");
    assert_eq!((code, statuses(&reply)), (0, vec!["rejected", "verified"]), "{reply:#}");
    let second = server.calls().remove(1);
    assert!(second.user().contains("start > merged"), "the first reply is shown:\n{}", second.user());
    assert!(second.user().contains("What the checks say now"), "{}", second.user());
}

#[test]
fn prose_gets_one_correction_in_the_same_step() {
    let (code, reply, server) = fix([Act::Say("The comparison is off by one.".into()), right()], "");
    assert_eq!((code, statuses(&reply)), (0, vec!["verified"]), "{reply:#}");
    let second = server.calls().remove(1);
    assert!(second.user().contains("You answered:\n```\nThe comparison is off by one.\n```"), "{}", second.user());
    assert!(second.user().contains("there is no edit in the reply"), "{}", second.user());
}

#[test]
fn a_worker_of_every_kind_fixes() {
    for (kind, line, bearer, api_key) in [
        ("anthropic", "POST /v1/messages", None, Some("sk-secret")),
        ("gemini", "POST /v1beta/models/scripted:streamGenerateContent?alt=sse", None, Some("sk-secret")),
        ("ollama", "POST /api/chat", Some("Bearer sk-secret"), None),
    ] {
        let server = OpenAi::start([right()]);
        let base_url = server.base_url.trim_end_matches("/v1");
        let project = Project::copy_of("tests/demo");
        project.configure(&format!(
            "[repair]\nenabled = false\n[[worker]]\nname = 'scripted'\nkind = '{kind}'\nbase_url = '{base_url}'\n\
             model = 'scripted'\nusd_in = 1.0\nusd_out = 2.0\nkey_command = ['echo', 'sk-secret']\n"
        ));
        let (code, reply) = project.json(&["fix", "bookings.py:8"]);
        assert_eq!((code, statuses(&reply)), (0, vec!["verified"]), "{kind}: {reply:#}");
        let call = server.calls().remove(0);
        assert_eq!(call.line, line);
        assert_eq!((call.authorization.as_deref(), call.api_key.as_deref()), (bearer, api_key), "{kind}");
        let step = &reply["steps"][0];
        let price =
            (step["tokens_in"].as_f64().expect("a count") + 2.0 * step["tokens_out"].as_f64().expect("a count")) / 1e6;
        assert!(price > 0.0 && (reply["usd"].as_f64().expect("a price") - price).abs() < 1e-12, "{kind}: {reply:#}");
    }
}

#[test]
fn thoughts_are_sent_to_nobody_again() {
    let Act::Say(bad) = wrong() else { panic!("it says something") };
    let prose = Act::Say("<think>I dither in tags.</think>The comparison is off by one.".into());
    let (code, reply, server) = fix([prose, Act::Think("I dither apart.".into(), bad), right()], "");
    assert_eq!((code, statuses(&reply)), (0, vec!["rejected", "verified"]), "{reply:#}");
    let calls = server.calls();
    assert!(calls[1].user().contains("The comparison is off by one."), "{}", calls[1].user());
    assert!(calls[2].user().contains("start > merged"), "{}", calls[2].user());
    assert!(calls.iter().all(|call| !call.body.to_string().contains("dither")), "{calls:#?}");
    assert!(!reply.to_string().contains("dither"), "nor shown: {reply:#}");
}

#[test]
fn prose_and_nothing_else_is_no_fix() {
    let (code, reply, server) = fix(vec![Act::Say("I would rather not.".into()); 12], "");
    assert_eq!((code, &reply["outcome"]), (1, &Value::from("failed")), "{reply:#}");
    assert_eq!(reply["diff"], "");
    assert_eq!(server.calls().len(), 2 * statuses(&reply).len(), "one correction for each step");
}

#[test]
fn the_fix_may_be_in_another_file() {
    let server = OpenAi::start([Act::Say(block("lib/sums.py", "    return a - b", "    return a + b"))]);
    let project = Project::new(&[
        (
            "app.py",
            "from lib.sums import add\n\n\ndef total(values):\n    result = 0\n    for value in values:\n        result = add(result, value)\n    return result\n",
        ),
        ("lib/__init__.py", ""),
        ("lib/sums.py", "def add(a, b):\n    return a - b\n"),
        (
            "test_app.py",
            "import unittest\nfrom app import total\n\n\nclass Total(unittest.TestCase):\n    def test_total(self):\n        self.assertEqual(total([1, 2]), 3)\n",
        ),
    ]);
    project.configure(&format!("[repair]\nenabled = false\n{}", server.worker("scripted", "")));
    let (code, reply) = project.json(&["fix", "app.py", "--apply"]);
    assert_eq!((code, statuses(&reply)), (0, vec!["verified"]), "{reply:#}");
    assert_eq!(project.read("lib/sums.py"), "def add(a, b):\n    return a + b\n");
}

#[test]
fn a_call_that_fails_is_said_and_another_may_follow() {
    for (act, more, says) in [
        (Act::Truncated(block("bookings.py", OLD, "pass")), "", "broke off"),
        (Act::Length(block("bookings.py", OLD, "pass")), "", "max_output"),
        (Act::Hang, "timeout_seconds = 0.5", "silent for 0.5 s"),
        (Act::Stall("bookings.py\n<<<<<<< SEARCH\n".into()), "timeout_seconds = 0.5", "silent for 0.5 s"),
        (Act::Page, "", "a web page"),
        (Act::Malformed, "", "cannot be read"),
        (Act::Refuse(404, None), "", "check base_url"),
    ] {
        let named = format!("{act:?}");
        let (code, reply, server) = fix([act, right()], more);
        assert_eq!(code, 0, "{named}: {reply:#}");
        let statuses = statuses(&reply);
        assert_eq!((statuses.len(), statuses[1]), (2, "verified"), "{named}: {statuses:?}");
        assert!(
            statuses[0].starts_with("error: worker `scripted` ") && statuses[0].contains(says),
            "{named}: {statuses:?}"
        );
        assert_eq!(server.calls().len(), 2, "{named}");
    }
}

#[test]
fn a_busy_server_is_asked_again_within_the_step() {
    let (code, reply, server) = fix([Act::Refuse(429, Some(0)), Act::Refuse(503, Some(0)), right()], "");
    assert_eq!((code, statuses(&reply)), (0, vec!["verified"]), "{reply:#}");
    assert_eq!(server.calls().len(), 3);
}

#[test]
fn hostile_replies_change_nothing() {
    let replies = [
        block("../outside.py", "x = 1", "x = 2"),
        block("/etc/passwd", "root", "toor"),
        block(".git/config", "[core]", "[core]\n\tfsmonitor = touch owned"),
        block(".GIT/config", "[core]", "[core]\n\tfsmonitor = touch owned"),
        block("link/outside.py", "x = 1", "x = 2"),
        block(".env", "A=1", "A=2"),
        block("test_bookings.py", "[(540, 630)])", "[(540, 631)])"),
        block("test_bookings.py", "class Merge(unittest.TestCase):", "class Merge:"),
        block("bookings.py", OLD, "        if merged and start \u{202e}<= merged[-1][1]:"),
        "--- a/test_bookings.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-import unittest\n".to_owned(),
        "--- /dev/null\n+++ b/conftest.py\n@@ -0,0 +1 @@\n+import os\n".to_owned(),
        envelope("*** Delete File: test_bookings.py"),
        envelope("*** Update File: test_bookings.py\n*** Move to: old_bookings.txt"),
        envelope("*** Update File: bookings.py\n*** Move to: ../bookings.py"),
        envelope("*** Update File: bookings.py\n*** Move to: link/bookings.py"),
        envelope("*** Update File: bookings.py\n*** Move to: test_bookings.py"),
        envelope("*** Add File: bookings.py\n+x = 1"),
        envelope("*** Add File: Bookings.PY\n+x = 1"),
        envelope("*** Add File: link/new.py\n+x = 1"),
        envelope("*** Add File: .git/hooks/pre-commit\n+touch owned"),
        envelope("*** Add File: sitecustomize.py\n+import os"),
        envelope("*** Add File: tests/__init__.py\n+import os"),
        block("link/new.py", "", "x = 1"),
        block("../new.py", "", "x = 1"),
    ];
    for reply in replies {
        let server = OpenAi::start(vec![Act::Say(reply.clone()); 12]);
        let project = project(&server, "");
        for (path, text) in [
            (".git/config", "[core]\n"),
            (".vscode/tasks.json", "{}\n"),
            (".env", "A=1\nB=private\n"),
            ("../outside.py", "x = 1\ny = 'private'\n"),
        ] {
            project.write(path, text);
        }
        std::os::unix::fs::symlink("..", project.root().join("link")).expect("a link");
        let before = everything(&project);
        let (code, result) = project.json(&["fix", "bookings.py:8", "--apply"]);
        assert_eq!(code, 1, "{reply}\n{result:#}");
        assert_eq!(result["diff"], "", "{reply}");
        assert_eq!(everything(&project), before, "{reply}");
        assert!(statuses(&result).iter().all(|status| *status == "refused"), "{reply}\n{result:#}");
        for call in server.calls() {
            assert!(!call.user().contains("private"), "nothing leaks:\n{}", call.user());
        }
    }
}

/// A patch as `apply_patch` takes it.
fn envelope(lines: &str) -> String {
    format!("*** Begin Patch\n{lines}\n*** End Patch\n")
}

const RIGHT: &str = "*** Update File: bookings.py\n-        if merged and start < merged[-1][1]:\n+        if merged and start <= merged[-1][1]:";

#[test]
fn what_stands_in_for_the_tests_is_rejected() {
    for (files, says) in [
        ("*** Add File: unittest.py\n+class TestCase:\n+    pass", "unittest.py would be loaded in place of"),
        ("*** Update File: bookings.py\n*** Move to: json.py", "json.py would be loaded in place of"),
    ] {
        let server = OpenAi::start([Act::Say(envelope(files)), right()]);
        let project = project(&server, "");
        let (code, reply) = project.json(&["fix", "bookings.py:8"]);
        assert_eq!((code, statuses(&reply)), (0, vec!["rejected", "verified"]), "{reply:#}");
        assert!(server.calls()[1].user().contains(says), "{}", server.calls()[1].user());
    }
}

#[test]
fn a_new_module_beside_the_focus_is_verified_and_written() {
    let reply = block("bookings.py", OLD, "        if merged and overlaps(start, merged[-1][1]):")
        + &block("bookings.py", "def merge(bookings):", "from lib.spans import overlaps\n\n\ndef merge(bookings):")
        + &block("lib/spans.py", "", "def overlaps(start, end):\n    return start <= end");
    let server = OpenAi::start([Act::Say(reply)]);
    let project = project(&server, "");
    let (code, reply) = project.json(&["fix", "bookings.py:8", "--apply"]);
    assert_eq!((code, statuses(&reply)), (0, vec!["verified"]), "{reply:#}");
    assert_eq!(reply["asks"], Value::Null);
    assert!(reply["diff"].as_str().expect("a diff").contains("--- /dev/null\n+++ b/lib/spans.py\n"), "{reply:#}");
    assert_eq!(project.read("lib/spans.py"), "def overlaps(start, end):\n    return start <= end\n");
    assert!(project.read("bookings.py").contains("from lib.spans import overlaps"));
}

#[test]
fn only_the_user_can_allow_some_files() {
    let files = format!(
        "{RIGHT}\n*** Update File: pyproject.toml\n-a = 1\n+a = 2\n*** Delete File: old.py\n*** Update File: note.md\n*** Move to: notes/note.md"
    );
    let start = || {
        let server = OpenAi::start([Act::Say(envelope(&files))]);
        let project = project(&server, "");
        for (path, text) in
            [("../outside.py", ""), ("pyproject.toml", "[tool.x]\na = 1\n"), ("old.py", "x = 1\n"), ("note.md", "")]
        {
            project.write(path, text);
        }
        (server, project)
    };
    let (_server, project) = start();
    let before = everything(&project);
    let (code, reply) = project.json(&["fix", "bookings.py:8", "--apply", "--allow", "old.py"]);
    assert_eq!((code, statuses(&reply)), (1, vec!["verified"]), "{reply:#}");
    let why = "pyproject.toml can execute code; Baton does not change it by itself";
    assert_eq!(reply["asks"]["pyproject.toml"], why);
    assert_eq!(reply["asks"]["old.py"], "old.py would be deleted");
    let message = format!(
        "nothing was written: note.md would become notes/note.md; {why}; allow it with --allow note.md --allow pyproject.toml"
    );
    assert_eq!(reply["message"], message);
    assert!(reply["diff"].as_str().expect("a diff").contains("rename to notes/note.md"), "{reply:#}");
    assert_eq!(everything(&project), before);

    let (_server, project) = start();
    let allowed = ["--allow", "old.py", "--allow", "note.md", "--allow", "pyproject.toml"];
    let (code, reply) = project.json(&[&["fix", "bookings.py:8", "--apply"], &allowed[..]].concat());
    assert_eq!(code, 0, "{reply:#}");
    assert_eq!(
        (project.read("pyproject.toml"), project.read("notes/note.md")),
        ("[tool.x]\na = 2\n".into(), "".into())
    );
    assert!(!project.root().join("old.py").exists() && !project.root().join("note.md").exists());
    assert!(project.read("bookings.py").contains("start <= merged"));
}

/// Every file of the project and beside it, with its text.
fn everything(project: &Project) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![project.root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.symlink_metadata().expect("there") {
                kind if kind.is_dir() => folders.push(path),
                kind if kind.is_symlink() => {}
                _ => found.push((path.display().to_string(), std::fs::read_to_string(&path).expect("text"))),
            }
        }
    }
    found.push(("outside".into(), project.read("../outside.py")));
    found.sort();
    found
}

#[test]
fn a_key_is_sent_and_never_shown() {
    let key = "k-3f9a1c77e2";
    let server = OpenAi::start([Act::Refuse(401, None), right()]);
    let project = project(&server, "key_env = \"SCRIPTED_KEY\"");
    let arguments = ["fix", "bookings.py:8", "--trust", "--json"];
    let output = project.command(&arguments).env("SCRIPTED_KEY", key).output().expect("the binary is built");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(server.calls()[0].authorization.as_deref(), Some(format!("Bearer {key}").as_str()));
    assert!(String::from_utf8_lossy(&output.stdout).contains("the environment variable SCRIPTED_KEY"));
    let said = [output.stdout, output.stderr].concat();
    assert!(!contains(&said, key.as_bytes()));
    let mut folders = vec![project.home(), project.root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                assert!(!contains(&bytes, key.as_bytes()), "{} holds the key", path.display());
            }
        }
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn what_could_cost_more_than_is_left_is_not_asked() {
    let server = OpenAi::start([right()]);
    let project = project(&server, "");
    let (code, reply) = project.json(&["fix", "bookings.py:8", "--max-usd", "0.000001"]);
    assert_eq!(code, 1, "{reply:#}");
    assert_eq!(server.calls().len(), 0);
}

#[test]
fn a_secret_in_the_file_stays_here() {
    let server = OpenAi::start([right()]);
    let project = project(&server, "");
    let key = format!("AKIA{}", "ABCDEFGHIJKLMNOP");
    project.write("bookings.py", &format!("{}\nACCESS = '{key}'\n", project.read("bookings.py")));
    let printed = project.baton(&["fix", "bookings.py:8", "--trust"]);
    assert_eq!(printed.code, 0, "{printed:#?}");
    assert!(printed.stderr.contains("withheld from scripted: bookings.py line 27: an AWS access key"), "{printed:#?}");
    let call = server.calls().remove(0);
    assert!(call.user().contains("ACCESS = '[withheld]'") && !call.body.to_string().contains(&key));
}

#[test]
fn a_question_is_answered_and_nothing_is_sent_without_trust() {
    let server = OpenAi::start([Act::Say("It lists the gaps — «frei».".into())]);
    let project = project(&server, "");
    let refused = project.baton(&["ask", "bookings.py", "What does free do?"]);
    assert_eq!((refused.code, server.calls().len()), (2, 0), "{refused:#?}");
    let printed = project.baton(&["ask", "bookings.py", "What does free do?", "--trust"]);
    assert_eq!(printed.code, 0, "{printed:#?}");
    assert!(printed.stdout.contains("It lists the gaps — «frei»."), "{printed:#?}");
    assert!(server.calls()[0].user().contains("Task: What does free do?"));
}

#[test]
fn an_interrupt_ends_a_call_that_is_under_way() {
    let server = OpenAi::start([Act::Stall("bookings.py\n".into())]);
    let project = project(&server, "");
    let mut command = project.command(&["fix", "bookings.py:8", "--trust", "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary is built");
    server.wait_for(1);
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"outcome\":\"cancelled\""), "{output:?}");
}
