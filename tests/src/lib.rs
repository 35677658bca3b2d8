//! What the end-to-end tests share: the real binary, projects to run it in, and a strict editor.

pub mod client;
pub mod editor;
pub mod http;
pub mod hub;
pub mod openai;
pub mod postgres;
pub mod project;
pub mod protocols;
pub mod terminal;

use std::path::PathBuf;

pub use client::Client;
pub use http::Endpoint;
pub use hub::Hub;
pub use openai::OpenAi;
pub use postgres::Postgres;
pub use project::Project;
pub use terminal::Terminal;

/// The program under test: `BATON_BIN`, else the release build beside the test's own directory.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("BATON_BIN").map(PathBuf::from).unwrap_or_else(|| {
        let test = std::env::current_exe().expect("a running test has a path");
        let built = |folder: &std::path::Path| folder.join("baton");
        let up = test.ancestors().skip(1).map(built).find(|path| path.is_file());
        up.unwrap_or_else(|| PathBuf::from("target/release/baton"))
    });
    assert!(path.is_file(), "{} is not there; run `cargo build --release` first", path.display());
    path
}

/// A terminal editor that `tests/editors.sh` unpacked: `nvim`, `hx` or `emacs`. Where there is none, that is said, and
/// its tests are skipped.
pub fn editor_program(name: &str) -> Option<PathBuf> {
    let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.tools/editors").join(name);
    let found = program.exists().then_some(program);
    if found.is_none() {
        eprintln!("SKIPPED: {name} is not in .tools/editors; tests/editors.sh puts it there");
    }
    found
}
