//! A PostgreSQL server of a test's own, in a temporary folder and reached over a socket in it. It ends with the test's
//! process, however that ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// `nobody` and its group: the server refuses to be root's.
const NOBODY: u32 = 65534;
/// Starts the server, and ends it with its input: after a line the folder stays, otherwise nobody needs it any more.
const KEEPER: &str = r#""$@" & server=$!
read -r line
kill -INT $server
wait $server
[ "$line" ] || rm -rf "$0""#;
/// Everybody is let in as whom they say they are, except him.
const RULES: &str = "local all guarded scram-sha-256\nlocal all all trust\n";

/// The server; stopped and removed when dropped.
pub struct Postgres {
    folder: PathBuf,
    keeper: Option<Child>,
    databases: AtomicU32,
}

impl Postgres {
    /// A new server without any data.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().expect("a temporary folder").keep();
        if is_root() {
            std::os::unix::fs::chown(&folder, Some(NOBODY), Some(NOBODY)).expect("root gives away what it made");
        }
        let mut server = Self { folder, keeper: None, databases: AtomicU32::new(0) };
        let made = server
            .program("initdb")
            .args(["--username=baton", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(server.data())
            .output()
            .expect("PostgreSQL is installed; tests/setup.sh test does it");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        std::fs::write(server.data().join("pg_hba.conf"), RULES).expect("the server's folder can be written");
        server.again();
        server
    }

    /// Stops it; its data stay.
    pub fn stop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            keeper.stdin.take().expect("it is piped").write_all(b"keep\n").expect("it listens");
            keeper.wait().expect("it ends");
        }
    }

    /// Starts it again.
    pub fn again(&mut self) {
        let bin = program("postgres");
        let mut keeper = self
            .as_user(Path::new("sh"))
            .args(["-c", KEEPER])
            .arg(&self.folder)
            .arg(bin)
            .args(["-F", "-c", "listen_addresses=", "-k"])
            .arg(&self.folder)
            .arg("-D")
            .arg(self.data())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let mut said = BufReader::new(keeper.stderr.take().expect("it is piped"));
        let mut so_far = String::new();
        while !so_far.contains("ready to accept connections") {
            assert!(said.read_line(&mut so_far).is_ok_and(|length| length > 0), "it did not start: {so_far}");
        }
        // It stops when nobody takes what it says.
        std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
        self.keeper = Some(keeper);
    }

    /// The address of a new, empty database.
    pub fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.address("baton", &name)
    }

    /// The address of a database for this user.
    pub fn address(&self, user: &str, database: &str) -> String {
        let folder = self.folder.to_str().expect("a plain path").replace('/', "%2F");
        format!("postgres://{user}@{folder}/{database}")
    }

    /// Does this in a database, named or by its address, and has what came of it.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let database = database.rsplit('/').next().unwrap_or(database);
        let mut command = Command::new(program("psql"));
        command.arg("-h").arg(&self.folder).args([
            "-U",
            "baton",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            sql,
            database,
        ]);
        let done = command.output().expect("psql is installed with the server");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim_end().to_owned()
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn program(&self, name: &str) -> Command {
        self.as_user(&program(name))
    }

    fn as_user(&self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        match is_root() {
            true => command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]),
            false => &mut command,
        };
        command.arg(program).current_dir(&self.folder).env("LC_ALL", "C");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        match self.keeper.take() {
            Some(mut keeper) => {
                drop(keeper.stdin.take());
                let _ = keeper.wait();
            }
            None => drop(std::fs::remove_dir_all(&self.folder)),
        }
    }
}

/// Debian keeps a server's programs out of `PATH`, in a folder for each version.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).max();
    found.unwrap_or_else(|| name.into())
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0)
}
