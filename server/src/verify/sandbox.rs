//! Where foreign code runs: bubblewrap around one command, seeing one tree and the toolchains, and nothing else.

use std::ffi::OsString;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;
use tokio_util::sync::CancellationToken;

use super::leash;
use super::output::{self, Capped};
use super::overlay::Overlay;
use super::pen::Pen;
use super::toolchains::{self, Toolchains};

/// A working bubblewrap. It exists only after it has really run a command.
#[derive(Debug, Clone)]
pub struct Sandbox {
    bwrap: PathBuf,
    prlimit: PathBuf,
    pen: Option<Arc<Pen>>,
}

/// What a command may see and change: one private tree, shown at the workspace's own path.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The private tree on this machine.
    pub(super) tree: PathBuf,
    /// The workspace's path, where the tree appears inside.
    pub(super) at: PathBuf,
    /// Where the command starts, as seen inside; below `at`.
    pub(super) cwd: PathBuf,
    /// Shown read-only: path on this machine, path inside.
    pub(super) readable: Vec<(PathBuf, PathBuf)>,
    /// Shown writable and kept between runs: path on this machine, path inside.
    pub(super) writable: Vec<(PathBuf, PathBuf)>,
    /// Variables beside the fixed few.
    pub(super) env: Vec<(String, String)>,
    /// What is mounted before, where the tree is a view of another.
    pub(super) overlay: Option<Overlay>,
}

/// What a command may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall clock; then everything is killed.
    pub wall: Duration,
    /// Bytes of memory, of each process and of all together.
    pub memory: u64,
    /// Processes and threads at one time.
    pub processes: u64,
    /// Bytes of the largest file that may be written.
    pub file: u64,
    /// Bytes of output that are kept: the beginning and the end.
    pub output: usize,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal, or because it used more than it may; the output's last line says which.
    Signalled,
    /// It was killed when its time was over.
    TimedOut,
    /// It was killed because the run was cancelled.
    Cancelled,
}

/// A command's end and what it printed.
#[derive(Debug, Clone)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// Standard output and error as they came, capped, without control sequences.
    pub output: String,
    /// Milliseconds.
    pub ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { wall: Duration::from_secs(120), memory: 4 << 30, processes: 512, file: 1 << 30, output: 1 << 20 }
    }
}

impl Cell {
    /// Shows one more file or directory of this machine, read-only, at `inside`.
    pub fn readable(mut self, host: impl Into<PathBuf>, inside: impl Into<PathBuf>) -> Self {
        self.readable.push((host.into(), inside.into()));
        self
    }

    /// Sets one more variable for the command.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Where the command starts, as seen inside.
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// The workspace's path, where the tree appears inside.
    pub fn root(&self) -> &Path {
        &self.at
    }
}

impl Sandbox {
    /// Finds bubblewrap and runs it once; otherwise one sentence with what to do.
    pub fn probe() -> Result<Self, String> {
        let missing = "bubblewrap is not installed (apt-get install bubblewrap)";
        let bwrap = toolchains::find_program("bwrap").ok_or(missing)?;
        let prlimit =
            toolchains::find_program("prlimit").ok_or("prlimit is not installed (apt-get install util-linux)")?;
        close_inherited_on_exec();
        let sandbox = Self { bwrap, prlimit, pen: Pen::make().map(Arc::new) };
        let mut trial = sandbox.outer();
        trial.args(WALLS).args(base_mounts()).args(["--remount-ro", "/", "--"]);
        trial.args(sandbox.limit_args(&Limits::default())).arg("/usr/bin/true");
        let output = trial.output().map_err(|e| format!("{} cannot be started: {e}", sandbox.bwrap.display()))?;
        if output.status.success() {
            return Ok(sandbox);
        }
        let said = output::clean(&String::from_utf8_lossy(&output.stderr));
        let said = said.lines().next().unwrap_or("it gave no reason").to_owned();
        Err(if said.contains("disable-userns") || said.contains("nknown option") {
            format!("bubblewrap is too old, 0.8 or newer is needed (apt-get install bubblewrap): {said}")
        } else {
            format!("bubblewrap cannot make a sandbox here (user namespaces may be switched off): {said}")
        })
    }

    /// `argv` in the cell, ready to spawn; stdio is the caller's to set. The command dies with the
    /// thread that spawns it, so spawn it from one that outlives it (a runtime's worker, not a blocking task).
    /// Wall time, total memory and output are the caller's to hold; [`Sandbox::run`] does, see also [`leash::overrun`].
    pub fn command(&self, cell: &Cell, argv: &[String], limits: &Limits) -> tokio::process::Command {
        let mut toolchains = Toolchains::find(&cell.at, argv.first().map_or("", String::as_str));
        cell.readable.iter().for_each(|(host, _)| toolchains.add_environment(host));
        let home = toolchains.home();
        let mut mounts: Vec<Mount> = Vec::new();
        mounts.extend(toolchains.paths().iter().map(|path| Mount::new("--ro-bind-try", path, path)));
        mounts.push(Mount::new("--bind", &cell.tree, &cell.at));
        mounts.extend(cell.readable.iter().map(|(host, inside)| Mount::new("--ro-bind", host, inside)));
        mounts.extend(cell.writable.iter().map(|(host, inside)| Mount::new("--bind", host, inside)));
        // What lies inside another mount must be mounted after it.
        mounts.sort_by_key(|mount| mount.inside.components().count());

        let mut command = self.outer();
        command.current_dir("/").process_group(0);
        if let Some(overlay) = &cell.overlay {
            overlay.mount_in(&mut command);
        }
        command.args(WALLS).args(base_mounts());
        command.args(["--size", SCRATCH_BYTES, "--tmpfs"]).arg(home);
        for mount in &mounts {
            command.arg(mount.flag).arg(&mount.host).arg(&mount.inside);
        }
        command.args(["--remount-ro", "/", "--chdir"]).arg(&cell.cwd);
        let fixed = FIXED_ENV.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
        let chosen = cell.env.iter().map(|(name, value)| (name.clone(), value.into()));
        for (name, value) in fixed.chain(toolchains.env()).chain(chosen) {
            command.arg("--setenv").arg(name).arg::<OsString>(value);
        }
        command.arg("--").args(FIRST_PROCESS).args(self.limit_args(limits)).args(argv);
        let mut command = tokio::process::Command::from(command);
        command.kill_on_drop(true);
        command
    }

    /// Runs `argv` in the cell within its limits. When this returns, nothing of it is alive.
    pub async fn run(&self, cell: &Cell, argv: &[String], limits: &Limits, cancel: &CancellationToken) -> Ran {
        let started = Instant::now();
        let ended = |end, output| Ran { end, output, ms: started.elapsed().as_millis() as u64 };
        if cancel.is_cancelled() {
            return ended(End::Cancelled, String::new());
        }
        let mut command = self.command(cell, argv, limits);
        let (mut child, mut output) = match start(&mut command) {
            Ok(started) => started,
            Err(e) => return ended(End::Exited(127), format!("the sandbox cannot be started: {e}")),
        };
        // The command holds the writing end of the pipe; the end of output is seen only without it.
        drop(command);
        let pid = child.id().unwrap_or_default();
        let mut kept = Capped::new(limits.output);
        let (mut over, mut killed) = (None, None);
        let status = {
            let work = async {
                kept.read_all(&mut output).await;
                child.wait().await.ok()
            };
            tokio::pin!(work);
            let done = tokio::select! {
                status = &mut work => Some(status),
                () = tokio::time::sleep(limits.wall) => { killed = Some(End::TimedOut); None }
                () = cancel.cancelled() => { killed = Some(End::Cancelled); None }
                why = leash::overrun(pid, *limits, cell.tree.clone()) => { over = Some(why); killed = Some(End::Signalled); None }
            };
            match done {
                Some(status) => status,
                None => {
                    leash::kill(pid);
                    // The outer process ends when everything inside has: waiting for it is the proof.
                    tokio::time::timeout(Duration::from_secs(5), &mut work).await.unwrap_or_else(|_| {
                        tracing::error!(pid, "a killed sandbox has not ended after 5 s");
                        None
                    })
                }
            }
        };
        let end = killed.unwrap_or_else(|| match status.and_then(|status| status.code()) {
            // bwrap and shells report a death by signal N as 128 + N.
            Some(code) if code <= 128 => End::Exited(code),
            _ => End::Signalled,
        });
        let mut text = kept.into_text();
        if let Some(why) = over {
            text.push_str(&format!("\n[stopped: {why}]\n"));
        }
        ended(end, text)
    }

    /// What `argv` makes of `input`: its standard output, if it succeeds within its limits and writes text.
    pub async fn filter(
        &self,
        cell: &Cell,
        argv: &[String],
        input: &str,
        limits: &Limits,
        cancel: &CancellationToken,
    ) -> Option<String> {
        let mut command = self.command(cell, argv, limits);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let (mut feed, output) = (child.stdin.take()?, child.stdout.take()?);
        let pid = child.id().unwrap_or_default();
        let work = async {
            let feed = async {
                // A program that stops reading early has its reasons.
                let _ = feed.write_all(input.as_bytes()).await;
                drop(feed);
            };
            let mut written = Vec::new();
            let mut capped = output.take(limits.output as u64 + 1);
            let ((), read) = tokio::join!(feed, capped.read_to_end(&mut written));
            let fits = read.is_ok() && written.len() <= limits.output;
            (fits && child.wait().await.is_ok_and(|status| status.success())).then_some(written)
        };
        let written = tokio::select! {
            written = work => written,
            () = tokio::time::sleep(limits.wall) => None,
            () = cancel.cancelled() => None,
            _ = leash::overrun(pid, *limits, cell.tree.clone()) => None,
        };
        if written.is_none() {
            leash::kill(pid);
            let _ = tokio::time::timeout(Duration::from_secs(5), child.wait()).await;
        }
        String::from_utf8(written?).ok()
    }

    /// bubblewrap, counted in the pen where there is one: the shell goes in and becomes bubblewrap.
    fn outer(&self) -> std::process::Command {
        let mut command = match &self.pen {
            None => std::process::Command::new(&self.bwrap),
            Some(pen) => {
                let mut command = std::process::Command::new("/bin/sh");
                command.args(["-c", "echo $$ > \"$0\"; exec \"$@\""]).arg(pen.entrance()).arg(&self.bwrap);
                command
            }
        };
        command.env_clear();
        command
    }

    /// The prefix that sets the limits of each process. They are set inside the namespaces, where a count of
    /// processes is the sandbox's own. Memory is RLIMIT_DATA: what a process may write to, not the address
    /// space, of which node and the JVM reserve far more than they use.
    fn limit_args(&self, limits: &Limits) -> Vec<OsString> {
        let limit = |name: &str, value: u64| OsString::from(format!("--{name}={value}"));
        vec![
            self.prlimit.clone().into(),
            limit("core", 0),
            limit("fsize", limits.file),
            limit("data", limits.memory),
            limit("nproc", limits.processes),
            limit("nofile", 4096),
        ]
    }
}

/// One thing shown inside.
struct Mount {
    flag: &'static str,
    host: PathBuf,
    inside: PathBuf,
}

impl Mount {
    fn new(flag: &'static str, host: &Path, inside: &Path) -> Self {
        Self { flag, host: host.to_owned(), inside: inside.to_owned() }
    }
}

/// The walls: new namespaces of every kind, no way to make more, no capabilities, no terminal, no environment.
const WALLS: [&str; 9] = [
    "--unshare-all",
    "--unshare-user",
    "--disable-userns",
    "--cap-drop",
    "ALL",
    "--die-with-parent",
    "--new-session",
    "--clearenv",
    "--as-pid-1",
];

/// The first process inside: a shell that waits for the command, and for what its daemons leave. bubblewrap's own
/// would report the end before the rest is dead; as the shell is the namespace's first process, the end of
/// bubblewrap means that nothing is left.
const FIRST_PROCESS: [&str; 4] = ["/bin/sh", "-c", "\"$@\"; exit $?", "sh"];

/// Bytes of each scratch file system in memory: the home directory, `/tmp`, `/dev/shm`.
const SCRATCH_BYTES: &str = "536870912";

/// What of `/etc` programs need to start, to name their user and to tell the time. No secret is among it.
const ETC: [&str; 12] = [
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "nsswitch.conf",
    "hosts",
    "localtime",
    "timezone",
    "mime.types",
    "os-release",
    "ssl/certs",
    "ssl/openssl.cnf",
];

/// The same for every command. Tests must be repeatable, leave no caches that could hide a change,
/// print plainly and never wait for a network that is not there.
const FIXED_ENV: [(&str, &str); 17] = [
    ("LANG", "C.UTF-8"),
    ("TMPDIR", "/tmp"),
    ("TERM", "dumb"),
    ("COLUMNS", "200"),
    ("NO_COLOR", "1"),
    ("CI", "1"),
    ("USER", "baton"),
    ("LOGNAME", "baton"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("PYTHONUNBUFFERED", "1"),
    ("PYTHONHASHSEED", "0"),
    ("CARGO_TERM_COLOR", "never"),
    ("CARGO_NET_OFFLINE", "true"),
    ("GOPROXY", "off"),
    ("GOTOOLCHAIN", "local"),
    ("npm_config_offline", "true"),
    ("npm_config_update_notifier", "false"),
];

fn base_mounts() -> Vec<OsString> {
    let mut args: Vec<OsString> = ["--ro-bind", "/usr", "/usr"].iter().map(OsString::from).collect();
    for top in ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"] {
        match std::fs::read_link(top) {
            Ok(target) => args.extend(["--symlink".into(), target.into(), top.into()]),
            Err(_) => args.extend(["--ro-bind-try", top, top].map(OsString::from)),
        }
    }
    for name in ETC {
        let path = format!("/etc/{name}");
        args.extend(["--ro-bind-try".into(), path.clone().into(), path.into()]);
    }
    for (flag, place) in [("--proc", "/proc"), ("--dev", "/dev")] {
        args.extend([flag, place].map(OsString::from));
    }
    for place in ["/dev/shm", "/tmp"] {
        args.extend(["--size", SCRATCH_BYTES, "--perms", "1777", "--tmpfs", place].map(OsString::from));
    }
    args.extend(["--remount-ro", "/dev"].map(OsString::from));
    args
}

/// Starts the command with both outputs in one pipe, so that their lines keep their order.
fn start(command: &mut tokio::process::Command) -> io::Result<(Child, Receiver)> {
    let (output, errors) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(errors.try_clone()?).stderr(errors);
    let child = command.spawn()?;
    Ok((child, Receiver::from_owned_fd(output.into())?))
}

/// Descriptors that whoever started Baton left open must not reach foreign code. Baton's own are closed on
/// exec already.
fn close_inherited_on_exec() {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    let numbers = open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for number in numbers.filter(|number| *number > 2).collect::<Vec<_>>() {
        // SAFETY: the number was in use a moment ago; if it was closed meanwhile the call fails with EBADF, and if
        // it was reused, it is a descriptor of ours, which is to be closed on exec too.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let _ = rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use std::time::Duration;

    use tokio_util::sync::CancellationToken;

    use super::{Cell, End, Limits, Ran, Sandbox};

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
            let cell =
                Cell { tree, cwd: at.clone(), at, readable: vec![], writable: vec![], env: vec![], overlay: None };
            Self { dir, cell }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        async fn sh(&self, script: &str, limits: &Limits) -> Ran {
            let argv = ["sh", "-c", script].map(str::to_owned);
            Sandbox::probe().unwrap().run(&self.cell, &argv, limits, &CancellationToken::new()).await
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
        let place = Place::new();
        let secret = place.path("home/.ssh/id");
        let canary = place.path("escaped");
        let script = format!(
            "cat {secret}; cat {secret_up}; echo x > {canary}; echo x > /usr/escaped; echo x > /etc/escaped; ls /root /home /var; echo kept > inside",
            secret = secret.display(),
            secret_up = "../home/.ssh/id",
            canary = canary.display(),
        );
        let ran = place.sh(&script, &short()).await;
        assert_eq!(ran.end, End::Exited(0), "{}", ran.output);
        assert!(!ran.output.contains("SECRET-KEY"), "{}", ran.output);
        assert!(!canary.exists());
        assert_eq!(fs::read_to_string(place.cell.tree.join("inside")).unwrap(), "kept\n");
        // The canary fires where the wall is off: the same script outside.
        let outside =
            std::process::Command::new("sh").args(["-c", &format!("cat {}", secret.display())]).output().unwrap();
        assert!(String::from_utf8_lossy(&outside.stdout).contains("SECRET-KEY"));
    }

    #[tokio::test]
    async fn no_variable_and_no_descriptor_of_ours_gets_in() {
        let place = Place::new();
        // A descriptor that stays open over exec, as one inherited from an editor does.
        let leaked = rustix::io::dup(fs::File::open(place.path("home/.ssh/id")).unwrap()).unwrap();
        let ran = place.sh("env; ls /proc/self/fd | tr '\\n' ' '", &short()).await;
        assert!(ran.output.contains("0 1 2 3 ") && !ran.output.contains(" 4 "), "{}", ran.output);
        // Cargo sets these for every test run; they stand for a key in the environment.
        assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok());
        assert!(!ran.output.contains("CARGO_MANIFEST_DIR"), "{}", ran.output);
        drop(leaked);
    }

    #[tokio::test]
    async fn there_is_no_network_and_no_privilege() {
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
        let ran = place.sh(&script, &short()).await;
        for word in ["REACHED", "NEW-NAMESPACE", "MOUNTED"] {
            assert!(!ran.output.contains(word), "{}", ran.output);
        }
        let capabilities = ran.output.lines().filter(|line| line.starts_with("Cap"));
        assert!(capabilities.filter(|line| line.ends_with("\t0000000000000000")).count() >= 4, "{}", ran.output);
    }

    #[tokio::test]
    async fn nothing_survives_an_end_of_any_kind() {
        let place = Place::new();
        let word = format!("{}", 86_400 + std::process::id());
        let daemon = format!("setsid nohup sleep {word} >/dev/null 2>&1 & ");
        let ran = place.sh(&format!("{daemon} echo left"), &short()).await;
        assert_eq!((ran.end, ran.output.trim()), (End::Exited(0), "left"));
        assert!(!alive(&word), "after the command ended by itself");

        let ran =
            place.sh(&format!("{daemon} sleep {word}"), &Limits { wall: Duration::from_millis(300), ..short() }).await;
        assert_eq!(ran.end, End::TimedOut);
        assert!(!alive(&word), "after a time-out");

        let cancel = CancellationToken::new();
        let started = place.path("tree/started");
        let argv = ["sh".into(), "-c".into(), format!("{daemon} touch started; sleep {word}")];
        let (sandbox, limits) = (Sandbox::probe().unwrap(), short());
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

    #[tokio::test]
    async fn a_fork_bomb_ends() {
        let place = Place::new();
        let bomb = "f() { f | f & f | f & wait; }; f";
        let ran = place.sh(bomb, &Limits { processes: 64, ..short() }).await;
        // As root the count is held from outside; else the kernel refuses to fork and the shell gives up or goes on.
        assert_ne!(ran.end, End::Exited(0), "{}", ran.output);
        assert!(ran.ms < 20_000 || ran.end == End::TimedOut);
    }

    #[tokio::test]
    async fn memory_files_and_output_have_limits() {
        let place = Place::new();
        let limits = Limits { memory: 256 << 20, file: 1 << 20, output: 64 * 1024, ..short() };
        let ran = place.sh("/usr/bin/python3 -c 'x = bytearray(1 << 30)'; dd if=/dev/zero of=big bs=1M count=8 2>/dev/null; ls -l big", &limits).await;
        assert!(ran.output.contains("MemoryError"), "{}", ran.output);
        assert_eq!(fs::metadata(place.cell.tree.join("big")).unwrap().len(), 1 << 20);
        let ran = place.sh("yes flood | head -c 50000000; echo THE-END", &limits).await;
        assert!(ran.output.len() < 80_000 && ran.output.ends_with("THE-END\n"), "{} bytes", ran.output.len());
        // Together more than each alone may.
        let hog = "import time; x = bytearray(150 << 20); time.sleep(60)";
        let ran = place.sh(&format!("for i in 1 2 3 4; do /usr/bin/python3 -c '{hog}' & done; wait"), &limits).await;
        assert_eq!(ran.end, End::Signalled);
        assert!(ran.output.contains("[stopped: too much memory]"), "{}", ran.output);
    }

    #[tokio::test]
    async fn a_filter_gives_text_or_nothing() {
        let (place, sandbox) = (Place::new(), Sandbox::probe().unwrap());
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

    #[tokio::test]
    async fn a_program_that_is_not_there_and_a_tree_without_rights_are_ordinary_ends() {
        let place = Place::new();
        let argv = ["no-such-program".to_owned()];
        let ran = Sandbox::probe().unwrap().run(&place.cell, &argv, &short(), &CancellationToken::new()).await;
        assert_eq!(ran.end, End::Exited(127), "{}", ran.output);
        let mut gone = place.cell.clone();
        gone.tree = place.path("not-there");
        let ran = Sandbox::probe().unwrap().run(&gone, &argv, &short(), &CancellationToken::new()).await;
        assert!(matches!(ran.end, End::Exited(code) if code != 0), "{}", ran.output);
        fs::set_permissions(&place.cell.tree, fs::Permissions::from_mode(0o700)).unwrap();
    }
}
