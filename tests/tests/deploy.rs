//! The files for running the endpoint as a service, read by the programs that they are for.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/deploy").join(name);
    std::fs::read_to_string(path).expect("it is in the repository")
}

/// The unit with a program and a user that are there, as systemd reads it.
fn unit(text: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("baton.service");
    let text = text
        .replace("/usr/local/bin/baton", baton_tests::binary().canonicalize().expect("built").to_str().expect("plain"));
    std::fs::write(&path, text.replace("User=baton", "User=daemon")).expect("a new file");
    Command::new("systemd-analyze").arg("verify").arg(path).output().expect("tests/setup.sh installed it")
}

fn compose(text: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    std::fs::write(path("compose.yaml"), text).expect("a new file");
    std::fs::write(path("keys.env"), "STRONG_KEY=x\n").expect("a new file");
    let mut command = Command::new("docker-compose");
    command.arg("-f").arg(path("compose.yaml")).arg("config").output().expect("tests/setup.sh installed it")
}

#[test]
fn systemd_reads_the_unit() {
    let read = unit(&file("baton.service"));
    assert!(read.status.success() && read.stderr.is_empty(), "{read:?}");
    let broken = unit(&file("baton.service").replace("Restart=on-failure", "Restart=on-whim"));
    assert!(!broken.stderr.is_empty(), "the canary: {broken:?}");
}

#[test]
fn compose_reads_its_file() {
    let read = compose(&file("compose.yaml"));
    let said = String::from_utf8_lossy(&read.stdout);
    assert!(read.status.success() && said.contains("STRONG_KEY: x") && said.contains("baton:4141"), "{read:?}");
    let broken = compose(&file("compose.yaml").replace("restart:", "restarts:"));
    assert!(!broken.status.success(), "the canary: {broken:?}");
}
