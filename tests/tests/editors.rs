//! The main job through editors that need only configuration: the pages' own snippets, in the real programs.

use std::path::Path;
use std::process::Command;

use baton_tests::project::Printed;
use baton_tests::{Project, Terminal, binary, editor_program};

/// The one block of code of a language on a page of `editors/`.
fn snippet(page: &str, language: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../editors").join(page);
    let text = std::fs::read_to_string(file).unwrap();
    let (_, rest) = text.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// The demo, trusted, the environment in which its server is `baton` as the pages say, and the right fix.
fn demo() -> (Project, String, String) {
    let project = Project::copy_of("tests/demo").trusted();
    let folder = binary().canonicalize().unwrap().parent().unwrap().display().to_string();
    let fixed = project.read("bookings.py").replace("start < merged[-1][1]", "start <= merged[-1][1]");
    (project, format!("{folder}:{}", std::env::var("PATH").unwrap()), fixed)
}

#[test]
fn emacs_applies_the_verified_fix_as_one_undo() {
    let Some(emacs) = editor_program("emacs") else { return };
    let (project, path, fixed) = demo();
    let before = project.read("bookings.py");
    let init = project.home().join("init.el");
    std::fs::write(&init, snippet("emacs.md", "elisp")).unwrap();
    let mut command = Command::new(emacs);
    command.args(["-Q", "--batch", "-l"]).arg(init).arg("-l");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("emacs/fix.el")).args(["bookings.py", "8"]);
    let printed: Printed = project.at_home(&mut command).env("PATH", path).output().unwrap().into();
    assert_eq!(printed.code, 0, "{printed:#?}");
    assert_eq!(printed.stdout, format!("{fixed}-- after one undo --\n{before}"));
}

#[test]
fn helix_offers_the_fix_and_takes_it_back() {
    let Some(helix) = editor_program("hx") else { return };
    let (project, path, fixed) = demo();
    let before = project.read("bookings.py");
    let configuration = project.home().join("config/helix");
    std::fs::create_dir_all(&configuration).unwrap();
    std::fs::write(configuration.join("languages.toml"), snippet("helix.md", "toml")).unwrap();
    let log = project.home().join("helix.log");
    let line = format!("PATH='{path}' '{}' -vv --log '{}' bookings.py:8", helix.display(), log.display());
    let Some(mut terminal) = Terminal::start(&project, "helix", &line) else { return };
    let opened = |_: &str| std::fs::read_to_string(&log).is_ok_and(|log| log.contains("textDocument/didOpen"));
    terminal.wait("the server", opened);
    terminal.press(&["Space", "a"]);
    terminal.shows("Fix `merge` with Baton");
    terminal.press(&["Enter"]);
    terminal.shows("start <= merged");
    terminal.press(&[":w", "Enter"]);
    terminal.wait("the fixed file", |_| project.read("bookings.py") == fixed);
    terminal.press(&["u"]);
    terminal.shows("start < merged");
    terminal.press(&[":w", "Enter"]);
    terminal.wait("the file as it was", |_| project.read("bookings.py") == before);
}

#[test]
fn the_other_pages_show_configuration_that_can_be_read() {
    for page in ["zed.md", "kate.md", "sublime.md"] {
        let read: serde_json::Value = serde_json::from_str(&snippet(page, "json")).unwrap();
        assert!(read.to_string().contains("\"lsp\""), "{page}");
    }
}
