//! The sandbox as users meet it: programs of the workspace under the names of the system's are never started by Baton,
//! and where bubblewrap is missing, the second kind of sandbox takes its place and is named. Attacks of code that runs
//! in the sandbox are in `tests/redteam/`, and carried out by `server`'s own tests.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use baton_tests::Project;

/// What Baton uses itself, and what people expect an editor's companion to use.
const NAMES: [&str; 8] = ["bwrap", "sh", "git", "cargo", "python3", "node", "rg", "ssh"];

fn planted() -> Project {
    let project = Project::copy_of("tests/demo");
    std::fs::create_dir(project.home()).unwrap();
    for name in NAMES {
        for path in [format!("bin/{name}"), name.to_owned()] {
            let mark = project.home().join(format!("ran-{name}"));
            project.write(&path, &format!("#!/bin/sh\n: > {}\nexit 1\n", mark.display()));
            let path = project.root().join(path);
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        }
    }
    project
}

fn ran(home: &Path) -> Vec<String> {
    let names = std::fs::read_dir(home).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut ran: Vec<String> = names.filter(|name| name.starts_with("ran-")).collect();
    ran.sort();
    ran
}

#[test]
fn a_program_of_the_workspace_is_never_started_by_baton() {
    let usual = std::env::var("PATH").unwrap();
    for first in [".", "bin", "", "ROOT/bin", "ROOT/../project/bin"] {
        let project = planted();
        let first = first.replace("ROOT", project.root().to_str().unwrap());
        let path = format!("{first}:{usual}");
        let fixed = project.command(&["fix", "bookings.py", "--json", "--trust"]).env("PATH", &path).output().unwrap();
        assert!(String::from_utf8_lossy(&fixed.stdout).contains("\"outcome\":\"verified\""), "{first}: {fixed:?}");
        assert_eq!(ran(&project.home()), Vec::<String>::new(), "{first}");
        // The canary: who looks a program up in this path starts what the workspace brings.
        for name in NAMES {
            let mut command = Command::new("/usr/bin/env");
            let _ = command.arg(name).current_dir(project.root()).env("PATH", &path).output().unwrap();
        }
        assert_eq!(ran(&project.home()).len(), NAMES.len(), "{first}");
    }
}

#[test]
fn without_bubblewrap_the_other_sandbox_is_used_and_named() {
    let project = Project::copy_of("tests/demo");
    // In a view of the file system of its own, the program is hidden behind something that is none.
    let hidden = |arguments: &str| {
        let script = format!("mount --bind /dev/null /usr/bin/bwrap && exec \"$0\" {arguments}");
        let mut command = Command::new("unshare");
        command.args(["-Urm", "sh", "-c", &script]).arg(baton_tests::binary());
        let output = project.at_home(&mut command).output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let doctor = hidden("doctor");
    let line = doctor.lines().find(|line| line.contains("sandbox")).unwrap_or_else(|| panic!("{doctor}"));
    assert_eq!(
        line,
        "note    sandbox        confined by Landlock and seccomp: tests can be run, without any network; bubblewrap is not installed (apt-get install bubblewrap)"
    );
    let fixed = hidden("fix bookings.py --trust");
    assert!(fixed.contains("confined by Landlock and seccomp only: bubblewrap is not installed"), "{fixed}");
    let fixed = hidden("fix bookings.py --trust --json");
    assert!(fixed.contains("\"outcome\":\"verified\""), "{fixed}");
}
