//! The ground that one attack is carried out on: a project, a world outside it with secrets, listening sockets and a
//! process, and every sign that something was done to them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;

/// A sign that an attack achieved something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sign {
    /// A secret is in the output.
    Secret,
    /// Something outside the private tree was written, or its rights or times were changed.
    Written,
    /// A socket outside heard something.
    Reached,
    /// A process outside was ended or stopped.
    Killed,
    /// A process of the attack lives on.
    Alive,
    /// The attack says so itself; it does only if it can know.
    Said,
    /// There is more output than may be kept.
    Flood,
    /// The output has something in it that a terminal obeys.
    Control,
}

/// See there. Everything goes when it is dropped.
pub(super) struct Ground {
    dir: tempfile::TempDir,
    token: String,
    word: String,
    victim: Child,
    streams: TcpListener,
    datagrams: UdpSocket,
    by_path: UnixListener,
    by_name: UnixListener,
    before: BTreeMap<PathBuf, String>,
}

/// What the process outside does: it waits. The last argument is only there to be seen.
const VICTIM: &str = "wait='tail -f /dev/null'; [ $(id -u) = 0 ] && wait=\"setpriv --bounding-set -all --inh-caps -all $wait\"; exec $wait \"$0\"";

/// A variable that cargo sets for tests; it stands for a key in Baton's environment.
const VARIABLE: &str = "CARGO_PKG_DESCRIPTION";

impl Ground {
    /// Lays out the project: files, and links with where they lead.
    pub(super) fn new(files: &BTreeMap<String, String>, links: &BTreeMap<String, String>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = format!("{}{:05}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let token = format!("TOKEN-{number}");
        // Not below /tmp, which is hidden inside anyway.
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let outside = dir.path().join("outside");
        for made in ["outside/home/.ssh", "outside/home/.config", "project", "state"] {
            std::fs::create_dir_all(dir.path().join(made)).unwrap();
        }
        std::fs::set_permissions(dir.path().join("state"), PermissionsExt::from_mode(0o700)).unwrap();
        let secret = outside.join("home/.ssh/id_ed25519");
        std::fs::write(&secret, &token).unwrap();
        std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
        for plain in [".bashrc", ".profile", ".gitconfig"] {
            std::fs::write(outside.join("home").join(plain), "# mine\n").unwrap();
        }
        symlink("home/.bashrc", outside.join("link")).unwrap();
        let streams = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let datagrams = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let by_path = UnixListener::bind(outside.join("socket")).unwrap();
        let name = SocketAddr::from_abstract_name(format!("baton-{number}")).unwrap();
        let by_name = UnixListener::bind_addr(&name).unwrap();
        streams.set_nonblocking(true).unwrap();
        datagrams.set_nonblocking(true).unwrap();
        by_path.set_nonblocking(true).unwrap();
        by_name.set_nonblocking(true).unwrap();
        // It has the secret in its arguments, its environment, its working directory and its standard input.
        // It has no more rights than the attack, even if the tests run as root.
        let victim = Command::new("/bin/sh")
            .args(["-c", VICTIM, &token])
            .env("KEY", &token)
            .current_dir(secret.parent().unwrap())
            .stdin(std::fs::File::open(&secret).unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let is_ready =
            || std::fs::read_to_string(format!("/proc/{}/comm", victim.id())).is_ok_and(|name| name == "tail\n");
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_ready() {
            assert!(Instant::now() < deadline, "the process outside does not start");
            std::thread::yield_now();
        }
        let word = format!("3600.{number}");
        let mut ground =
            Self { dir, token, word, victim, streams, datagrams, by_path, by_name, before: BTreeMap::new() };
        for (path, text) in files {
            let path = ground.project().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = ground.filled(text);
            std::fs::write(&path, &text).unwrap();
            if text.starts_with("#!") {
                std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
            }
        }
        for (name, target) in links {
            let path = ground.project().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(ground.filled(target), path).unwrap();
        }
        ground.before = ground.look();
        ground
    }

    /// The workspace.
    pub(super) fn project(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    /// Where private copies are kept.
    pub(super) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The text with what it names of this ground in place of the `@words@`.
    pub(super) fn filled(&self, text: &str) -> String {
        let outside = self.dir.path().join("outside");
        let port = |address: std::io::Result<std::net::SocketAddr>| address.unwrap().port().to_string();
        let mut filled = text.to_owned();
        for (word, value) in [
            ("@secret@", outside.join("home/.ssh/id_ed25519").display().to_string()),
            ("@absent@", outside.join("absent").display().to_string()),
            ("@outside@", outside.display().to_string()),
            ("@home@", outside.join("home").display().to_string()),
            ("@project@", self.project().display().to_string()),
            ("@port@", port(self.streams.local_addr())),
            ("@udp@", port(self.datagrams.local_addr())),
            ("@socket@", outside.join("socket").display().to_string()),
            ("@name@", self.word.replacen("3600.", "baton-", 1)),
            ("@victim@", self.victim.id().to_string()),
            ("@word@", self.word.clone()),
            ("@token@", self.token.clone()),
        ] {
            filled = filled.replace(word, &value);
        }
        filled
    }

    /// What was done, as far as it can be seen. Processes of the attack that live on are ended.
    pub(super) fn signs(&mut self, output: &str) -> BTreeSet<Sign> {
        let variable = std::env::var(VARIABLE).expect("cargo runs the tests");
        let heard = self.streams.accept().is_ok()
            || self.by_path.accept().is_ok()
            || self.by_name.accept().is_ok()
            || self.datagrams.recv(&mut [0]).is_ok();
        let obeyed = |c: char| {
            (c.is_control() && !"\n\t".contains(c)) || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        [
            (output.contains(&self.token) || output.contains(&variable), Sign::Secret),
            (self.look() != self.before, Sign::Written),
            (heard, Sign::Reached),
            (self.victim_is_hit(), Sign::Killed),
            (self.end_left_over(), Sign::Alive),
            (output.contains("ESCAPED"), Sign::Said),
            (output.len() > 300_000, Sign::Flood),
            (output.contains(obeyed), Sign::Control),
        ]
        .into_iter()
        .filter_map(|(seen, sign)| seen.then_some(sign))
        .collect()
    }

    /// Whether the process outside has ended or stopped, or is about to.
    fn victim_is_hit(&mut self) -> bool {
        loop {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.victim.id())).unwrap_or_default();
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
            let is_pending = [field("SigPnd:"), field("ShdPnd:")].iter().any(|bits| bits.contains(|c| c != '0'));
            match field("State:").chars().next() {
                // It waits, as it always does, and nothing has been sent to it.
                Some('S' | 'D') if !is_pending => return false,
                Some('R' | 'S' | 'D') => std::thread::yield_now(),
                _ => return true,
            }
        }
    }

    /// Everything outside the private tree: what it is, what is in it, its rights and its time.
    pub(super) fn look(&self) -> BTreeMap<PathBuf, String> {
        let mut seen = BTreeMap::new();
        let mut folders = vec![self.dir.path().join("outside"), self.project()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let found = path.symlink_metadata().unwrap();
                let content = match () {
                    () if found.is_file() => {
                        std::fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                    }
                    () if found.is_symlink() => std::fs::read_link(&path).map(|target| target.display().to_string()),
                    () => Ok(String::new()),
                };
                let time = if found.is_dir() { 0 } else { found.mtime() };
                seen.insert(path.clone(), format!("{:o} {time} {} {content:?}", found.mode(), found.nlink()));
                if found.is_dir() {
                    folders.push(path);
                }
            }
        }
        seen
    }

    /// Whether a process with our word in its command line lives; it does not afterwards.
    fn end_left_over(&self) -> bool {
        let mut found = false;
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            let mut line = String::new();
            let read =
                std::fs::File::open(entry.path().join("cmdline")).and_then(|mut file| file.read_to_string(&mut line));
            if read.is_ok() && line.contains(&self.word) {
                found = true;
                end(number);
            }
        }
        found
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = self.victim.kill();
        let _ = self.victim.wait();
        // An attack may have taken our rights to remove it.
        let mut folders = vec![self.dir.path().to_owned()];
        while let Some(folder) = folders.pop() {
            let _ = std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700));
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            folders.extend(entries.map(|entry| entry.path()).filter(|path: &PathBuf| is_folder(path)));
        }
    }
}

fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

fn end(number: i32) {
    if let Some(process) = rustix::process::Pid::from_raw(number) {
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }
}
