//! Which sandbox there is: the strongest in which none of our own attempts to get out succeeds.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::output;
use super::super::pen::Pen;
use super::bubblewrap::Bubblewrap;
use super::canary::{Canary, TRIED, VARIABLE, born};
use super::fence::Fence;
use super::known::Known;
use super::{Cell, Kind, Level, Limits, Sandbox, Walls};

/// Rights of the secret file; they must still be so afterwards.
const RIGHTS: u32 = 0o600;

/// The strongest sandbox that holds, or why none does.
pub(super) fn strongest() -> Result<Sandbox, String> {
    let pen = Pen::make().map(Arc::new);
    let refused = match of_level(Level::Bubblewrap, pen.clone()) {
        Ok(sandbox) => return Ok(sandbox),
        Err(why) => why,
    };
    match of_level(Level::Landlock, pen) {
        Ok(sandbox) => Ok(Sandbox { refused: Some(refused.into()), ..sandbox }),
        Err(why) => Err(format!("{refused}; and without it, {why}")),
    }
}

/// What is known in `state_dir` of the strongest sandbox.
pub(super) fn known(state_dir: &Path) -> Option<Known> {
    let (bubblewrap, own) = (Bubblewrap::find().ok()?, program().ok()?);
    Known::of(state_dir, &[bubblewrap.program(), &own, Path::new("/bin/sh")])
}

/// The strongest sandbox, where it is known that it holds.
pub(super) fn untried() -> Result<Sandbox, String> {
    super::close_inherited_on_exec();
    let kind = Kind::Bubblewrap(Bubblewrap::find()?);
    Ok(Sandbox { kind, refused: None, pen: Pen::make().map(Arc::new), walls: Walls::default() })
}

/// The sandbox of that strength, if it really holds.
pub(super) fn of_level(level: Level, pen: Option<Arc<Pen>>) -> Result<Sandbox, String> {
    super::close_inherited_on_exec();
    let kind = match level {
        Level::Bubblewrap => Kind::Bubblewrap(Bubblewrap::find()?),
        Level::Landlock => Kind::Fence(Fence { program: program()? }),
    };
    let sandbox = Sandbox { kind, refused: None, pen, walls: Walls::default() };
    match try_out(&sandbox) {
        Ok(held) => held.map(|()| sandbox),
        Err(e) => Err(format!("{level} cannot be tried: {e}")),
    }
}

fn try_out(sandbox: &Sandbox) -> io::Result<Result<(), String>> {
    let program = match program() {
        Ok(program) => program,
        Err(why) => return Ok(Err(why)),
    };
    let dir = tempfile::Builder::new().prefix("baton-").tempdir()?;
    let path = |name: &str| dir.path().join(name);
    let (tree, at) = (path("tree"), path("project"));
    std::fs::create_dir(&tree)?;
    let outside = Outside::new(dir.path())?;
    let inside = PathBuf::from("/run/canary");
    let cell = Cell {
        tree,
        cwd: at.clone(),
        at,
        readable: vec![(program, inside.clone())],
        writable: vec![],
        env: vec![],
        overlay: None,
    };
    let mut argv = vec![inside.display().to_string(), "sandbox-canary".to_owned()];
    argv.extend(outside.arguments());
    let mut command = sandbox.command(&cell, &argv, &Limits::default());
    let output = command.as_std_mut().env(VARIABLE, "secret").output()?;
    let printed = output::clean(&String::from_utf8_lossy(&output.stdout));
    let mut done: Vec<&str> = printed.lines().collect();
    if done.pop() != Some(TRIED) {
        let said = output::clean(&String::from_utf8_lossy(&output.stderr));
        let said = said.lines().next().unwrap_or("it gave no reason");
        return Ok(Err(match &sandbox.kind {
            Kind::Bubblewrap(_) => Bubblewrap::explain(said),
            Kind::Fence(_) => format!("Landlock and seccomp cannot be used: {said}"),
        }));
    }
    done.extend(outside.signs());
    match done.is_empty() {
        true => Ok(Ok(())),
        false => Ok(Err(format!("{} does not hold here: inside, one can {}", sandbox.level(), done.join(", ")))),
    }
}

/// Baton's own program. A test or a benchmark is another one, and would run itself again and again.
fn program() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|e| format!("Baton's own program cannot be found: {e}"))?;
    let is_ours = |path: &Path| {
        path.is_file() && path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("baton"))
    };
    let built = || own.ancestors().skip(1).take(3).map(|folder| folder.join("baton")).find(|path| path.is_file());
    if is_ours(&own) { Some(own.clone()) } else { built() }
        .ok_or_else(|| format!("Baton's own program is not at {} any more; start it again", own.display()))
}

/// What the canary tries to reach.
struct Outside {
    canary: Canary,
    streams: TcpListener,
    datagrams: UdpSocket,
    _by_path: UnixListener,
    _by_name: UnixListener,
}

impl Outside {
    fn new(dir: &Path) -> io::Result<Self> {
        let secret = dir.join("secret");
        std::fs::write(&secret, "secret")?;
        std::fs::set_permissions(&secret, PermissionsExt::from_mode(RIGHTS))?;
        let streams = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = streams.local_addr()?.port();
        // Another program may have the same number for datagrams; then only streams are tried.
        let datagrams = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).or_else(|_| UdpSocket::bind("127.0.0.1:0"))?;
        streams.set_nonblocking(true)?;
        datagrams.set_nonblocking(true)?;
        let socket = dir.join("socket");
        let name = dir.display().to_string();
        let pid = std::process::id() as i32;
        Ok(Self {
            _by_path: UnixListener::bind(&socket)?,
            _by_name: UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?,
            canary: Canary {
                secret,
                absent: dir.join("absent"),
                port,
                socket,
                name,
                pid,
                born: born(pid).unwrap_or_default(),
            },
            streams,
            datagrams,
        })
    }

    fn arguments(&self) -> Vec<String> {
        let c = &self.canary;
        [
            ("--secret", c.secret.display().to_string()),
            ("--absent", c.absent.display().to_string()),
            ("--port", c.port.to_string()),
            ("--socket", c.socket.display().to_string()),
            ("--name", c.name.clone()),
            ("--pid", c.pid.to_string()),
            ("--born", c.born.clone()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect()
    }

    /// What can be seen from out here, whatever the canary said.
    fn signs(&self) -> Vec<&'static str> {
        let came = |result: io::Result<()>| !matches!(result, Err(e) if e.kind() == ErrorKind::WouldBlock);
        let rights = std::fs::metadata(&self.canary.secret).map_or(0, |found| found.permissions().mode() & 0o777);
        [
            (self.canary.absent.exists(), "write a file outside"),
            (rights != RIGHTS, "change the rights of a file outside"),
            (came(self.streams.accept().map(drop)), "reach the network"),
            (came(self.datagrams.recv(&mut [0]).map(drop)), "send datagrams"),
        ]
        .into_iter()
        .filter_map(|(seen, what)| seen.then_some(what))
        .collect()
    }
}
