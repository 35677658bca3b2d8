//! The connection itself: how it begins, how it ends, and what odd messages do to it.

use std::process::{Command, Stdio};

use baton_tests::{Client, Project};
use serde_json::{Value, json};

fn started(project: &Project) -> Client {
    Client::start(project.command(&["lsp"]))
}

#[test]
fn it_says_what_it_offers() {
    let project = Project::new(&[]);
    let mut client = started(&project);
    let result = client.initialize(json!({}));
    assert_eq!(result["serverInfo"]["name"], "baton");
    insta::assert_json_snapshot!(result["capabilities"]);
    client.shutdown();
}

#[test]
fn the_first_encoding_that_both_know_is_used() {
    for (offered, chosen) in [
        (json!(["utf-8", "utf-16"]), "utf-8"),
        (json!(["utf-32", "utf-8"]), "utf-32"),
        (json!(["utf-7", "utf-16"]), "utf-16"),
        (json!(["utf-7"]), "utf-16"),
        (json!([]), "utf-16"),
        (Value::Null, "utf-16"),
    ] {
        let project = Project::new(&[]);
        let mut client = started(&project);
        let general = json!({"positionEncodings": offered});
        let result = client.initialize(json!({"capabilities": {"general": general}}));
        assert_eq!(result["capabilities"]["positionEncoding"], chosen, "{general}");
        client.shutdown();
    }
}

#[test]
fn every_way_to_begin_is_taken() {
    let project = Project::new(&[]);
    let root = project.root();
    let folder = json!({"uri": format!("file://{}", root.display()), "name": "work"});
    for params in [
        json!({"processId": null}),
        json!({"rootUri": folder["uri"]}),
        json!({"rootPath": root}),
        json!({"workspaceFolders": []}),
        json!({"workspaceFolders": [folder, {"uri": "untitled:x", "name": "odd"}]}),
        json!({"initializationOptions": null, "trace": "verbose", "locale": "de", "unknown": [1]}),
        json!({"clientInfo": {"name": "n"}, "capabilities": {"experimental": {"x": 1}, "textDocument": {}}}),
    ] {
        let mut client = started(&project);
        client.initialize(params);
        client.shutdown();
    }
}

#[test]
fn exit_codes_tell_whether_it_was_asked_to_shut_down() {
    let project = Project::new(&[]);
    let mut client = started(&project);
    client.initialize(json!({}));
    assert_eq!(client.exit(), Some(1));
    assert_eq!(started(&project).exit(), Some(1), "before initialize");
    let mut client = started(&project);
    client.initialize(json!({}));
    assert_eq!(client.hang_up(), Some(1));
    let mut client = started(&project);
    client.initialize(json!({}));
    client.call("shutdown", Value::Null);
    assert_eq!(client.hang_up(), Some(0));
}

#[test]
fn nothing_is_done_before_initialize_or_after_shutdown() {
    let project = Project::new(&[]);
    let mut client = started(&project);
    let action = json!({"textDocument": {"uri": "file:///a.py"}, "range": range(), "context": {"diagnostics": []}});
    assert_eq!(client.call_error("textDocument/codeAction", action.clone())["code"], -32002);
    client.initialize(json!({}));
    assert_eq!(client.call_error("initialize", json!({"capabilities": {}}))["code"], -32600);
    client.call("shutdown", Value::Null);
    assert_eq!(client.call_error("textDocument/codeAction", action)["code"], -32600);
    assert_eq!(client.exit(), Some(0));
}

fn range() -> Value {
    baton_tests::client::lsp_range([0, 0, 0, 0])
}

#[test]
fn odd_messages_are_answered_or_ignored_and_nothing_else() {
    let project = Project::new(&[("a.py", "x = 1\n")]);
    let mut client = started(&project);
    client.initialize(json!({}));
    assert_eq!(client.call_error("no/suchMethod", json!({}))["code"], -32601);
    assert_eq!(client.call_error("textDocument/codeAction", json!({"range": 3}))["code"], -32602);
    assert_eq!(client.call_error("textDocument/hover", json!([]))["code"], -32602);
    client.notify("no/suchNotification", json!({}));
    client.notify("$/setTrace", json!({"value": "off"}));
    client.notify("$/cancelRequest", json!({"id": 77}));
    client.notify("window/workDoneProgress/cancel", json!({"token": "none"}));
    client.notify("window/workDoneProgress/cancel", json!({"token": 5}));
    client.notify(
        "textDocument/didChange",
        json!({"textDocument": {"uri": "file:///no.py", "version": 1}, "contentChanges": []}),
    );
    client.notify("textDocument/didClose", json!({"textDocument": {"uri": "file:///no.py"}}));
    client.notify("textDocument/didOpen", json!({"textDocument": 7}));
    // An answer to nothing.
    client.send_raw(&Client::frame(&json!({"jsonrpc": "2.0", "id": 99, "result": null})));
    let command = |name: &str, arguments: Value| json!({"command": name, "arguments": arguments});
    for (name, arguments) in [
        ("baton.nothing", json!([])),
        ("baton.fix", json!([])),
        ("baton.fix", json!([{"textDocument": 1}])),
        ("baton.fix", json!([{"textDocument": {"uri": "file:///a.py"}}, 2])),
        ("baton.fix", json!([{"textDocument": {"uri": "file:///a.py"}, "tier": "maxi"}])),
    ] {
        let error = client.call_error("workspace/executeCommand", command(name, arguments));
        assert_eq!(error["code"], -32602, "{error}");
    }
    client.shutdown();
}

#[test]
fn what_is_no_message_costs_an_error_and_not_the_server() {
    let project = Project::new(&[]);
    let mut client = started(&project);
    client.initialize(json!({}));
    for (sent, code) in [
        ("Content-Length: 5\r\n\r\n{\"a\":", -32700),
        ("Content-Length: 4\r\n\r\n\u{0}\u{1}\u{2}\u{3}", -32700),
        ("Content-Length: 0\r\n\r\n", -32700),
        ("Content-Type: nonsense\r\n\r\n", -32700),
        ("Content-Length: x\r\nX-Other: y\r\nMore: z\r\n\r\n", -32700),
        ("content-length: 2\r\nContent-Type: other\r\n\r\n[]", -32600),
        ("Content-Length: 1\r\n\r\n7", -32600),
    ] {
        client.send_raw(sent.as_bytes());
        assert_eq!(client.answer(0).unwrap_err()["code"], code, "{sent:?}");
    }
    client.shutdown();
}

#[test]
fn a_message_may_come_in_pieces() {
    let project = Project::new(&[]);
    let mut client = started(&project);
    client.initialize(json!({}));
    let frame = Client::frame(&json!({"jsonrpc": "2.0", "id": 0, "method": "no/suchMethod"}));
    client.expect(0);
    for byte in frame {
        client.send_raw(&[byte]);
    }
    assert_eq!(client.answer(0).unwrap_err()["code"], -32601);
    client.shutdown();
}

#[test]
fn a_client_that_does_not_read_holds_nothing_up() {
    let project = Project::new(&[]);
    let mut process = project.command(&["lsp"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    let mut bytes =
        Client::frame(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}));
    // Answers of several pipe buffers, none of them read; were the server to wait, this write would not end.
    for id in 2..20_000 {
        bytes.extend(Client::frame(&json!({"jsonrpc": "2.0", "id": id, "method": "no/suchMethod"})));
    }
    std::io::Write::write_all(&mut input, &bytes).unwrap();
    drop(input);
    let output = process.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().matches("no/suchMethod").count(), 19_998);
    assert_eq!(output.status.code(), Some(1));
}

#[cfg(target_os = "linux")]
#[test]
fn it_ends_when_the_editor_dies() {
    let project = Project::new(&[]);
    let mut editor = Command::new("sleep").arg("600").spawn().unwrap();
    let mut client = started(&project);
    client.initialize(json!({"processId": editor.id()}));
    editor.kill().unwrap();
    editor.wait().unwrap();
    // Its input stays open; only the death of the editor can end it.
    assert_eq!(client.wait(), Some(1));
}

#[test]
fn an_editor_that_cannot_be_watched_is_served() {
    let project = Project::new(&[]);
    // The highest number that Linux gives to a process is far below this one.
    for id in [json!(u32::MAX), json!(i32::MAX)] {
        let mut client = started(&project);
        client.initialize(json!({"processId": id}));
        assert_eq!(client.call_error("no/suchMethod", json!({}))["code"], -32601);
        client.shutdown();
    }
}
