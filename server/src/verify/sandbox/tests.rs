//! What a sandbox of each kind holds, and how commands end in it.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Cell, End, Level, Limits, Ran, Sandbox};

/// A project with a private tree, and a neighbour that holds a secret.
struct Place {
    dir: tempfile::TempDir,
    cell: Cell,
}

impl Place {
    fn new() -> Self {
        // Not below /tmp, which is hidden inside anyway.
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let (tree, at) = (dir.path().join("tree"), dir.path().join("project"));
        for made in [&tree, &at, &dir.path().join("home/.ssh")] {
            fs::create_dir_all(made).unwrap();
        }
        fs::write(dir.path().join("home/.ssh/id"), "SECRET-KEY").unwrap();
        let cell = Cell { tree, cwd: at.clone(), at, readable: vec![], writable: vec![], env: vec![], overlay: None };
        Self { dir, cell }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    async fn sh(&self, sandbox: &Sandbox, script: &str, limits: &Limits) -> Ran {
        let argv = ["sh", "-c", script].map(str::to_owned);
        sandbox.run(&self.cell, &argv, limits, &CancellationToken::new()).await
    }
}

fn short() -> Limits {
    Limits { wall: Duration::from_secs(20), ..Limits::default() }
}

/// Whether a process with this word in its command line is alive anywhere on the machine.
fn alive(word: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let mut line = String::new();
        fs::File::open(entry.path().join("cmdline")).and_then(|mut f| f.read_to_string(&mut line)).is_ok()
            && line.contains(word)
    })
}

#[tokio::test]
async fn what_is_outside_can_neither_be_read_nor_written() {
    for sandbox in Sandbox::of_each_level() {
        let place = Place::new();
        let secret = place.path("home/.ssh/id");
        let canary = place.path("escaped");
        let script = format!(
            "cat {secret}; cat {secret_up}; echo x > {canary}; echo x > /usr/escaped; echo x > /etc/escaped; ls /root /home /var; echo kept > inside",
            secret = secret.display(),
            secret_up = "../home/.ssh/id",
            canary = canary.display(),
        );
        let ran = place.sh(&sandbox, &script, &short()).await;
        assert_eq!(ran.end, End::Exited(0), "{}", ran.output);
        assert!(!ran.output.contains("SECRET-KEY"), "{}", ran.output);
        assert!(!canary.exists());
        assert_eq!(fs::read_to_string(place.cell.tree.join("inside")).unwrap(), "kept\n");
        // The canary fires where the wall is off: the same script outside.
        let outside =
            std::process::Command::new("sh").args(["-c", &format!("cat {}", secret.display())]).output().unwrap();
        assert!(String::from_utf8_lossy(&outside.stdout).contains("SECRET-KEY"));
    }
}

#[tokio::test]
async fn settings_are_shown_without_what_may_hold_a_password() {
    for sandbox in Sandbox::of_each_level() {
        let place = Place::new();
        // Where there is no Java there is nothing to see either.
        let script = "cat /etc/java-*/management/* && echo SEEN; touch /etc/java-*/management/new && echo MADE";
        let ran = place.sh(&sandbox, script, &short()).await;
        assert!(!ran.output.contains("SEEN") && !ran.output.contains("MADE"), "{}", ran.output);
    }
}

#[tokio::test]
async fn no_variable_and_no_descriptor_of_ours_gets_in() {
    for sandbox in Sandbox::of_each_level() {
        let place = Place::new();
        // A descriptor that stays open over exec, as one inherited from an editor does.
        let leaked = rustix::io::dup(fs::File::open(place.path("home/.ssh/id")).unwrap()).unwrap();
        let script =
            "env; n=3; while [ $n -lt 400 ]; do (: <&$n) 2>/dev/null && echo OPEN $n; n=$((n+1)); done; echo looked";
        let ran = place.sh(&sandbox, script, &short()).await;
        assert!(ran.output.contains("looked") && !ran.output.contains("OPEN"), "{}", ran.output);
        // Cargo sets these for every test run; they stand for a key in the environment.
        assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok());
        assert!(!ran.output.contains("CARGO_MANIFEST_DIR"), "{}", ran.output);
        drop(leaked);
    }
}

#[tokio::test]
async fn there_is_no_network_and_no_privilege() {
    for sandbox in Sandbox::of_each_level() {
        let place = Place::new();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let reach = format!("import socket; socket.create_connection(('127.0.0.1', {port}), 2); print('REACHED')");
        let outside = std::process::Command::new("/usr/bin/python3").args(["-c", &reach]).output();
        if let Ok(outside) = outside {
            assert!(String::from_utf8_lossy(&outside.stdout).contains("REACHED"));
        }
        let script = format!(
            "/usr/bin/python3 -c \"{reach}\"; unshare -U true && echo NEW-NAMESPACE; mount -t tmpfs x /tmp && echo MOUNTED; grep Cap /proc/self/status"
        );
        let ran = place.sh(&sandbox, &script, &short()).await;
        for word in ["REACHED", "NEW-NAMESPACE", "MOUNTED"] {
            assert!(!ran.output.contains(word), "{}", ran.output);
        }
        if sandbox.level() == Level::Landlock {
            // There is no file to see them in; the canary of the probe asks the kernel.
            continue;
        }
        let capabilities = ran.output.lines().filter(|line| line.starts_with("Cap"));
        assert!(capabilities.filter(|line| line.ends_with("\t0000000000000000")).count() >= 4, "{}", ran.output);
    }
}

#[tokio::test]
async fn nothing_survives_an_end_of_any_kind() {
    for sandbox in Sandbox::of_each_level() {
        let place = Place::new();
        let word = format!("{}", 86_400 + std::process::id());
        let daemon = format!("setsid nohup sleep {word} >/dev/null 2>&1 & ");
        let ran = place.sh(&sandbox, &format!("{daemon} echo left"), &short()).await;
        assert_eq!((ran.end, ran.output.trim()), (End::Exited(0), "left"));
        assert!(!alive(&word), "after the command ended by itself");

        let ran = place
            .sh(&sandbox, &format!("{daemon} sleep {word}"), &Limits { wall: Duration::from_millis(300), ..short() })
            .await;
        assert_eq!(ran.end, End::TimedOut);
        assert!(!alive(&word), "after a time-out");

        let cancel = CancellationToken::new();
        let started = place.path("tree/started");
        let argv = ["sh".into(), "-c".into(), format!("{daemon} touch started; sleep {word}")];
        // Far beyond any pause of the machine: only cancelling may end it.
        let limits = Limits { wall: Duration::from_secs(86_400), ..short() };
        let stop = async {
            while !started.exists() {
                tokio::task::yield_now().await;
            }
            assert!(alive(&word), "the canary: it does run until it is cancelled");
            cancel.cancel();
        };
        let (ran, ()) = tokio::join!(sandbox.run(&place.cell, &argv, &limits, &cancel), stop);
        assert_eq!(ran.end, End::Cancelled);
        assert!(!alive(&word), "after cancelling");
    }
}

#[tokio::test]
async fn a_fork_bomb_ends() {
    for sandbox in Sandbox::of_each_level() {
        let place = Place::new();
        let bomb = "f() { f | f & f | f & wait; }; f";
        let ran = place.sh(&sandbox, bomb, &Limits { processes: 64, ..short() }).await;
        // As root the count is held from outside; else the kernel refuses to fork and the shell gives up or goes on.
        assert_ne!(ran.end, End::Exited(0), "{}", ran.output);
        assert!(ran.ms < 20_000 || ran.end == End::TimedOut);
    }
}

#[tokio::test]
async fn a_command_is_told_of_the_end_of_its_children_and_asked_to_end() {
    for sandbox in Sandbox::of_each_level() {
        let place = Place::new();
        let ran = place.sh(&sandbox, "(exit 3) & (exit 4) & wait; echo waited", &short()).await;
        assert_eq!((ran.end, ran.output.as_str()), (End::Exited(0), "waited\n"));
        let ran = place
            .sh(&sandbox, "(trap 'echo asked; exit' TERM; kill -TERM $(sh -c 'echo $PPID'); echo deaf)", &short())
            .await;
        assert_eq!((ran.end, ran.output.as_str()), (End::Exited(0), "asked\n"));
    }
}

#[tokio::test]
async fn memory_files_and_output_have_limits() {
    for sandbox in Sandbox::of_each_level() {
        let place = Place::new();
        let limits = Limits { memory: 256 << 20, file: 1 << 20, output: 64 * 1024, ..short() };
        let ran = place.sh(&sandbox, "/usr/bin/python3 -c 'x = bytearray(1 << 30)'; dd if=/dev/zero of=big bs=1M count=8 2>/dev/null; ls -l big", &limits).await;
        assert!(ran.output.contains("MemoryError"), "{}", ran.output);
        assert_eq!(fs::metadata(place.cell.tree.join("big")).unwrap().len(), 1 << 20);
        let ran = place.sh(&sandbox, "yes flood | head -c 50000000; echo THE-END", &limits).await;
        assert!(ran.output.len() < 80_000 && ran.output.ends_with("THE-END\n"), "{} bytes", ran.output.len());
        // Together more than each alone may.
        let hog = "import time; x = bytearray(150 << 20); time.sleep(60)";
        let ran = place
            .sh(&sandbox, &format!("for i in 1 2 3 4; do /usr/bin/python3 -c '{hog}' & done; wait"), &limits)
            .await;
        assert_eq!(ran.end, End::Signalled);
        assert!(ran.output.contains("[stopped: too much memory]"), "{}", ran.output);
    }
}

#[tokio::test]
async fn a_filter_gives_text_or_nothing() {
    for sandbox in Sandbox::of_each_level() {
        let place = Place::new();
        let limits = Limits { wall: Duration::from_secs(2), ..Limits::default() };
        for (script, expected) in [
            ("tr a-z A-Z", Some("TWO LINES\n")),
            ("head -c 3", Some("two")),
            ("cat; exit 1", None),
            ("printf '\\377'", None),
            ("cat /dev/zero", None),
            ("sleep 7305.5", None),
        ] {
            let argv = ["/bin/sh", "-c", script].map(str::to_owned);
            let written = sandbox.filter(&place.cell, &argv, "two lines\n", &limits, &CancellationToken::new()).await;
            assert_eq!(written.as_deref(), expected, "{script}");
        }
        assert!(!alive("sleep\x007305.5"));
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_and_a_tree_without_rights_are_ordinary_ends() {
    for sandbox in Sandbox::of_each_level() {
        let place = Place::new();
        let argv = ["no-such-program".to_owned()];
        let ran = sandbox.run(&place.cell, &argv, &short(), &CancellationToken::new()).await;
        assert_eq!(ran.end, End::Exited(127), "{}", ran.output);
        let mut gone = place.cell.clone();
        gone.tree = place.path("not-there");
        let ran = sandbox.run(&gone, &argv, &short(), &CancellationToken::new()).await;
        assert!(matches!(ran.end, End::Exited(code) if code != 0), "{}", ran.output);
        fs::set_permissions(&place.cell.tree, fs::Permissions::from_mode(0o700)).unwrap();
    }
}
