//! The main job through Neovim: headless with its own LSP client, and with the plugin, driven by keys.

use std::path::{Path, PathBuf};
use std::process::Command;

use baton_tests::Project;
use baton_tests::openai::{Act, OpenAi, block};
use baton_tests::project::Printed;

/// Neovim with a script, in the project; what it leaves in its temporary folder goes with the project.
fn neovim(project: &Project, script: &str) -> Option<Command> {
    let mut command = Command::new(baton_tests::editor_program("nvim")?);
    std::fs::create_dir_all(project.home()).unwrap();
    project.at_home(&mut command).env("TMPDIR", project.home());
    command.args(["--headless", "--clean", "-l"]).arg(here("neovim").join(script));
    Some(command)
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs a scenario of `tests/neovim` to its end and gives what it printed; nothing where there is no Neovim.
fn scenario(project: &Project, script: &str, name: &str) -> Option<String> {
    let mut command = neovim(project, script)?;
    let plugin = here("../editors/neovim").canonicalize().unwrap();
    command.env("BATON", baton_tests::binary()).env("PLUGIN", plugin).env("BATON_PROJECT", project.root());
    let printed: Printed = command.arg(name).output().unwrap().into();
    assert_eq!(printed.code, 0, "{name}: {printed:#?}");
    // What was measured.
    eprint!("{}", printed.stderr);
    Some(printed.stdout)
}

/// The demo, which repair cannot fix here, and a model that answers so.
fn scripted(script: impl IntoIterator<Item = Act>) -> (Project, OpenAi) {
    let server = OpenAi::start(script);
    let project = Project::copy_of("tests/demo");
    project.configure(&format!("[repair]\nenabled = false\n{}", server.worker("scripted", "")));
    (project, server)
}

#[test]
fn neovim_applies_the_verified_fix_as_one_undo() {
    let (project, before) = demo();
    let Some(mut command) = neovim(&project, "fix.lua") else { return };
    command.arg(baton_tests::binary()).arg(project.root().join("bookings.py")).arg("8");
    let printed: Printed = command.output().unwrap().into();
    assert_eq!(printed.code, 0, "{printed:#?}");
    let fixed = before.replace("start < merged[-1][1]", "start <= merged[-1][1]");
    assert_eq!(printed.stdout, format!("{fixed}-- after one undo --\n{before}"));
    assert_eq!(project.read("bookings.py"), before, "the editor's buffer is edited, not the disk");
}

/// The demo, trusted, and what is in it.
fn demo() -> (Project, String) {
    let project = Project::copy_of("tests/demo").trusted();
    let before = project.read("bookings.py");
    (project, before)
}

/// The right fix, and beside it a sentence that changes.
fn fix_and_sentence() -> Act {
    let sentence = |end: &str| {
        format!("    \"\"\"The gaps between `opens` and `closes` in which the room can still be had{end}.\"\"\"")
    };
    let condition = |sign: &str| format!("        if merged and start {sign} merged[-1][1]:");
    let fix = block("bookings.py", &condition("<"), &condition("<="));
    Act::Say(fix + &block("bookings.py", &sentence(""), &sentence(", and nothing else")))
}

/// The right fix with its comparison in a file of its own, and a file that goes.
fn three_files() -> Act {
    Act::Say(
        "*** Begin Patch\n*** Update File: bookings.py\n@@\n-def merge(bookings):\n+from spans import overlaps\n+\n+\n+def merge(bookings):\n@@\n-        if merged and start < merged[-1][1]:\n+        if merged and overlaps(start, merged[-1][1]):\n*** Add File: spans.py\n+def overlaps(start, end):\n+    return start <= end\n*** Delete File: old.py\n*** End Patch\n".to_owned(),
    )
}

#[test]
fn an_accepted_edit_passes_its_test_on_disk_and_is_one_undo() {
    let (project, before) = demo();
    let Some(said) = scenario(&project, "preview.lua", "accept") else { return };
    insta::assert_snapshot!(said);
    assert_eq!(project.read("bookings.py"), before.replace("start < merged", "start <= merged"));
    let test = Command::new("python3").args(["-m", "unittest"]).current_dir(project.root()).output().unwrap();
    assert!(test.status.success(), "{test:?}");
}

#[test]
fn a_rejected_edit_leaves_everything() {
    let (project, before) = demo();
    scenario(&project, "preview.lua", "reject");
    assert_eq!(project.read("bookings.py"), before);
}

#[test]
fn a_hunk_that_is_taken_back_is_left_out() {
    let (project, _server) = scripted([fix_and_sentence()]);
    let Some(said) = scenario(&project.trusted(), "preview.lua", "hunks") else { return };
    assert_eq!(said, "changed: { \"if merged and start <= merged[-1][1]:\" }\n");
}

#[test]
fn an_edit_of_a_text_that_changed_is_refused() {
    let (project, before) = demo();
    scenario(&project, "preview.lua", "stale");
    assert_eq!(project.read("bookings.py"), before);
}

#[test]
fn what_nothing_could_verify_is_asked_for_again() {
    let (project, _server) = scripted([Act::Say(block("notes.md", "It is long.", "Short."))]);
    project.write("notes.md", "# Notes\n\nIt is long.\n");
    let Some(said) = scenario(&project.trusted(), "preview.lua", "unverified") else { return };
    assert_eq!(said, "changed: { \"Short.\" }\n");
}

#[test]
fn several_files_come_together() {
    let (project, _server) = scripted([three_files()]);
    project.write("old.py", "x = 1\n");
    let project = project.trusted();
    let Some(said) = scenario(&project, "preview.lua", "files") else { return };
    insta::assert_snapshot!(said);
    assert_eq!(project.read("spans.py"), "def overlaps(start, end):\n    return start <= end\n");
    assert!(project.read("bookings.py").contains("overlaps(start, merged"));
    assert!(!project.root().join("old.py").exists());
}

#[test]
fn a_second_edit_waits_in_its_own_tab() {
    let (project, _server) = scripted([fix_and_sentence(), fix_and_sentence()]);
    scenario(&project.trusted(), "preview.lua", "two");
}

#[test]
fn a_cancelled_job_takes_its_preview_away() {
    scenario(&demo().0, "preview.lua", "dismissed");
}

#[test]
fn nothing_opens_under_the_fingers_of_who_types() {
    scenario(&demo().0, "preview.lua", "typing");
}

#[test]
fn an_edit_is_applied_to_all_files_or_to_none() {
    let plugin = here("../editors/neovim").canonicalize().unwrap();
    scenario(&Project::new(&[]), "apply.lua", plugin.to_str().unwrap());
}

/// Neovim's name for each language that Baton knows, where it is another.
const FILETYPES: [(&str, &str); 4] =
    [("csharp", "cs"), ("bash", "sh"), ("tsx", "typescriptreact"), ("markdown_inline", "markdown")];

#[test]
fn neovim_attaches_to_every_language_that_is_known() {
    let configuration = std::fs::read_to_string(here("../editors/neovim/lsp/baton.lua")).unwrap();
    for folder in std::fs::read_dir(here("../grammars")).unwrap() {
        let folder = folder.unwrap();
        let id = folder.file_name().into_string().unwrap();
        if folder.path().join("language.toml").exists() {
            let filetype = FILETYPES.iter().find(|(language, _)| *language == id).map_or(&*id, |(_, name)| name);
            assert!(configuration.contains(&format!("\"{filetype}\"")), "lsp/baton.lua does not name {filetype}");
        }
    }
}

#[test]
fn an_untrusted_folder_runs_nothing_and_offers_trust() {
    let (project, server) = scripted([]);
    let Some(said) = scenario(&project, "commands.lua", "trust") else { return };
    let asked = "asked: { { \"Trust this folder\", \"No\" }, { \"Trust this folder\", \"No\" } }\n";
    assert_eq!(said, format!("{asked}runs: no runs yet\n\n"));
    assert_eq!(server.calls().len(), 0);
    let printed = project.baton(&["doctor"]);
    assert!(!printed.stdout.contains("not trusted"), "{printed:#?}");
}

#[test]
fn an_answer_opens_beside_the_text() {
    let (project, _server) = scripted([Act::Say("Only **this**.".into())]);
    let Some(said) = scenario(&project.trusted(), "commands.lua", "ask") else { return };
    assert_eq!(said, "answer: { \"Only **this**.\" }\ntitle:  what is 100%% sure? (q closes)\nhere: bookings.py\n");
}

#[test]
fn what_hangs_is_cancelled() {
    let (project, _server) = scripted([Act::Hang]);
    scenario(&project.trusted(), "commands.lua", "cancel");
}

#[test]
fn runs_are_listed_and_shown() {
    let project = Project::copy_of("tests/demo").trusted();
    let (code, run) = project.json(&["fix", "bookings.py"]);
    assert_eq!(code, 0, "{run}");
    let Some(said) = scenario(&project, "commands.lua", "runs") else { return };
    let id = run["run"].as_str().unwrap();
    assert!(said.contains(id) && said.contains("step 1: repair as worker"), "{said}");
}

#[test]
fn a_server_that_dies_is_started_again_and_no_text_is_lost() {
    let project = Project::copy_of("tests/demo").trusted();
    if let Some(said) = scenario(&project, "commands.lua", "crash") {
        assert_eq!(said, "in the edit: # also mine\nin the text: # mine\n");
    }
}

#[test]
fn health_says_what_is_found() {
    let project = Project::copy_of("tests/demo").trusted();
    let Some(said) = scenario(&project, "commands.lua", "health") else { return };
    for part in [baton_tests::binary().to_str().unwrap(), "runs in", "configuration", "sandbox"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn keys_that_race_with_an_edit_are_never_mixed_into_it() {
    let rounds = 200;
    let answer = || Act::Say(block("notes.md", "It is long.", "Short."));
    let (project, _server) = scripted(std::iter::repeat_with(answer).take(rounds));
    project.write("notes.md", "# Notes\n\nIt is long.\n\nThe end.\n");
    scenario(&project.trusted(), "races.lua", &rounds.to_string());
}
