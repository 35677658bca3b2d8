//! An editor that follows jobs: it claims every message of a job, in order, to the job's one end.

use serde_json::{Value, json};

use crate::client::{Asked, lsp_range};
use crate::{Client, Project};

/// A project with one document open.
pub struct Editor {
    /// The connection.
    pub client: Client,
    /// The project, trusted.
    pub project: Project,
    /// The open document.
    pub uri: String,
    /// Its text, as the editor has it.
    pub text: String,
}

/// What a job sent until its end.
#[derive(Default)]
pub struct Seen {
    /// The display's title and lines.
    pub lines: Vec<String>,
    /// Messages to the user.
    pub messages: Vec<String>,
    /// Edits that were to be applied.
    pub edits: Vec<Value>,
}

/// Capabilities of an editor that shows progress and takes versioned edits.
pub fn full() -> Value {
    json!({"window": {"workDoneProgress": true}, "workspace": {"applyEdit": true, "workspaceEdit": {"documentChanges": true}}})
}

impl Editor {
    /// Opens a Python file of the project, as version 3, in an editor that can do this.
    pub fn open(project: Project, path: &str, capabilities: Value) -> Self {
        Self::announcing(project, path, capabilities, json!({}))
    }

    /// The same, in a client that can do this beyond the protocol.
    pub fn announcing(project: Project, path: &str, capabilities: Value, client: Value) -> Self {
        let options = json!({"client": client});
        let project = project.trusted();
        let mut client = Client::start(project.command(&["lsp"]));
        let root = project.uri("");
        client.initialize(json!({"rootUri": root, "capabilities": capabilities, "initializationOptions": options}));
        let (uri, text) = (project.uri(path), project.read(path));
        client.open(&uri, "python", 3, &text);
        Self { client, project, uri, text }
    }

    /// Calls a command about a line, counted from 0; gives the job's name.
    pub fn execute(&mut self, command: &str, line: u32, more: Value) -> String {
        let mut argument = json!({"textDocument": {"uri": self.uri}, "range": lsp_range([line, 4, line, 4])});
        for (key, value) in more.as_object().unwrap() {
            argument[key] = value.clone();
        }
        let reply = self.client.call("workspace/executeCommand", json!({"command": command, "arguments": [argument]}));
        reply["job"].as_str().unwrap_or_else(|| panic!("no job in {reply}")).to_owned()
    }

    /// Plays the editor until the job ends. `answer` is called with `begin`, with `line` for every line of the
    /// display, and with the method of every request, whose result it gives.
    pub fn follow(&mut self, job: &str, mut answer: impl FnMut(&mut Self, &str, &Value) -> Value) -> Seen {
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
                        answer(self, "line", &json!(text));
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
        if ["workspace/applyEdit", "baton/apply"].contains(&method) {
            seen.edits.push(params.clone());
        }
        self.client.respond(asked, result);
    }

    /// The text after an edit of this one document, by the protocol's own rules; columns are UTF-16.
    pub fn after(&self, edits: &Value) -> String {
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
