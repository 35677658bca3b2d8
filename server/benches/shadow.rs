//! How long a private copy of a workspace of 20,000 files takes: the first time, and after one file has changed.

use std::fs;
use std::path::PathBuf;

use baton::verify::{Shadow, Texts};

const DIRECTORIES: usize = 400;
const FILES_EACH: usize = 50;

fn main() {
    divan::main();
}

struct Workspace {
    dir: tempfile::TempDir,
}

impl Workspace {
    fn new() -> Self {
        let workspace = Self { dir: tempfile::tempdir().expect("a temporary directory can be made") };
        for directory in 0..DIRECTORIES {
            let path = workspace.root().join(format!("package_{}/module_{directory}", directory % 20));
            fs::create_dir_all(&path).expect("it is writable");
            for file in 0..FILES_EACH {
                let text = format!("def function_{file}(x):\n    return x + {directory}\n").repeat(20);
                fs::write(path.join(format!("file_{file}.py")), text).expect("it is writable");
            }
        }
        workspace
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("workspace")
    }

    fn shadow(&self, state: &str) -> Shadow {
        Shadow::open(&self.root(), &self.dir.path().join(state), 0).expect("the state directory is writable")
    }
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn first_sync_of_20_000_files(bencher: divan::Bencher<'_, '_>) {
    let workspace = Workspace::new();
    let mut number = 0;
    bencher
        .with_inputs(|| {
            number += 1;
            workspace.shadow(&format!("state-{number}"))
        })
        .bench_local_refs(|shadow| shadow.sync(&Texts::new()).expect("it is copied"));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn sync_of_one_changed_file_in_20_000(bencher: divan::Bencher<'_, '_>) {
    let workspace = Workspace::new();
    let mut shadow = workspace.shadow("state");
    shadow.sync(&Texts::new()).expect("it is copied");
    let mut number = 0;
    bencher
        .with_inputs(|| {
            number += 1;
            fs::write(workspace.root().join("package_7/module_7/file_7.py"), format!("x = {number}\n"))
                .expect("written");
        })
        .bench_local_refs(|()| assert_eq!(shadow.sync(&Texts::new()).expect("it is copied"), 1));
}
