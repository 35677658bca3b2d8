//! A client that shows an edit before it is applied: what it is shown, and what comes of what its user wants.

use baton_tests::Project;
use baton_tests::editor::{Editor, Seen, full};
use baton_tests::openai::{Act, OpenAi, block};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The line of the demo's bug, counted from 0.
const LINE: u32 = 7;
const OLD: &str = "        if merged and start < merged[-1][1]:";
const NEW: &str = "        if merged and start <= merged[-1][1]:";
const DOC: &str = "\"\"\"Joins bookings that overlap or touch, in order of their start.\"\"\"";
const NEW_DOC: &str = "\"\"\"Joins bookings that overlap or touch, sorted.\"\"\"";

/// The demo in a client that reviews, with a model that mends the bug and changes a line of documentation besides.
fn reviewing(server: &OpenAi) -> Editor {
    let project = Project::copy_of("tests/demo");
    project.configure(&format!("[repair]\nenabled = false\n{}", server.worker("scripted", "usd_in = 100.0\n")));
    Editor::announcing(project, "bookings.py", full(), json!({"reviews": true}))
}

fn two_hunks() -> OpenAi {
    let both = block("bookings.py", DOC, NEW_DOC) + &block("bookings.py", OLD, NEW);
    OpenAi::start([Act::Say(both)])
}

/// Runs the fix; `answer` says what the user wants of what is shown.
fn review(editor: &mut Editor, mut answer: impl FnMut(&mut Editor, &str, &Value) -> Value) -> (Seen, Vec<Value>) {
    let job = editor.execute("baton.fix", LINE, json!({}));
    let mut asked = Vec::new();
    let seen = editor.follow(&job, |editor, method, params| {
        if !["begin", "line"].contains(&method) {
            asked.push(json!({"method": method, "params": params}));
        }
        answer(editor, method, params)
    });
    (seen, asked)
}

/// The file as the user wants it.
fn wanting(uri: &str, text: &str) -> Value {
    json!({"files": [{"uri": uri, "text": text}]})
}

#[test]
fn an_edit_is_shown_whole_before_it_is_applied_with_the_hashes_of_the_texts() {
    let server = two_hunks();
    let mut editor = reviewing(&server);
    let (uri, text) = (editor.uri.clone(), editor.text.clone());
    let fixed = text.replace(OLD, NEW).replace(DOC, NEW_DOC);
    let (seen, asked) = review(&mut editor, |_, method, _| match method {
        "baton/review" => json!({"files": [{"uri": uri}]}),
        _ => json!({"applied": true}),
    });
    let [shown, applied] = &*asked else { panic!("{asked:#?}") };
    let shown = &shown["params"];
    assert_eq!((&shown["label"], &shown["verified"]), (&json!("Baton: fix `merge`"), &json!(true)));
    assert_eq!(shown["verdict"], "parsed · python · 6 tests passed, 0 failed");
    assert!(shown["usd"].as_f64().unwrap() > 0.0, "{shown}");
    let [file] = &**shown["files"].as_array().unwrap() else { panic!("{shown}") };
    assert_eq!((&file["uri"], &file["fate"], &file["before"]), (&json!(uri), &json!("kept"), &json!(text)));
    assert_eq!(file["after"], fixed);
    assert_eq!(file["hunks"].as_array().unwrap().len(), 2);
    assert_eq!(editor.after(&file["hunks"]), fixed);
    let params = &applied["params"];
    assert_eq!(applied["method"], "baton/apply");
    let hash: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(params["texts"], json!([{"uri": uri, "sha256": hash}]));
    assert_eq!((&params["job"], &params["verdict"]), (&shown["job"], &shown["verdict"]));
    assert_eq!(editor.after(&params["edit"]["documentChanges"][0]["edits"]), fixed);
    assert!(seen.lines.iter().any(|line| line.ends_with(" so far")), "{:?}", seen.lines);
    editor.client.shutdown();
}

#[test]
fn a_part_that_passes_is_applied_and_one_that_does_not_needs_another_word() {
    let cases = [
        (OLD, NEW, Value::Null, true),
        (DOC, NEW_DOC, Value::Null, false),
        (DOC, NEW_DOC, json!({"title": "Apply unverified edit"}), true),
    ];
    for (number, (old, new, word, applies)) in cases.into_iter().enumerate() {
        let server = two_hunks();
        let mut editor = reviewing(&server);
        let (uri, wanted) = (editor.uri.clone(), editor.text.replace(old, new));
        let (seen, asked) = review(&mut editor, |_, method, _| match method {
            "baton/review" => wanting(&uri, &wanted),
            "window/showMessageRequest" => word.clone(),
            _ => json!({"applied": true}),
        });
        let methods: Vec<&str> = asked.iter().map(|asked| asked["method"].as_str().unwrap()).collect();
        assert_eq!(methods.contains(&"window/showMessageRequest"), number > 0, "{methods:?}");
        assert_eq!(seen.edits.len(), usize::from(applies), "{:?}", seen.lines);
        if let [edit] = &*seen.edits {
            assert_eq!(editor.after(&edit["edit"]["documentChanges"][0]["edits"]), wanted);
            // What is said of it is not what was said of the whole.
            let says = if number == 0 { "tests passed" } else { "nothing could verify it" };
            assert!(edit["verdict"].as_str().unwrap().contains(says), "{edit}");
            assert_eq!(seen.lines.last().unwrap().contains("tests passed"), number == 0, "{:?}", seen.lines);
        } else {
            assert_eq!(seen.lines.last().unwrap(), "the edit was not applied");
        }
        editor.client.shutdown();
    }
}

#[test]
fn nothing_is_applied_that_is_not_wanted_or_was_not_proposed() {
    let elsewhere = json!({"files": [{"uri": "file:///etc/passwd", "text": "x"}]});
    let answers = [
        (Value::Null, "the edit was not applied"),
        (json!({"files": []}), "the edit was not applied"),
        (elsewhere, "Baton changed nothing: the editor wants an edit of file:///etc/passwd, which is not in it."),
    ];
    for (answer, says) in answers {
        let server = two_hunks();
        let mut editor = reviewing(&server);
        let (seen, _) = review(&mut editor, |_, _, _| answer.clone());
        assert_eq!(seen.edits, [Value::Null; 0]);
        assert_eq!(seen.lines.last().unwrap(), says);
        if says.starts_with("Baton") {
            editor.client.claim("window/showMessage");
        }
        editor.client.shutdown();
    }
}

#[test]
fn a_job_that_is_cancelled_takes_its_review_back() {
    let server = two_hunks();
    let mut editor = reviewing(&server);
    let job = editor.execute("baton.fix", LINE, json!({}));
    let created = editor.client.claim_request("window/workDoneProgress/create");
    editor.client.respond(created, Value::Null);
    let shown = editor.client.claim_request("baton/review");
    editor.client.notify("window/workDoneProgress/cancel", json!({"token": job}));
    assert_eq!(editor.client.claim("baton/dismiss"), json!({"job": job}));
    editor.client.respond(shown, json!({"files": [{"uri": editor.uri}]}));
    loop {
        let progress = editor.client.claim("$/progress");
        if progress["value"]["kind"] == "end" {
            assert_eq!(progress["value"]["message"], "cancelled");
            break;
        }
    }
    editor.client.shutdown();
}

#[test]
fn a_client_that_wants_to_know_is_told_of_jobs_and_spending() {
    let server = two_hunks();
    let project = Project::copy_of("tests/demo");
    project.configure(&format!("[repair]\nenabled = false\n{}", server.worker("scripted", "usd_in = 100.0\n")));
    let mut editor =
        Editor::announcing(project, "bookings.py", json!({"workspace": {"applyEdit": true}}), json!({"status": true}));
    let first = editor.client.claim("baton/status");
    assert_eq!(first, json!({"tier": "mini", "jobs": 0, "spentTodayUsd": 0.0}));
    editor.execute("baton.fix", LINE, json!({}));
    let asked = editor.client.claim_request("workspace/applyEdit");
    let running = editor.client.claim("baton/status");
    assert_eq!(running["jobs"], 1);
    editor.client.respond(asked, json!({"applied": true}));
    let after = editor.client.claim("baton/status");
    assert_eq!(after["jobs"], 0);
    assert!(after["spentTodayUsd"].as_f64().unwrap() > 0.0, "{after}");
    editor.client.claim("window/showMessage");

    editor.project.configure("tier = 7\n");
    editor.client.notify("workspace/didChangeConfiguration", json!({"settings": {"baton": {}}}));
    let wrong = editor.client.claim("baton/status");
    assert!(wrong["problem"].as_str().unwrap().contains("config.toml line 1"), "{wrong}");
    editor.client.shutdown();
}
