//! The language's own tools as a worker: what they can mend is mended without a model, and nothing else is touched.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use baton_tests::client::lsp_range;
use baton_tests::editor::{Editor, full};
use baton_tests::openai::{Act, block};
use baton_tests::{OpenAi, Project};
use serde_json::{Value, json};

const MANIFEST: &str = "[package]\nname = \"cart\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
const LOCK: &str = "version = 4\n\n[[package]]\nname = \"cart\"\nversion = \"0.1.0\"\n";
const TESTS: &str = "#[test]\nfn adds_up() {\n    assert_eq!(cart::total(&[(2, 3), (5, 1)]), 11);\n}\n";
/// Does not compile: `sum` is not mutable. What is only untidy is not what a broken build is about.
const CART: &str = "\
use std::collections::{BTreeMap, HashMap};

pub fn total(lines: &[(u32, u32)]) -> u32 {
    let sum = 0;
    for line in lines {
        sum += line.0 * line.1;
    }
    return sum;
}

pub fn keys(map: &HashMap<String, u32>) -> usize {
    map.keys().count()
}
";

fn rust(source: &str) -> Project {
    Project::new(&[("Cargo.toml", MANIFEST), ("Cargo.lock", LOCK), ("src/lib.rs", source), ("tests/cart.rs", TESTS)])
}

fn workers(reply: &Value) -> Vec<String> {
    let steps = reply["steps"].as_array().expect("a list of steps");
    steps
        .iter()
        .map(|step| format!("{}: {}", step["worker"].as_str().unwrap(), step["status"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_build_that_the_compiler_can_mend_is_mended() {
    let project = rust(CART);
    let (code, reply) = project.json(&["fix", "src/lib.rs", "--apply"]);
    assert_eq!((code, workers(&reply)), (0, vec!["toolchain: verified".to_owned()]), "{reply:#}");
    assert_eq!(reply["verdict"]["passed"], 1, "{reply:#}");
    assert_eq!(project.read("src/lib.rs"), CART.replace("let sum", "let mut sum"));
}

#[test]
fn what_the_compiler_finds_untidy_is_mended_where_nothing_else_is_wrong() {
    let compiles = CART.replace("let sum", "let mut sum");
    let project = rust(&compiles);
    let (code, reply) = project.json(&["fix", "src/lib.rs", "--apply"]);
    assert_eq!((code, workers(&reply)), (0, vec!["toolchain: verified".to_owned()]), "{reply:#}");
    let tidy = compiles.replace("{BTreeMap, HashMap}", "HashMap");
    assert_eq!(project.read("src/lib.rs"), tidy, "clippy is not this project's");
    project.write("clippy.toml", "");
    let (code, reply) = project.json(&["fix", "src/lib.rs:8", "--apply"]);
    assert_eq!(code, 0, "{reply:#}");
    assert_eq!(project.read("src/lib.rs"), tidy.replace("return sum;", "sum"));
    let (code, reply) = project.json(&["fix", "src/lib.rs"]);
    assert_eq!((code, workers(&reply)), (1, vec!["toolchain: declined".to_owned()]), "{reply:#}");
    assert!(
        reply["message"].as_str().unwrap().starts_with("all 1 tests of `cargo test --offline` pass; say what"),
        "{reply:#}"
    );
}

#[test]
fn a_test_that_fails_in_a_program_that_compiles_is_not_its_business() {
    let wrong = CART.replace("let sum", "let mut sum").replace("line.0 * line.1", "line.0 * line.0");
    let project = rust(&wrong);
    project.configure("[repair]\nenabled = false\n");
    let (code, reply) = project.json(&["fix", "src/lib.rs"]);
    assert_eq!((code, workers(&reply)), (1, Vec::new()), "{reply:#}");
}

#[test]
fn that_no_tool_knows_a_fix_is_no_failed_attempt() {
    let wrong = CART.replace("let sum", "let mut sum").replace("return sum", "return \"sum\"");
    let project = rust(&wrong);
    let server = OpenAi::start([Act::Say(block("src/lib.rs", "    return \"sum\";", "    return sum;"))]);
    project.configure(&format!("[repair]\nenabled = false\n{}", server.worker("model", "")));
    let (code, reply) = project.json(&["fix", "src/lib.rs"]);
    assert_eq!(
        (code, workers(&reply)),
        (0, vec!["toolchain: declined".to_owned(), "model: verified".into()]),
        "{reply:#}"
    );
    assert_eq!(reply["workflow"][1]["access"], "none", "{reply:#}");
    assert!(!reply["workflow"][1]["subtask"].as_str().unwrap().contains("refused"), "{reply:#}");
}

#[test]
fn what_the_project_forges_is_judged_like_anything_else() {
    let source = CART.replace("let sum", "let mut sum").replace("{BTreeMap, HashMap}", "HashMap");
    let project = rust(&source);
    let message = |file: &str, text: &str, old: &str, new: &str| {
        let start = text.find(old).unwrap();
        let span = json!({
            "file_name": file, "byte_start": start, "byte_end": start + old.len(), "is_primary": true,
            "suggested_replacement": new, "suggestion_applicability": "MachineApplicable",
        });
        let help = json!({"message": "help", "level": "help", "spans": [span], "children": []});
        json!({"$message_type": "diagnostic", "message": "m", "level": "error", "spans": [span], "children": [help]})
    };
    let forged = [
        // In the tests, outside of the function in question, outside of the workspace; and one that is simply wrong.
        message("tests/cart.rs", TESTS, "11", "12"),
        message("src/lib.rs", &source, "map.keys()", "map.values()"),
        message("../home/config/baton/config.toml", "tier", "tier", ""),
        message("src/lib.rs", &source, "sum = 0", "sum = 1"),
    ];
    project.write("forged.json", &forged.map(|message| format!("{message}\n")).concat());
    project.write("wrapper", "#!/bin/sh\ncat \"${0%/*}/forged.json\" >&2\nexec \"$@\"\n");
    executable(&project, "wrapper");
    project.write(".cargo/config.toml", "[build]\nrustc-wrapper = './wrapper'\n");
    let (code, reply) = project.json(&["fix", "src/lib.rs:4", "--apply"]);
    assert_eq!((code, workers(&reply)), (1, vec!["toolchain: rejected".to_owned()]), "{reply:#}");
    let report = reply["verdict"]["report"].as_str().unwrap();
    assert!(report.contains("left: 12\n") && report.contains("right: 11"), "the one forged fix in the focus: {report}");
    assert_eq!((project.read("src/lib.rs"), project.read("tests/cart.rs")), (source, TESTS.to_owned()));
}

fn executable(project: &Project, path: &str) {
    std::fs::set_permissions(project.root().join(path), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_compiler_mends_c_with_the_flags_of_the_project() {
    let source = "#include \"shop.h\"\n\nint width(struct shelf *shelf) {\n    return shelf.width;\n}\n";
    let project = Project::new(&[
        ("Makefile", ""),
        ("src/shop.c", source),
        ("include/shop.h", "struct shelf {\n    int width;\n};\nint width(struct shelf *shelf);\n"),
        (
            "check.c",
            "#include \"shop.h\"\nint main(void) {\n    struct shelf shelf = {7};\n    return width(&shelf) != 7;\n}\n",
        ),
        ("check.sh", "cc -Iinclude -o \"$TMPDIR/check\" check.c src/shop.c && \"$TMPDIR/check\"\n"),
    ]);
    let database = json!([{
        "directory": project.root().join("build"), "file": "../src/shop.c",
        "command": "cc -I../include -DDEEP=1 -o shop.o -c ../src/shop.c",
    }]);
    let test = ["fix", "src/shop.c", "--test", "sh check.sh", "--apply"];
    let (_, reply) = project.json(&test);
    assert_eq!(workers(&reply)[0], "toolchain: declined", "without the header nothing is known: {reply:#}");
    project.write("compile_commands.json", &database.to_string());
    let (code, reply) = project.json(&test);
    assert_eq!((code, workers(&reply)), (0, vec!["toolchain: verified".to_owned()]), "{reply:#}");
    assert_eq!(project.read("src/shop.c"), source.replace("shelf.width", "shelf->width"));
}

#[test]
fn a_tool_that_changes_files_in_place_changes_the_private_copy_only() {
    let source = "<?php\n$a = array();\n\nfunction f() {\n    return array();\n}\n";
    let project = Project::new(&[
        ("src/shop.php", source),
        ("composer.json", "{}\n"),
        (".php-cs-fixer.php", "<?php\n"),
        // The project's own, as Composer installs it.
        ("vendor/bin/php-cs-fixer", "#!/bin/sh\ntest -f \"${2#--config=}\" && sed -i 's/array()/[]/' \"$4\"\n"),
    ]);
    executable(&project, "vendor/bin/php-cs-fixer");
    let (code, reply) = project.json(&["fix", "src/shop.php:5"]);
    assert_eq!((code, workers(&reply)), (1, vec!["toolchain: unverified".to_owned()]), "{reply:#}");
    let diff = reply["diff"].as_str().unwrap();
    let changed: Vec<&str> = diff.lines().skip(2).filter(|line| line.starts_with(['-', '+'])).collect();
    assert_eq!(changed, ["-    return array();", "+    return [];"], "{diff}");
    assert_eq!(project.read("src/shop.php"), source);
}

#[test]
fn a_tool_that_is_not_installed_is_named() {
    let source = "var a = 1;\nmodule.exports = { a };\n";
    let project = Project::new(&[
        ("shop.js", source),
        ("shop.test.js", "require('node:test')('a', () => require('node:assert').equal(require('./shop').a, 1));\n"),
        ("eslint.config.js", "module.exports = [{ rules: { 'no-var': 'error' } }];\n"),
    ]);
    let installed = std::process::Command::new("eslint").arg("--version").output().is_ok();
    let printed = project.baton(&["fix", "shop.js", "--trust", "--apply"]);
    if installed {
        assert_eq!((printed.code, project.read("shop.js")), (0, source.replace("var", "let")), "{printed:#?}");
        return;
    }
    assert_eq!(printed.code, 1, "{printed:#?}");
    assert!(printed.stderr.contains("step 1: eslint is not installed, so it was not asked"), "{printed:#?}");
}

#[test]
fn ruff_mends_what_it_calls_safe() {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../.tools/venv/bin")
        .canonicalize()
        .expect("tests/setup.sh test made it");
    let source = "import os, json\n\ndef größe(text):\n    if not text in (\"a\", \"ü\"):\n        return None\n    return json.loads(text) == None\n";
    let project = Project::new(&[
        ("ruff.toml", "[lint]\nselect = [\"E\", \"F\"]\n"),
        ("shop.py", source),
        (
            "test_shop.py",
            "import unittest, shop\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertIsNone(shop.größe(\"x\"))\n",
        ),
    ]);
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let fix = |place: &str| {
        let output =
            project.command(&["fix", place, "--apply", "--json", "--trust"]).env("PATH", &path).output().unwrap();
        let reply: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
        assert_eq!(workers(&reply), ["toolchain: verified"], "{reply:#}");
    };
    fix("shop.py:4");
    let one = source.replace("not text in", "text not in");
    assert_eq!(project.read("shop.py"), one, "only the function that was named");
    fix("shop.py");
    // `== None` is a change that ruff does not call safe.
    assert_eq!(project.read("shop.py"), one.replace("import os, json", "import json"));
}

#[test]
fn a_diagnostic_in_the_editor_is_mended_and_no_other_is() {
    let source = CART.replace("let sum", "let mut sum").replace("return sum", "let unused = (sum);\n    return sum");
    let mut editor = Editor::open(rust(&source), "src/lib.rs", full());
    let import = json!({
        "range": lsp_range([0, 23, 0, 31]), "message": "unused import: `BTreeMap`\n`#[warn(unused_imports)]` on by default",
        "source": "rustc", "code": "unused_imports", "severity": 2,
    });
    let params = json!({
        "textDocument": {"uri": editor.uri}, "range": lsp_range([0, 23, 0, 31]),
        "context": {"diagnostics": [import], "triggerKind": 1},
    });
    let offered = editor.client.call("textDocument/codeAction", params);
    let said = "unused import: `BTreeMap`\n`#[warn(unused_imports)]` on by default (rustc unused_imports)";
    assert_eq!(offered[0]["arguments"][0]["diagnostics"], json!([said]));
    let command = json!({"command": offered[0]["command"], "arguments": offered[0]["arguments"]});
    let reply = editor.client.call("workspace/executeCommand", command);
    let seen = editor.follow(reply["job"].as_str().unwrap(), |_, method, _| match method {
        "workspace/applyEdit" => json!({"applied": true}),
        _ => Value::Null,
    });
    let [edit] = &*seen.edits else { panic!("{:?} {:?}", seen.edits, seen.lines) };
    let after = editor.after(&edit["edit"]["documentChanges"][0]["edits"]);
    assert_eq!(after, source.replace("{BTreeMap, HashMap}", "HashMap"));
    editor.client.shutdown();
}
