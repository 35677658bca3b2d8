//! Text stays in step with the editor's: the title of a code action proves which text the server has.

use baton_tests::client::lsp_range;
use baton_tests::{Client, Project};
use serde_json::{Value, json};

fn opened(project: &Project, encodings: Value) -> Client {
    let mut client = Client::start(project.command(&["lsp"]));
    let text_document = json!({"codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}}});
    let capabilities = json!({"general": {"positionEncodings": encodings}, "textDocument": text_document});
    client.initialize(json!({"rootUri": project.uri(""), "capabilities": capabilities}));
    client
}

fn ask(client: &mut Client, uri: &str, line: u32) -> i64 {
    let context = json!({"diagnostics": [], "triggerKind": 1});
    let params = json!({"textDocument": {"uri": uri}, "range": lsp_range([line, 0, line, 0]), "context": context});
    client.request("textDocument/codeAction", params)
}

/// The titles of the actions offered on a line.
fn titles(client: &mut Client, uri: &str, line: u32) -> Vec<String> {
    let id = ask(client, uri, line);
    let actions = client.answer(id).unwrap();
    actions.as_array().unwrap().iter().map(|action| action["title"].as_str().unwrap().to_owned()).collect()
}

fn fix(name: &str) -> Vec<String> {
    ["Fix `{}` with Baton", "Edit `{}` with Baton…", "Refactor `{}` with Baton…", "Inline `{}` with Baton"]
        .map(|title| title.replace("{}", name))
        .to_vec()
}

#[test]
fn three_hundred_pipelined_changes_are_made_in_order() {
    let project = Project::new(&[]).trusted();
    let mut client = opened(&project, json!(["utf-8"]));
    let uri = project.uri("a.py");
    client.open(&uri, "python", 1, "def f():\n    pass\n");
    let mut name = "f".to_owned();
    let mut questions = Vec::new();
    for version in 2..302 {
        // Each change is right only after all before it: it writes behind what they wrote.
        let at = 4 + name.len() as u32;
        let new = char::from(b'a' + (version % 26) as u8).to_string();
        client.change(&uri, version, [0, at, 0, at], &new);
        name += &new;
        if version % 60 == 0 {
            questions.push((ask(&mut client, &uri, 0), name.clone()));
        }
    }
    questions.push((ask(&mut client, &uri, 1), name));
    for (id, name) in questions {
        assert_eq!(client.answer(id).unwrap()[0]["title"], fix(&name)[0]);
    }
    client.shutdown();
}

#[test]
fn columns_are_counted_as_agreed() {
    // After `# é𝒇 ` in each encoding.
    for (encoding, column) in [("utf-8", 9), ("utf-16", 6), ("utf-32", 5)] {
        let project = Project::new(&[]).trusted();
        let mut client = opened(&project, json!([encoding]));
        let uri = project.uri("a.py");
        client.open(&uri, "python", 1, "# é𝒇 x\n\ndef a𝒇b():\n    pass\n");
        client.change(&uri, 2, [0, column, 0, column + 1], "y\ndef first():\n    pass");
        assert_eq!(titles(&mut client, &uri, 1), fix("first"), "{encoding}");
        let after = match encoding {
            "utf-8" => 9,
            "utf-16" => 7,
            _ => 6,
        };
        client.change(&uri, 3, [4, after, 4, after + 1], "c");
        assert_eq!(titles(&mut client, &uri, 5), fix("a𝒇c"), "{encoding}");
        client.shutdown();
    }
}

#[test]
fn a_document_that_is_out_of_step_offers_nothing_until_it_is_whole_again() {
    let project = Project::new(&[]).trusted();
    let mut client = opened(&project, json!(["utf-16"]));
    let uri = project.uri("a.py");
    let text = "def 𝒇():\n    pass\n";
    let unreadable =
        json!({"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"range": {"start": -1}, "text": ""}]});
    for (range, why) in [
        (Some([9, 0, 9, 0]), "past the last line"),
        (Some([0, 99, 0, 99]), "past the end of a line"),
        (Some([0, 5, 0, 6]), "inside a character"),
        (Some([1, 0, 0, 0]), "reversed"),
        (None, "unreadable"),
    ] {
        client.open(&uri, "python", 1, text);
        assert_eq!(titles(&mut client, &uri, 0), fix("𝒇"));
        match range {
            Some(range) => client.change(&uri, 2, range, "x"),
            None => client.notify("textDocument/didChange", unreadable.clone()),
        }
        client.change(&uri, 3, [0, 0, 0, 0], "");
        assert_eq!(titles(&mut client, &uri, 0), [""; 0], "{why}");
        let argument = json!({"textDocument": {"uri": uri}, "range": lsp_range([0, 0, 0, 0]), "instruction": "x"});
        let command = json!({"command": "baton.ask", "arguments": [argument]});
        let error = client.call_error("workspace/executeCommand", command);
        assert!(error["message"].as_str().unwrap().contains("close and open it"), "{error}");
    }
    let whole =
        json!({"textDocument": {"uri": uri, "version": 4}, "contentChanges": [{"text": "def whole():\n    pass\n"}]});
    client.notify("textDocument/didChange", whole);
    assert_eq!(titles(&mut client, &uri, 0), fix("whole"));
    client.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    assert_eq!(titles(&mut client, &uri, 0), [""; 0], "closed");
    client.shutdown();
}

#[test]
fn the_names_are_right_in_a_file_of_a_hundred_thousand_lines() {
    let project = Project::new(&[]).trusted();
    let mut client = opened(&project, json!(["utf-8"]));
    let uri = project.uri("large.py");
    let text: String = (0..20_000).map(|i| format!("def f{i}(a):\n    if a:\n        return {i}\n\n\n")).collect();
    client.open(&uri, "python", 1, &text);
    for i in [0, 1, 7_777, 19_999] {
        client.change(&uri, 2, [i * 5, 4, i * 5, 4], "g");
        assert_eq!(titles(&mut client, &uri, i * 5 + 2), fix(&format!("gf{i}")));
    }
    client.shutdown();
}
