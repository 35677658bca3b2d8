//! What the menu offers, to whom, and what it costs to be wrong in the settings.

use baton_tests::client::lsp_range;
use baton_tests::{Client, Project};
use serde_json::{Value, json};

const TEXT: &str = "def total(lines):\n    return sum(lines)\n\n\nrate = 0.1\n";

fn opened(project: &Project, capabilities: Value) -> Client {
    let mut client = Client::start(project.command(&["lsp"]));
    client.initialize(json!({"rootUri": project.uri(""), "capabilities": capabilities}));
    client
}

fn literals() -> Value {
    json!({"textDocument": {"codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}}}}})
}

fn actions(client: &mut Client, uri: &str, range: [u32; 4], context: Value) -> Value {
    let params = json!({"textDocument": {"uri": uri}, "range": lsp_range(range), "context": context});
    client.call("textDocument/codeAction", params)
}

fn titles(actions: &Value) -> Vec<&str> {
    actions.as_array().unwrap().iter().map(|action| action["title"].as_str().unwrap()).collect()
}

fn diagnostic(line: u32, message: &str) -> Value {
    json!({"range": lsp_range([line, 4, line, 10]), "message": message, "severity": 1, "source": "other", "code": 7})
}

#[test]
fn a_function_and_its_diagnostics_are_offered_with_their_names() {
    let project = Project::new(&[]).trusted();
    let mut client = opened(&project, literals());
    let uri = project.uri("a.py");
    client.open(&uri, "python", 1, TEXT);
    let found = [diagnostic(1, "wrong sum\nmore"), diagnostic(1, "x")];
    let offered = actions(&mut client, &uri, [1, 4, 1, 4], json!({"diagnostics": found, "triggerKind": 1}));
    let shown = offered.to_string().replace(&project.uri(""), "file:///project/");
    insta::assert_json_snapshot!(serde_json::from_str::<Value>(&shown).unwrap());
    let one = actions(&mut client, &uri, [1, 4, 1, 4], json!({"diagnostics": [found[0]]}));
    assert_eq!(titles(&one)[0], "Fix with Baton: wrong sum");
    client.shutdown();
}

#[test]
fn only_what_is_asked_for_is_offered() {
    let project = Project::new(&[]).trusted();
    let mut client = opened(&project, literals());
    let uri = project.uri("a.py");
    client.open(&uri, "python", 1, TEXT);
    let fix = "Fix `total` with Baton";
    let edit = "Edit `total` with Baton…";
    let refactor = "Refactor `total` with Baton…";
    let inline = "Inline `total` with Baton";
    for (context, expected) in [
        (json!({"diagnostics": []}), vec![fix, edit, refactor, inline]),
        (json!({"diagnostics": [], "only": ["quickfix"]}), vec![fix]),
        (json!({"diagnostics": [], "only": ["refactor"]}), vec![edit, refactor, inline]),
        (json!({"diagnostics": [], "only": ["refactor.rewrite"]}), vec![edit, refactor]),
        (json!({"diagnostics": [], "only": ["refactor.inline"]}), vec![inline]),
        (json!({"diagnostics": [], "only": ["refactor.re", "source", "refactor.rewrite.x"]}), vec![]),
        (json!({"diagnostics": [], "only": [""]}), vec![fix, edit, refactor, inline]),
        (json!({"diagnostics": [], "only": []}), vec![]),
        // The editor asks by itself: nothing where nothing is wrong.
        (json!({"diagnostics": [], "triggerKind": 2}), vec![]),
        (json!({"diagnostics": [diagnostic(0, "bad")], "triggerKind": 2}), vec!["Fix with Baton: bad"]),
    ] {
        let offered = actions(&mut client, &uri, [0, 0, 0, 0], context.clone());
        assert_eq!(titles(&offered), expected, "{context}");
        for action in offered.as_array().unwrap() {
            assert_eq!((action.get("isPreferred"), action.get("edit")), (None, None));
        }
    }
    // What is selected can be taken out of a function.
    let only = json!({"diagnostics": [], "only": ["refactor.extract"]});
    let offered = actions(&mut client, &uri, [0, 0, 1, 5], only.clone());
    assert_eq!(titles(&offered), ["Extract selection into a function with Baton"]);
    let argument = &offered[0]["command"]["arguments"][0];
    assert_eq!(argument["range"], lsp_range([0, 0, 1, 5]));
    assert!(argument["instruction"].as_str().unwrap().starts_with("Extract the selected code"), "{argument}");
    assert_eq!(actions(&mut client, &uri, [0, 0, 0, 0], only), json!([]));
    client.shutdown();
}

#[test]
fn what_asks_a_model_is_tagged_for_clients_that_know_the_tag() {
    let project = Project::new(&[]).trusted();
    let mut knowing = literals();
    knowing["textDocument"]["codeAction"]["tagSupport"] = json!({"valueSet": [1]});
    let mut other = literals();
    other["textDocument"]["codeAction"]["tagSupport"] = json!({"valueSet": [7]});
    for (capabilities, tag) in [(knowing, json!([1])), (other, Value::Null), (literals(), Value::Null)] {
        let mut client = opened(&project, capabilities);
        let uri = project.uri("a.py");
        client.open(&uri, "python", 1, TEXT);
        let context = json!({"diagnostics": [diagnostic(0, "bad")], "triggerKind": 1});
        let offered = actions(&mut client, &uri, [0, 0, 0, 0], context);
        let tags: Vec<_> = offered
            .as_array()
            .unwrap()
            .iter()
            .map(|action| (action["title"].as_str().unwrap(), &action["tags"]))
            .collect();
        let expected = [
            ("Fix with Baton: bad", &Value::Null),
            ("Fix `total` with Baton", &Value::Null),
            ("Edit `total` with Baton…", &tag),
            ("Refactor `total` with Baton…", &tag),
            ("Inline `total` with Baton", &tag),
        ];
        assert_eq!(tags, expected);
        client.shutdown();
    }
}

#[test]
fn places_without_a_function_or_a_language_offer_what_they_can() {
    let project = Project::new(&[]).trusted();
    let mut client = opened(&project, literals());
    let context = json!({"diagnostics": []});
    let (code, text, odd) = (project.uri("a.py"), project.uri("a.txt"), "untitled:one");
    for uri in [&code, &text] {
        client.open(uri, "plaintext", 1, TEXT);
    }
    client.open(odd, "python", 1, TEXT);
    assert_eq!(titles(&actions(&mut client, &code, [4, 0, 4, 0], context.clone())), [""; 0]);
    let selected = actions(&mut client, &code, [3, 0, 4, 5], context.clone());
    assert_eq!(titles(&selected), ["Edit selection with Baton…"]);
    for uri in [&*text, odd, "file:///not/open.py"] {
        assert_eq!(actions(&mut client, uri, [0, 0, 0, 0], context.clone()), json!([]), "{uri}");
    }
    // A name without an extension, in a language that the editor knows.
    let script = project.uri("script");
    client.open(&script, "python", 1, TEXT);
    assert_eq!(titles(&actions(&mut client, &script, [0, 0, 0, 0], context)).len(), 4);
    client.shutdown();
}

#[test]
fn a_client_that_knows_only_commands_gets_commands() {
    let project = Project::new(&[]).trusted();
    let mut client = opened(&project, json!({}));
    let uri = project.uri("a.py");
    client.open(&uri, "python", 1, TEXT);
    let offered = actions(&mut client, &uri, [0, 0, 0, 0], json!({"diagnostics": []}));
    assert_eq!((&offered[0]["command"], &offered[0]["kind"]), (&json!("baton.fix"), &Value::Null));
    client.shutdown();
}

#[test]
fn an_untrusted_folder_is_offered_nothing_that_runs() {
    let project = Project::new(&[("a.py", TEXT)]);
    let mut client = opened(&project, literals());
    let uri = project.uri("a.py");
    client.open(&uri, "python", 1, TEXT);
    let context = json!({"diagnostics": [diagnostic(1, "bad")], "triggerKind": 1});
    let offered = actions(&mut client, &uri, [1, 4, 1, 4], context);
    assert_eq!(titles(&offered), ["Trust this folder, so that Baton can fix `total`…"]);
    assert_eq!(offered[0]["command"]["command"], "baton.trust");
    let automatic = json!({"diagnostics": [diagnostic(1, "bad")], "triggerKind": 2});
    assert_eq!(actions(&mut client, &uri, [1, 4, 1, 4], automatic), json!([]));
    for command in ["baton.fix", "baton.edit", "baton.ask"] {
        let argument = json!({"textDocument": {"uri": uri}, "instruction": "x"});
        let params = json!({"command": command, "arguments": [argument]});
        let error = client.call_error("workspace/executeCommand", params);
        assert_eq!(error["code"], -32803);
        assert!(error["message"].as_str().unwrap().contains("baton trust"), "{error}");
        assert_eq!(error["data"], json!({"untrusted": true}));
    }
    client.shutdown();
}

#[test]
fn trust_is_given_only_by_the_user_and_holds_at_once() {
    let project = Project::new(&[]);
    let mut client = opened(&project, literals());
    let uri = project.uri("a.py");
    client.open(&uri, "python", 1, TEXT);
    let trust = json!({"command": "baton.trust", "arguments": [{"textDocument": {"uri": uri}}]});
    for (answer, offers) in [(Value::Null, 1), (json!({"title": "No"}), 1), (json!({"title": "Trust this folder"}), 4)]
    {
        assert_eq!(client.call("workspace/executeCommand", trust.clone()), Value::Null);
        let asked = client.claim_request("window/showMessageRequest");
        assert!(asked.params["message"].as_str().unwrap().contains("Do you trust"), "{}", asked.params);
        client.respond(asked, answer);
        if offers == 4 {
            let said = client.claim("window/showMessage");
            assert!(said["message"].as_str().unwrap().contains("trusts"), "{said}");
        }
        let offered = actions(&mut client, &uri, [0, 0, 0, 0], json!({"diagnostics": []}));
        assert_eq!(offered.as_array().unwrap().len(), offers, "{offered}");
    }
    client.shutdown();
}

#[test]
fn a_wrong_setting_costs_one_message_that_names_it() {
    let project = Project::new(&[]).trusted();
    let wrong = json!({"tier": "maxi", "maxUsd": 0.1});
    let said = |client: &mut Client, name: &str| {
        let message = client.claim("window/showMessage")["message"].take();
        assert!(message.as_str().unwrap().contains(name), "{message}");
    };

    let mut client = Client::start(project.command(&["lsp"]));
    client.initialize(json!({"initializationOptions": wrong}));
    said(&mut client, "tier");
    client.notify("workspace/didChangeConfiguration", json!({"settings": {"baton": {"workers": 5}}}));
    said(&mut client, "workers");
    client.notify("workspace/didChangeConfiguration", json!({"settings": {"baton": {"tier": "ultra"}}}));
    client.notify("workspace/didChangeConfiguration", json!({"settings": null}));
    client.notify("workspace/didChangeConfiguration", json!({"settings": {"baton": 3}}));
    said(&mut client, "object");
    client.shutdown();

    let mut client = opened(&project, json!({"workspace": {"configuration": true}}));
    let asked = client.claim_request("workspace/configuration");
    assert_eq!(asked.params, json!({"items": [{"section": "baton"}]}));
    client.respond(asked, json!([wrong]));
    said(&mut client, "tier");
    client.notify("workspace/didChangeConfiguration", json!({"settings": null}));
    let asked = client.claim_request("workspace/configuration");
    client.refuse(asked, "not now");
    client.notify("workspace/didChangeConfiguration", json!({"settings": null}));
    let asked = client.claim_request("workspace/configuration");
    // The same problem again is not news.
    client.respond(asked, json!([wrong]));
    let uri = project.uri("a.py");
    client.open(&uri, "python", 1, TEXT);
    assert_eq!(actions(&mut client, &uri, [0, 0, 0, 0], json!({"diagnostics": []})).as_array().unwrap().len(), 4);
    client.shutdown();
}

#[test]
fn a_broken_file_of_the_user_costs_one_message_that_names_the_place() {
    let project = Project::new(&[("a.py", TEXT)]).trusted();
    project.configure("tier = 'mini'\nnonsense = 1\n");
    let mut client = opened(&project, json!({"workspace": {"applyEdit": true}}));
    let said = client.claim("window/showMessage");
    assert!(said["message"].as_str().unwrap().contains("config.toml line 2"), "{said}");
    let fix = json!({"command": "baton.fix", "arguments": [{"textDocument": {"uri": project.uri("a.py")}}]});
    let error = client.call_error("workspace/executeCommand", fix);
    assert!(error["message"].as_str().unwrap().contains("config.toml line 2"), "{error}");
    client.shutdown();
}

#[test]
fn the_client_is_asked_to_tell_of_changes_if_it_wants_to_be() {
    let project = Project::new(&[]);
    let mut client = opened(&project, json!({"workspace": {"didChangeConfiguration": {"dynamicRegistration": true}}}));
    let asked = client.claim_request("client/registerCapability");
    assert_eq!(asked.params["registrations"][0]["method"], "workspace/didChangeConfiguration");
    client.respond(asked, Value::Null);
    client.shutdown();
}
