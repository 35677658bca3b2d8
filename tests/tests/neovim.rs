//! The main job through an editor that we did not write: Neovim, headless, with its own LSP client.

use std::path::Path;
use std::process::Command;

use baton_tests::project::{Printed, Project};

#[test]
fn neovim_applies_the_verified_fix_as_one_undo() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let neovim = here.join("../.tools/nvim/nvim");
    assert!(neovim.exists(), "Neovim is missing: run tests/neovim.sh, as `make test` does");
    let project = Project::copy_of("tests/demo");
    let before = project.read("bookings.py");
    assert_eq!(project.baton(&["trust", "."]).code, 0);
    let mut command = Command::new(neovim);
    command.args(["--headless", "--clean", "-l"]).arg(here.join("neovim/fix.lua"));
    command.arg(baton_tests::binary()).arg(project.root().join("bookings.py")).arg("8");
    let printed: Printed = project.at_home(&mut command).output().unwrap().into();
    assert_eq!(printed.code, 0, "{printed:#?}");
    let fixed = before.replace("start < merged[-1][1]", "start <= merged[-1][1]");
    assert_eq!(printed.stdout, format!("{fixed}-- after one undo --\n{before}"));
    assert_eq!(project.read("bookings.py"), before, "the editor's buffer is edited, not the disk");
}
