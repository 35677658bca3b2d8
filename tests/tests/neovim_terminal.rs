//! Neovim in a real terminal, installed as its help says and used by keyboard alone. The screens are kept in
//! `target/screens/neovim`.

use std::path::Path;
use std::process::Command;

use baton_tests::openai::{Act, OpenAi, block};
use baton_tests::{Project, Terminal, binary, editor_program};

/// The plugin as `make editors` packs it, unpacked where Neovim looks, and the lines of `:help baton-setup`.
fn install(project: &Project) {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let made = Command::new("make").args(["-s", "editors-neovim"]).current_dir(&checkout).status().unwrap();
    assert!(made.success());
    let start = project.home().join("data/nvim/site/pack/baton/start");
    std::fs::create_dir_all(&start).unwrap();
    let archive = checkout.join("target/editors/baton.nvim.tar.gz");
    let unpacked = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&start).status().unwrap();
    assert!(unpacked.success());
    let configuration = project.home().join("config/nvim");
    std::fs::create_dir_all(&configuration).unwrap();
    let init = format!(
        "vim.lsp.config('baton', {{ cmd = {{ '{}', 'lsp' }} }})\nvim.lsp.enable('baton')\nvim.o.statusline = \"%f %m%=%{{%v:lua.require'baton'.statusline()%}} %l,%c\"\n",
        binary().canonicalize().unwrap().display()
    );
    std::fs::write(configuration.join("init.lua"), init).unwrap();
}

#[test]
fn everything_is_done_by_keyboard_in_a_terminal() {
    let Some(neovim) = editor_program("nvim") else { return };
    let old = "        if merged and start < merged[-1][1]:";
    let new = "        if merged and start <= merged[-1][1]:";
    let fix = || Act::Say(block("bookings.py", old, new));
    let answer = Act::Say("When many bookings *touch*.".to_owned());
    let server = OpenAi::start([fix(), fix(), fix(), answer, Act::Hang]);
    let project = Project::copy_of("tests/demo");
    project.configure(&format!("[repair]\nenabled = false\n{}", server.worker("scripted", "")));
    let before = project.read("bookings.py");
    install(&project);
    let data = project.home().join("data");
    let line = format!("XDG_DATA_HOME='{}' '{}' bookings.py", data.display(), neovim.display());
    let Some(mut terminal) = Terminal::start(&project, "neovim", &line) else { return };

    // A folder that is not trusted: nothing runs, and trust is offered.
    terminal.shows("Baton mini");
    terminal.press(&["8Ggra"]);
    terminal.shows("Trust this folder, so that Baton can fix `merge`…");
    terminal.press(&["1", "Enter"]);
    terminal.shows("Do you trust");
    assert_eq!(server.calls().len(), 0);
    terminal.press(&["1", "Enter"]);
    terminal.shows("from now on");
    terminal.press(&["Enter"]);

    // The menu, the preview, a rejection.
    terminal.press(&["gra"]);
    terminal.shows("Fix `merge` with Baton");
    terminal.press(&["1", "Enter"]);
    let preview = terminal.shows("what you accept");
    for part in ["Baton: fix `merge`", "6 tests passed, 0 failed", "ga accept", "q reject", old.trim(), new.trim()] {
        assert!(preview.contains(part), "{part}:\n{preview}");
    }
    terminal.press(&["q"]);
    terminal.wait("the end of the preview", |screen| !screen.contains("what you accept"));
    assert!(!terminal.shows("bookings.py").contains("[+]"));

    // An instruction, accepted, saved, undone, saved.
    terminal.press(&[":8Baton bookings that touch are joined, too", "Enter"]);
    terminal.shows("what you accept");
    terminal.press(&["ga"]);
    terminal.shows("bookings.py [+]");
    terminal.press(&[":w", "Enter"]);
    terminal.wait("the file", |_| project.read("bookings.py") == before.replace(old, new));
    let test = Command::new("python3").args(["-m", "unittest"]).current_dir(project.root()).output().unwrap();
    assert!(test.status.success(), "{test:?}");
    terminal.press(&["u", ":w", "Enter"]);
    terminal.wait("the file as it was", |_| project.read("bookings.py") == before);

    // What is typed into the place meanwhile stands.
    terminal.press(&[":8Baton fix", "Enter"]);
    terminal.shows("what you accept");
    terminal.press(&["gt", "8GA # mine", "Escape"]);
    terminal.shows("merged[-1][1]: # mine");
    terminal.press(&["gt"]);
    terminal.shows("what you accept");
    terminal.press(&["ga"]);
    terminal.shows("Baton changed nothing");
    terminal.press(&["Enter", "u"]);
    terminal.wait("the text as it was", |screen| !screen.contains("# mine") && !screen.contains("Press ENTER"));

    // A question; a job that is stopped.
    terminal.press(&[":Baton ask when is this slow?", "Enter"]);
    terminal.shows("When many bookings *touch*.");
    terminal.press(&["C-w", "jq"]);
    terminal.press(&[":8Baton return tuples", "Enter"]);
    terminal.shows("scripted begins");
    terminal.press(&[":BatonCancel", "Enter"]);
    terminal.shows("cancelled");

    // The record, the health, the help.
    terminal.press(&[":BatonRuns", "Enter"]);
    terminal.shows("Baton's runs");
    terminal.press(&["j", "Enter"]);
    terminal.shows("step 1: scripted");
    terminal.press(&["qq"]);
    terminal.press(&[":checkhealth baton", "Enter"]);
    terminal.shows("baton doctor");
    terminal.press(&[":helptags ALL", "Enter", ":help :BatonRuns", "Enter"]);
    terminal.shows("List what was done");
    assert_eq!(project.read("bookings.py"), before);
    terminal.press(&[":qall!", "Enter"]);
}
