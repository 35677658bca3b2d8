//! What `baton sandbox-canary` does: it tries to get out of the sandbox that it is started in, and says what it
//! could do. Nothing that it tries does harm if it succeeds.

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Pid;

/// What there is outside.
#[derive(Debug, Clone, clap::Args)]
pub struct Canary {
    /// A file with a secret.
    #[arg(long)]
    pub(super) secret: PathBuf,
    /// A file that does not exist.
    #[arg(long)]
    pub(super) absent: PathBuf,
    /// A port that listens on the loopback interface, for streams and for datagrams.
    #[arg(long)]
    pub(super) port: u16,
    /// A socket that listens, by its path.
    #[arg(long)]
    pub(super) socket: PathBuf,
    /// One by its abstract name.
    #[arg(long)]
    pub(super) name: String,
    /// A process, and the time of its start as `/proc` has it.
    #[arg(long)]
    pub(super) pid: i32,
    /// See `pid`.
    #[arg(long)]
    pub(super) born: String,
}

/// The variable with a secret that the outer process is started with.
pub(super) const VARIABLE: &str = "BATON_CANARY";

/// The last line of one that tried everything.
pub(super) const TRIED: &str = "tried";

/// What it would mean to succeed, and the attempt.
type Attempt = (&'static str, fn(&Canary) -> bool);

impl Canary {
    /// Prints a line for everything that could be done, and a last one.
    pub fn sing(&self) {
        // Whether these did anything outside can only be seen there: inside may be a place of the same name.
        let _ = std::fs::write(&self.absent, "escaped");
        let _ = std::fs::set_permissions(&self.secret, PermissionsExt::from_mode(0o777));
        let attempts: [Attempt; 7] = [
            ("read a file outside", |c| std::fs::read(&c.secret).is_ok()),
            ("reach the network", Self::reaches),
            ("read a variable of Baton's", |_| std::env::var_os(VARIABLE).is_some()),
            ("see or signal a process outside", Self::sees),
            ("use the superuser's rights", |_| {
                rustix::thread::capabilities(None).is_ok_and(|sets| !sets.effective.is_empty())
            }),
            ("open a terminal", |_| std::fs::File::open("/dev/tty").is_ok()),
            // The last: it changes what the others would find.
            ("make a namespace", |_| super::launcher::new_user_namespace()),
        ];
        for (what, attempt) in attempts {
            if attempt(self) {
                println!("{what}");
            }
        }
        println!("{TRIED}");
    }

    fn reaches(&self) -> bool {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        // That it could be sent proves nothing, so the other side looks whether it came.
        let _ = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"escaped", address));
        let abstract_name = std::os::unix::net::SocketAddr::from_abstract_name(&self.name);
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
            || UnixStream::connect(&self.socket).is_ok()
            || abstract_name.is_ok_and(|name| UnixStream::connect_addr(&name).is_ok())
    }

    fn sees(&self) -> bool {
        // In a sandbox with numbers of its own, another process can have this one's.
        let born = born(self.pid);
        let is_another = born.as_ref().is_some_and(|born| *born != self.born);
        let signalled = || Pid::from_raw(self.pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok());
        born.as_ref() == Some(&self.born) || (!is_another && signalled())
    }
}

/// When the process started, as `/proc` has it.
pub(super) fn born(pid: i32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19).map(str::to_owned)
}
