//! Baton's extension in the real VS Code: its workbench in a headless Chromium, driven by the keyboard (tests/vscode).

use std::path::Path;
use std::process::{Command, Stdio};

use baton_tests::OpenAi;
use baton_tests::openai::{Act, Call, block};
use baton_tests::project::Project;
use serde_json::json;

/// A key that may stand nowhere but in the server's environment and in its calls.
const KEY: &str = "key-5f2d0c";

#[test]
fn vscode_shows_applies_and_takes_back_verified_edits() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let missing: Vec<&str> = [".tools/vscode/package", "editors/vscode/node_modules/.installed", "/usr/bin/chromium"]
        .into_iter()
        .filter(|path| !root.join(path).exists())
        .collect();
    if !missing.is_empty() {
        let wanted = std::env::var_os("CI").is_some() || root.join(".tools/vscode").exists();
        assert!(!wanted, "VS Code is missing ({missing:?}): run tests/setup.sh test");
        eprintln!("SKIPPED: VS Code's tests need {missing:?}; tests/setup.sh test installs them");
        return;
    }
    let built = Command::new(root.join("editors/vscode/build.sh")).env("BATON_BIN", baton_tests::binary()).status();
    assert!(built.unwrap().success(), "editors/vscode/build.sh failed");

    let (said, calls) = drive(&root);
    insta::assert_snapshot!(said);
    assert!(calls.iter().all(|call| call.authorization.as_deref() == Some(&format!("Bearer {KEY}"))), "{calls:#?}");
}

/// Everything in a workbench, a project and a home of its own: what the scenarios say, and what the model was asked.
fn drive(root: &Path) -> (String, Vec<Call>) {
    let documented = |what: &str| {
        let old = "    gaps = []";
        Act::Say(block("bookings.py", old, &format!("    # {what}.\n{old}")))
    };
    let two_places = block("bookings.py", "    gaps = []", "    gaps: list = []")
        + &block("bookings.py", "        gaps.append((at, closes))", "        gaps.append((at, closes))  # the last");
    let answer = "It gives the **gaps** <script>document.title = 'run'</script>![x](https://models.example/x.png).";
    let server = OpenAi::start([documented("First"), Act::Say(two_places), Act::Say(answer.to_owned()), Act::Hang]);
    let project = Project::copy_of("tests/demo");
    std::fs::remove_file(project.root().join("run.sh")).unwrap();
    project.write("settings.json", "{\n  \"rooms\": 3,,\n}\n");
    let worker = server.worker("scripted", "key_env = \"SCRIPTED_KEY\"\nstrength = 0.9\nusd_in = 1.0\nusd_out = 5.0\n");
    project.configure(&format!("[verify]\nevidence = false\nwritten_tests = false\n{worker}"));

    let state = tempfile::tempdir().unwrap();
    let plan = json!({
        "project": project.root(),
        "state": state.path(),
        "vsix": root.join("target/editors/baton-linux-x64.vsix"),
        "pictures": root.join("target/vscode"),
        "key": KEY,
    });
    let mut command = Command::new(root.join("editors/vscode/node_modules/.bin/node"));
    command.arg(root.join("tests/vscode/drive.mjs")).arg(plan.to_string());
    let output = project.at_home(&mut command).stderr(Stdio::inherit()).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), server.calls())
}
