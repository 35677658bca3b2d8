//! The tiny generative model of the tests, made by the project's own script.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The real program.
pub const EXE: &str = env!("CARGO_BIN_EXE_baton");

static MODEL: LazyLock<PathBuf> = LazyLock::new(|| {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let model = project.join(".tools/models/tiny.gguf");
    let script = project.join("tests/tiny_model/make.py");
    let made = Command::new("python3").arg(script).arg(&model).status().expect("python3 runs");
    assert!(made.success(), "the script makes a model");
    model.canonicalize().expect("it is there")
});

/// Its file, which is made if it is not there.
pub fn model() -> PathBuf {
    MODEL.clone()
}
