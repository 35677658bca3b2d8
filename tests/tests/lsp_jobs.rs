//! A real bug, fixed through the protocol: progress in words, one versioned edit, exactly one end.

use baton_tests::client::{Asked, lsp_range};
use baton_tests::{Client, Project};
use serde_json::{Value, json};

const DEMO: &str = "tests/demo";
/// The line of the bug, counted from 0.
const LINE: u32 = 7;

struct Editor {
    client: Client,
    project: Project,
    uri: String,
    text: String,
}

/// What a job sent until its end.
#[derive(Default)]
struct Seen {
    lines: Vec<String>,
    messages: Vec<String>,
    edits: Vec<Value>,
}

fn full() -> Value {
    json!({"window": {"workDoneProgress": true}, "workspace": {"applyEdit": true, "workspaceEdit": {"documentChanges": true}}})
}

impl Editor {
    /// The demo's file, open in an editor that can do this.
    fn new(capabilities: Value) -> Self {
        let project = Project::copy_of(DEMO).trusted();
        let mut client = Client::start(project.command(&["lsp"]));
        client.initialize(json!({"rootUri": project.uri(""), "capabilities": capabilities}));
        let (uri, text) = (project.uri("bookings.py"), project.read("bookings.py"));
        client.open(&uri, "python", 3, &text);
        Self { client, project, uri, text }
    }

    fn fixed(&self) -> String {
        self.text.replace("start < merged[-1][1]", "start <= merged[-1][1]")
    }

    /// Calls a command about the line of the bug; gives the job's name.
    fn execute(&mut self, command: &str, more: Value) -> String {
        let mut argument = json!({"textDocument": {"uri": self.uri}, "range": lsp_range([LINE, 4, LINE, 4])});
        for (key, value) in more.as_object().unwrap() {
            argument[key] = value.clone();
        }
        let reply = self.client.call("workspace/executeCommand", json!({"command": command, "arguments": [argument]}));
        reply["job"].as_str().unwrap_or_else(|| panic!("no job in {reply}")).to_owned()
    }

    /// Plays the editor until the job ends, applying every edit that `answer` says was applied.
    fn follow(&mut self, job: &str, mut answer: impl FnMut(&mut Self, &str, &Value) -> Value) -> Seen {
        let mut seen = Seen::default();
        let mut begun = false;
        loop {
            let (method, asked, params) = self.client.claim_any();
            match (&*method, asked) {
                ("window/workDoneProgress/create", Some(asked)) => {
                    assert_eq!(params, json!({"token": job}));
                    self.client.respond(asked, Value::Null);
                }
                ("$/progress", None) => {
                    assert_eq!(params["token"], job);
                    let kind = params["value"]["kind"].as_str().unwrap();
                    assert_eq!(begun, kind != "begin", "{params}");
                    begun = true;
                    let text = params["value"]["message"].as_str().unwrap_or_default().to_owned();
                    if kind == "begin" {
                        assert_eq!(params["value"]["cancellable"], true);
                        seen.lines.push(params["value"]["title"].as_str().unwrap().to_owned());
                        answer(self, "begin", &params);
                    } else {
                        seen.lines.push(text);
                    }
                    if kind == "end" {
                        return seen;
                    }
                }
                ("window/showMessage", None) => seen.messages.push(params["message"].as_str().unwrap().to_owned()),
                (_, Some(asked)) => self.reply(asked, &method, &params, &mut seen, &mut answer),
                other => panic!("{other:?} is not part of a job"),
            }
        }
    }

    fn reply(
        &mut self,
        asked: Asked,
        method: &str,
        params: &Value,
        seen: &mut Seen,
        answer: &mut impl FnMut(&mut Self, &str, &Value) -> Value,
    ) {
        let result = answer(self, method, params);
        if method == "workspace/applyEdit" {
            seen.edits.push(params.clone());
        }
        self.client.respond(asked, result);
    }

    /// The text after an edit of this one document, by the protocol's own rules; columns are UTF-16.
    fn after(&self, edits: &Value) -> String {
        let offset = |position: &Value| -> usize {
            let (line, column) = (position["line"].as_u64().unwrap(), position["character"].as_u64().unwrap());
            let start: usize = self.text.split_inclusive('\n').take(line as usize).map(str::len).sum();
            start + column as usize
        };
        assert!(self.text.is_ascii());
        let mut text = self.text.clone();
        for edit in edits.as_array().unwrap().iter().rev() {
            let range = offset(&edit["range"]["start"])..offset(&edit["range"]["end"]);
            text.replace_range(range, edit["newText"].as_str().unwrap());
        }
        text
    }
}

fn applied(_: &mut Editor, method: &str, _: &Value) -> Value {
    if method == "workspace/applyEdit" { json!({"applied": true}) } else { Value::Null }
}

#[test]
fn a_real_bug_is_fixed_by_one_versioned_edit() {
    let mut editor = Editor::new(full());
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
    assert_eq!(editor.after(&document["edits"]), editor.fixed());
    let size = document["edits"].to_string().len();
    assert!(size < 200, "the edit is not minimal: {edit}");
    assert_eq!(editor.project.read("bookings.py"), editor.text, "the disk is the editor's to write");
    editor.client.shutdown();
}

#[test]
fn a_client_that_can_do_little_gets_a_plain_edit_and_a_message() {
    let mut editor = Editor::new(json!({"workspace": {"applyEdit": true}}));
    editor.execute("baton.fix", json!({}));
    let asked = editor.client.claim_request("workspace/applyEdit");
    assert_eq!(asked.params["edit"]["documentChanges"], Value::Null);
    let edits = &asked.params["edit"]["changes"][&editor.uri];
    assert_eq!(editor.after(edits), editor.fixed());
    editor.client.respond(asked, json!({"applied": true}));
    let said = editor.client.claim("window/showMessage");
    assert!(!said["message"].as_str().unwrap().is_empty());
    editor.client.shutdown();

    let mut editor = Editor::new(json!({}));
    let argument = json!({"textDocument": {"uri": editor.uri}});
    let params = json!({"command": "baton.fix", "arguments": [argument]});
    let error = editor.client.call_error("workspace/executeCommand", params);
    assert!(error["message"].as_str().unwrap().contains("baton fix"), "{error}");
    editor.client.shutdown();
}

#[test]
fn an_edit_that_the_editor_refuses_is_said() {
    let mut editor = Editor::new(full());
    let job = editor.execute("baton.fix", json!({}));
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
    let mut editor = Editor::new(full());
    let job = editor.execute("baton.fix", json!({}));
    editor.client.change(&editor.uri, 4, [0, 0, 0, 0], "# edited meanwhile\n");
    editor.text.insert_str(0, "# edited meanwhile\n");
    let seen = editor.follow(&job, applied);
    let [edit] = &*seen.edits else { panic!("{:?} {:?}", seen.edits, seen.lines) };
    let document = &edit["edit"]["documentChanges"][0];
    assert_eq!(document["textDocument"]["version"], 4);
    assert_eq!(editor.after(&document["edits"]), editor.fixed());
    editor.client.shutdown();
}

#[test]
fn a_document_edited_in_the_same_line_meanwhile_is_left_alone() {
    let mut editor = Editor::new(full());
    let job = editor.execute("baton.fix", json!({}));
    editor.client.change(&editor.uri, 4, [LINE, 0, LINE + 1, 0], "        if merged and merged[-1][1] > start:\n");
    let seen = editor.follow(&job, applied);
    assert_eq!(seen.edits, [Value::Null; 0]);
    let said = editor.client.claim("window/showMessage");
    assert!(said["message"].as_str().unwrap().contains("bookings.py was edited meanwhile"), "{said}");
    editor.client.shutdown();
}

#[test]
fn a_document_that_falls_out_of_step_meanwhile_is_left_alone() {
    let mut editor = Editor::new(full());
    let job = editor.execute("baton.fix", json!({}));
    editor.client.change(&editor.uri, 4, [999, 0, 999, 0], "x");
    let seen = editor.follow(&job, applied);
    assert_eq!(seen.edits, [Value::Null; 0]);
    let said = editor.client.claim("window/showMessage");
    assert!(said["message"].as_str().unwrap().contains("close and open it"), "{said}");
    editor.client.shutdown();
}

#[test]
fn cancel_ends_a_job_once_and_changes_nothing() {
    let mut editor = Editor::new(full());
    let job = editor.execute("baton.fix", json!({}));
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
    let mut editor = Editor::new(full());
    let job = editor.execute("baton.edit", json!({}));
    let mut questions = Vec::new();
    let seen = editor.follow(&job, |_, method, params| {
        if method == "window/showMessageRequest" {
            questions.push(params.clone());
        }
        Value::Null
    });
    let [question] = &*questions else { panic!("{questions:?}") };
    assert_eq!(question["message"], "What is Baton to do with `merge`?");
    assert_eq!(question["actions"].as_array().unwrap().len(), 4);
    assert_eq!(seen.lines, ["Baton: edit `merge`", "nothing was chosen"]);
    editor.client.shutdown();
}

#[test]
fn a_question_needs_words_and_gets_one_end() {
    let mut editor = Editor::new(full());
    let argument = json!({"textDocument": {"uri": editor.uri}});
    let params = json!({"command": "baton.ask", "arguments": [argument]});
    let error = editor.client.call_error("workspace/executeCommand", params);
    assert!(error["message"].as_str().unwrap().contains("instruction"), "{error}");
    // No model is configured, so the answer is a sentence that says so.
    let job = editor.execute("baton.ask", json!({"instruction": "what does it do?"}));
    let seen = editor.follow(&job, applied);
    assert_eq!(seen.edits, [Value::Null; 0]);
    editor.client.claim("window/showMessage");
    editor.client.shutdown();
}

#[test]
fn a_test_command_with_an_open_quote_is_refused() {
    let mut editor = Editor::new(full());
    let argument = json!({"textDocument": {"uri": editor.uri}, "test": "pytest 'x"});
    let params = json!({"command": "baton.fix", "arguments": [argument]});
    let error = editor.client.call_error("workspace/executeCommand", params);
    assert!(error["message"].as_str().unwrap().contains("open quote"), "{error}");
    editor.client.shutdown();
}

#[test]
fn a_job_does_not_hold_up_the_end() {
    let mut editor = Editor::new(json!({"workspace": {"applyEdit": true}}));
    editor.execute("baton.ask", json!({"instruction": "x"}));
    editor.client.claim("window/showMessage");
    let job = editor.execute("baton.edit", json!({}));
    let asked = editor.client.claim_request("window/showMessageRequest");
    assert!(job.starts_with("baton/"), "{}", asked.params);
    editor.client.call("shutdown", Value::Null);
    assert_eq!(editor.client.exit(), Some(0));
}
