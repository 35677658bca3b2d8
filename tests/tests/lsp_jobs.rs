//! A real bug, fixed through the protocol: progress in words, one versioned edit, exactly one end.

use baton_tests::Project;
use baton_tests::client::lsp_range;
use baton_tests::editor::{Editor, full};
use baton_tests::openai::{Act, OpenAi, block};
use serde_json::{Value, json};

/// The line of the demo's bug, counted from 0.
const LINE: u32 = 7;

/// The demo's file, open in an editor that can do this.
fn demo(capabilities: Value) -> Editor {
    Editor::open(Project::copy_of("tests/demo"), "bookings.py", capabilities)
}

fn fixed(editor: &Editor) -> String {
    editor.text.replace("start < merged[-1][1]", "start <= merged[-1][1]")
}

fn applied(_: &mut Editor, method: &str, _: &Value) -> Value {
    if method == "workspace/applyEdit" { json!({"applied": true}) } else { Value::Null }
}

#[test]
fn a_real_bug_is_fixed_by_one_versioned_edit() {
    let mut editor = demo(full());
    let context = json!({"diagnostics": [], "triggerKind": 1});
    let params =
        json!({"textDocument": {"uri": editor.uri}, "range": lsp_range([LINE, 4, LINE, 4]), "context": context});
    let offered = editor.client.call("textDocument/codeAction", params);
    assert_eq!(offered[0]["title"], "Fix `merge` with Baton");
    let command = json!({"command": offered[0]["command"], "arguments": offered[0]["arguments"]});
    let reply = editor.client.call("workspace/executeCommand", command);
    let seen = editor.follow(reply["job"].as_str().unwrap(), applied);

    assert_eq!(seen.messages, [""; 0]);
    assert_eq!(seen.lines[0], "Baton: fix `merge`");
    assert!(seen.lines.len() > 3, "{:?}", seen.lines);
    let [edit] = &*seen.edits else { panic!("{:?}", seen.edits) };
    assert_eq!(edit["label"], "Baton: fix `merge`");
    assert_eq!(edit["edit"]["changes"], Value::Null);
    let [document] = &**edit["edit"]["documentChanges"].as_array().unwrap() else { panic!("{edit}") };
    assert_eq!(document["textDocument"], json!({"uri": editor.uri, "version": 3}));
    assert_eq!(editor.after(&document["edits"]), fixed(&editor));
    let size = document["edits"].to_string().len();
    assert!(size < 200, "the edit is not minimal: {edit}");
    assert_eq!(editor.project.read("bookings.py"), editor.text, "the disk is the editor's to write");
    editor.client.shutdown();
}

#[test]
fn a_client_that_can_do_little_gets_a_plain_edit_and_a_message() {
    let mut editor = demo(json!({"workspace": {"applyEdit": true}}));
    editor.execute("baton.fix", LINE, json!({}));
    let asked = editor.client.claim_request("workspace/applyEdit");
    assert_eq!(asked.params["edit"]["documentChanges"], Value::Null);
    let edits = &asked.params["edit"]["changes"][&editor.uri];
    assert_eq!(editor.after(edits), fixed(&editor));
    editor.client.respond(asked, json!({"applied": true}));
    let said = editor.client.claim("window/showMessage");
    assert!(!said["message"].as_str().unwrap().is_empty());
    editor.client.shutdown();

    let mut editor = demo(json!({}));
    let argument = json!({"textDocument": {"uri": editor.uri}});
    let params = json!({"command": "baton.fix", "arguments": [argument]});
    let error = editor.client.call_error("workspace/executeCommand", params);
    assert!(error["message"].as_str().unwrap().contains("baton fix"), "{error}");
    editor.client.shutdown();
}

/// The right fix, with the comparison in a module of its own; more files may follow.
fn with_a_module(more: &str) -> Act {
    let old = "        if merged and start < merged[-1][1]:";
    let new = "        if merged and overlaps(start, merged[-1][1]):";
    Act::Say(format!(
        "*** Begin Patch\n*** Update File: bookings.py\n@@\n-def merge(bookings):\n+from spans import overlaps\n+\n+\n+def merge(bookings):\n@@\n-{old}\n+{new}\n*** Add File: spans.py\n+def overlaps(start, end):\n+    return start <= end\n{more}*** End Patch\n"
    ))
}

/// The demo's file in an editor that handles files, and a model that answers so.
fn scripted(server: &OpenAi, workspace_edit: Value) -> Editor {
    let project = Project::copy_of("tests/demo");
    project.write("old.py", "x = 1\n");
    project.configure(&format!("[repair]\nenabled = false\n{}", server.worker("scripted", "")));
    let mut capabilities = full();
    capabilities["workspace"]["workspaceEdit"] = workspace_edit;
    Editor::open(project, "bookings.py", capabilities)
}

fn able() -> Value {
    let operations = json!(["create", "rename", "delete"]);
    json!({"documentChanges": true, "resourceOperations": operations, "changeAnnotationSupport": {}})
}

#[test]
fn a_new_file_comes_before_its_text_and_the_other_edits() {
    let server = OpenAi::start([with_a_module("")]);
    let mut editor = scripted(&server, able());
    let job = editor.execute("baton.fix", LINE, json!({}));
    let seen = editor.follow(&job, applied);
    let [edit] = &*seen.edits else { panic!("{:?} {:?}", seen.edits, seen.lines) };
    let changes = edit["edit"]["documentChanges"].as_array().unwrap();
    let spans = editor.project.uri("spans.py");
    let options = json!({"overwrite": false, "ignoreIfExists": false});
    assert_eq!(changes[0], json!({"kind": "create", "uri": spans, "options": options, "annotationId": "baton"}));
    let texts: Vec<&Value> = changes[1..].iter().map(|change| &change["textDocument"]).collect();
    assert_eq!(texts, [&json!({"uri": editor.uri, "version": 3}), &json!({"uri": spans, "version": null})]);
    assert_eq!(changes[2]["edits"][0]["newText"], "def overlaps(start, end):\n    return start <= end\n");
    let annotation = &edit["edit"]["changeAnnotations"]["baton"];
    assert_eq!((&annotation["label"], &annotation["needsConfirmation"]), (&json!("Baton: fix `merge`"), &json!(false)));
    assert!(annotation["description"].as_str().unwrap().contains("passes now"), "{annotation}");
    assert!(!editor.project.root().join("spans.py").exists(), "the disk is the editor's to write");
    editor.client.shutdown();
}

#[test]
fn an_editor_that_makes_no_files_gets_a_sentence() {
    let server = OpenAi::start([with_a_module("")]);
    let mut editor = scripted(&server, json!({"documentChanges": true, "resourceOperations": ["delete"]}));
    let job = editor.execute("baton.fix", LINE, json!({}));
    let seen = editor.follow(&job, applied);
    assert_eq!(seen.edits, [Value::Null; 0]);
    let said = editor.client.claim("window/showMessage");
    let wanted =
        "Baton changed nothing: spans.py would be created, which this editor does not do for a language server.";
    assert_eq!(said["message"], wanted);
    editor.client.shutdown();
}

#[test]
fn a_file_that_appears_or_is_edited_meanwhile_is_left_alone() {
    for (path, says) in [("spans.py", "spans.py was made meanwhile"), ("old.py", "old.py was edited meanwhile")] {
        let server = OpenAi::start([with_a_module("*** Delete File: old.py\n")]);
        let mut editor = scripted(&server, able());
        let job = editor.execute("baton.fix", LINE, json!({}));
        let seen = editor.follow(&job, |editor, method, params| match method {
            // The patch is verified by then.
            "window/showMessageRequest" => {
                editor.project.write(path, "mine\n");
                json!({"title": "Apply"})
            }
            _ => applied(editor, method, params),
        });
        assert_eq!(seen.edits, [Value::Null; 0], "{:?}", seen.lines);
        let said = editor.client.claim("window/showMessage");
        assert!(said["message"].as_str().unwrap().contains(says), "{said}");
        editor.client.shutdown();
    }
}

#[test]
fn files_that_need_a_word_are_asked_for_once() {
    for (answer, applies) in
        [(json!({"title": "Apply"}), true), (json!({"title": "Cancel"}), false), (Value::Null, false)]
    {
        let server = OpenAi::start([with_a_module("*** Delete File: old.py\n")]);
        let mut editor = scripted(&server, able());
        let job = editor.execute("baton.fix", LINE, json!({}));
        let mut questions = Vec::new();
        let seen = editor.follow(&job, |editor, method, params| match method {
            "window/showMessageRequest" => {
                questions.push(params.clone());
                answer.clone()
            }
            _ => applied(editor, method, params),
        });
        let [question] = &*questions else { panic!("{questions:?}") };
        let wanted = "Baton's edit for `merge` is verified and needs your word:\n- old.py would be deleted";
        assert_eq!(question["message"], wanted);
        assert_eq!(question["actions"], json!([{"title": "Apply"}, {"title": "Cancel"}]));
        assert_eq!(seen.edits.len(), usize::from(applies));
        if applies {
            let edit = &seen.edits[0]["edit"];
            let old = editor.project.uri("old.py");
            let last = edit["documentChanges"].as_array().unwrap().last().unwrap();
            assert_eq!((&last["kind"], &last["annotationId"]), (&json!("delete"), &json!(old)));
            let annotation = &edit["changeAnnotations"][old];
            assert_eq!(annotation["needsConfirmation"], true);
            assert_eq!(annotation["description"], "old.py would be deleted");
        } else {
            assert_eq!(seen.lines.last().unwrap(), "the edit was not applied");
        }
        editor.client.shutdown();
    }
}

#[test]
fn an_edit_that_the_editor_refuses_is_said() {
    let mut editor = demo(full());
    let job = editor.execute("baton.fix", LINE, json!({}));
    editor.follow(&job, |_, method, _| match method {
        "workspace/applyEdit" => json!({"applied": false, "failureReason": "read-only buffer"}),
        _ => Value::Null,
    });
    let said = editor.client.claim("window/showMessage");
    assert!(said["message"].as_str().unwrap().contains("read-only buffer"), "{said}");
    editor.client.shutdown();
}

#[test]
fn a_document_edited_elsewhere_meanwhile_is_merged_and_verified_again() {
    let mut editor = demo(full());
    let job = editor.execute("baton.fix", LINE, json!({}));
    editor.client.change(&editor.uri, 4, [0, 0, 0, 0], "# edited meanwhile\n");
    editor.text.insert_str(0, "# edited meanwhile\n");
    let seen = editor.follow(&job, applied);
    let [edit] = &*seen.edits else { panic!("{:?} {:?}", seen.edits, seen.lines) };
    let document = &edit["edit"]["documentChanges"][0];
    assert_eq!(document["textDocument"]["version"], 4);
    assert_eq!(editor.after(&document["edits"]), fixed(&editor));
    editor.client.shutdown();
}

#[test]
fn a_document_edited_in_the_same_line_meanwhile_is_left_alone() {
    let mut editor = demo(full());
    let job = editor.execute("baton.fix", LINE, json!({}));
    editor.client.change(&editor.uri, 4, [LINE, 0, LINE + 1, 0], "        if merged and merged[-1][1] > start:\n");
    let seen = editor.follow(&job, applied);
    assert_eq!(seen.edits, [Value::Null; 0]);
    let said = editor.client.claim("window/showMessage");
    assert!(said["message"].as_str().unwrap().contains("bookings.py was edited meanwhile"), "{said}");
    editor.client.shutdown();
}

#[test]
fn a_document_that_falls_out_of_step_meanwhile_is_left_alone() {
    let mut editor = demo(full());
    let job = editor.execute("baton.fix", LINE, json!({}));
    editor.client.change(&editor.uri, 4, [999, 0, 999, 0], "x");
    let seen = editor.follow(&job, applied);
    assert_eq!(seen.edits, [Value::Null; 0]);
    let said = editor.client.claim("window/showMessage");
    assert!(said["message"].as_str().unwrap().contains("close and open it"), "{said}");
    editor.client.shutdown();
}

#[test]
fn cancel_ends_a_job_once_and_changes_nothing() {
    let mut editor = demo(full());
    let job = editor.execute("baton.fix", LINE, json!({}));
    let token = job.clone();
    let seen = editor.follow(&job, |editor, method, _| {
        if method == "begin" {
            editor.client.notify("window/workDoneProgress/cancel", json!({"token": token}));
        }
        Value::Null
    });
    assert_eq!((seen.edits, seen.lines.last().unwrap().as_str()), (vec![], "cancelled"));
    // Its name means nothing any more.
    editor.client.notify("window/workDoneProgress/cancel", json!({"token": job}));
    editor.client.shutdown();
}

#[test]
fn an_edit_without_words_asks_for_them() {
    let mut editor = demo(full());
    let job = editor.execute("baton.edit", LINE, json!({}));
    let mut questions = Vec::new();
    let seen = editor.follow(&job, |_, method, params| {
        if method == "window/showMessageRequest" {
            questions.push(params.clone());
        }
        Value::Null
    });
    let [question] = &*questions else { panic!("{questions:?}") };
    assert_eq!(question["message"], "What is Baton to do with `merge`?");
    assert_eq!(question["actions"].as_array().unwrap().len(), 3);
    assert_eq!(seen.lines, ["Baton: edit `merge`", "nothing was chosen"]);
    editor.client.shutdown();
}

#[test]
fn a_question_needs_words_and_gets_one_end() {
    let mut editor = demo(full());
    let argument = json!({"textDocument": {"uri": editor.uri}});
    let params = json!({"command": "baton.ask", "arguments": [argument]});
    let error = editor.client.call_error("workspace/executeCommand", params);
    assert!(error["message"].as_str().unwrap().contains("instruction"), "{error}");
    // No model is configured, so the answer is a sentence that says so.
    let job = editor.execute("baton.ask", LINE, json!({"instruction": "what does it do?"}));
    let seen = editor.follow(&job, applied);
    assert_eq!(seen.edits, [Value::Null; 0]);
    editor.client.claim("window/showMessage");
    editor.client.shutdown();
}

#[test]
fn a_test_command_with_an_open_quote_is_refused() {
    let mut editor = demo(full());
    let argument = json!({"textDocument": {"uri": editor.uri}, "test": "pytest 'x"});
    let params = json!({"command": "baton.fix", "arguments": [argument]});
    let error = editor.client.call_error("workspace/executeCommand", params);
    assert!(error["message"].as_str().unwrap().contains("open quote"), "{error}");
    editor.client.shutdown();
}

#[test]
fn a_job_does_not_hold_up_the_end() {
    let mut editor = demo(json!({"workspace": {"applyEdit": true}}));
    editor.execute("baton.ask", LINE, json!({"instruction": "x"}));
    editor.client.claim("window/showMessage");
    let job = editor.execute("baton.edit", LINE, json!({}));
    let asked = editor.client.claim_request("window/showMessageRequest");
    assert!(job.starts_with("baton/"), "{}", asked.params);
    editor.client.call("shutdown", Value::Null);
    assert_eq!(editor.client.exit(), Some(0));
}

#[test]
fn a_worker_taken_out_of_the_pool_is_asked_no_more_even_by_a_job_that_runs() {
    let old = "        if merged and start < merged[-1][1]:";
    let plain = block("bookings.py", old, &old.replace("start <", "start <="));
    let (hangs, right) = (OpenAi::start([Act::Hang]), OpenAi::start([Act::Say(plain)]));
    let project = Project::copy_of("tests/demo");
    let workers = hangs.worker("gone", "strength = 0.9\n") + &right.worker("kept", "strength = 0.8\nusd_in = 1.0\n");
    project.configure(&format!("[repair]\nenabled = false\n{workers}"));
    let mut editor = Editor::open(project, "bookings.py", full());
    let job = editor.execute("baton.fix", LINE, json!({}));
    let seen = editor.follow(&job, |editor, what, value| {
        if what == "line" && value.as_str().unwrap().contains("gone begins") {
            hangs.wait_for(1);
            let kept = json!({"settings": {"baton": {"workers": ["kept"]}}});
            editor.client.notify("workspace/didChangeConfiguration", kept);
        }
        applied(editor, what, value)
    });
    assert_eq!(seen.edits.len(), 1, "{:?}", seen.lines);
    let says = "error: gone was taken out of the pool while it was asked";
    assert!(seen.lines.iter().any(|line| line.contains(says)), "{:?}", seen.lines);
    assert_eq!((hangs.calls().len(), right.calls().len()), (1, 1));
    editor.client.shutdown();
}
