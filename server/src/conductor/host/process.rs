//! One life of the child process, seen from the server: started, asked, found dead, ended.

use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::wire::{Body, Op, Reply, Request};

/// Bytes of the child's last words that are kept.
const LAST_WORDS: usize = 4 * 1024;

/// Loading may take so many times the patience that a token may: a large file comes from a disk.
const LOADING: u32 = 5;

/// Bytes of one line from the child at most: it runs a file from somewhere.
const LINE: usize = 8 << 20;

/// A running child. Dropping it kills it.
pub struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// What has come of a line that is not complete.
    line: Vec<u8>,
    /// Longest silence that is taken for work.
    patience: Duration,
    stderr: JoinHandle<String>,
    asked: u64,
    writing: bool,
    loading: Option<u64>,
    /// It said that it has loaded one.
    loaded: bool,
}

/// How a child ended without being told to.
#[derive(Debug, Clone)]
pub struct Death {
    /// In words: `was killed by signal 9`.
    pub how: String,
    /// Whether somebody else ended it: a kill from outside, or memory running out.
    pub from_outside: bool,
}

impl Process {
    /// Starts `exe conductor-host`.
    ///
    /// The end of its stdin tells it that we are gone, however we went; the kernel's parent-death
    /// signal is not used because it follows the *thread* that started the child.
    /// After `patience` without a sign of life it is taken for dead.
    pub fn start(exe: &Path, patience: Duration) -> std::io::Result<Self> {
        let mut command = Command::new(exe);
        command
            .arg("conductor-host")
            .env_clear()
            .envs(environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // Not where we stand: that may be a disk somebody wants to unmount.
        #[cfg(unix)]
        command.current_dir("/");
        let mut child = command.spawn()?;
        let gone = || std::io::Error::other("the pipes of the process are missing");
        let stdin = child.stdin.take().ok_or_else(gone)?;
        let stdout = child.stdout.take().ok_or_else(gone)?;
        let stderr = child.stderr.take().ok_or_else(gone)?;
        Ok(Self {
            child,
            stdin,
            stdout: BufReader::new(stdout),
            line: Vec::new(),
            patience,
            stderr: tokio::spawn(last_words(stderr)),
            asked: 0,
            writing: false,
            loading: None,
            loaded: false,
        })
    }

    /// Whether it has ended since it was last asked.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Has it load a model; a caller that was cancelled on the way may come back and go on waiting.
    pub async fn load(&mut self, op: Op) -> Result<Body, Silence> {
        let id = match self.loading {
            Some(id) => id,
            None => self.send(op).await?,
        };
        self.loading = Some(id);
        let body = self.reply(id, self.patience * LOADING, &mut |_| {}).await?;
        self.loading = None;
        self.loaded = matches!(body, Body::Loaded { .. } | Body::Ready { .. });
        Ok(body)
    }

    /// Whether it said that it has a model. Whoever had it started may have left before it was even asked for one.
    pub fn has_model(&self) -> bool {
        self.loaded
    }

    /// Asks something and waits for the answer; `piece` gets what comes of it before.
    pub async fn ask(&mut self, op: Op, piece: &mut (dyn FnMut(String) + Send)) -> Result<Body, Silence> {
        let id = self.send(op).await?;
        self.reply(id, self.patience, piece).await
    }

    /// Tells it that the last answer is not waited for any more.
    pub async fn call_off(&mut self) -> Result<(), Silence> {
        // Half a line was written: whatever followed would be misread.
        if self.writing {
            return Err(Silence);
        }
        if self.loading.is_none() {
            self.send(Op::Cancel { target: self.asked }).await?;
        }
        Ok(())
    }

    async fn send(&mut self, op: Op) -> Result<u64, Silence> {
        self.asked += 1;
        let id = self.asked;
        let mut line = serde_json::to_vec(&Request { id, op }).map_err(|_| Silence)?;
        line.push(b'\n');
        self.writing = true;
        // One that is stopped reads nothing, and a long prompt fills the pipe.
        let written = tokio::time::timeout(self.patience, self.stdin.write_all(&line)).await;
        written.map_err(|_| Silence)?.map_err(|_| Silence)?;
        self.writing = false;
        Ok(id)
    }

    /// The reply to request `id`; those to requests that nobody waits for any more are dropped.
    async fn reply(
        &mut self,
        id: u64,
        patience: Duration,
        piece: &mut (dyn FnMut(String) + Send),
    ) -> Result<Body, Silence> {
        loop {
            let line = tokio::time::timeout(patience, self.next_line()).await.unwrap_or(Err(Silence))?;
            let reply: Reply = serde_json::from_slice(&line).map_err(|_| Silence)?;
            match reply.body {
                // Number 0 is what it says by itself: that it cannot work at all.
                _ if reply.id != id && reply.id != 0 => {}
                Body::Reading { .. } => {}
                Body::Piece { text } => piece(text),
                body => return Ok(body),
            }
        }
    }

    /// The next line. Dropped halfway, it loses nothing.
    async fn next_line(&mut self) -> Result<Vec<u8>, Silence> {
        loop {
            let read = self.stdout.fill_buf().await.map_err(|_| Silence)?;
            let end = read.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(read.len(), |end| end + 1);
            if taken == 0 || self.line.len() + taken > LINE {
                return Err(Silence);
            }
            self.line.extend_from_slice(&read[..taken]);
            self.stdout.consume(taken);
            if end.is_some() {
                return Ok(std::mem::take(&mut self.line));
            }
        }
    }

    /// Buries it: kills it if it still lives, and says how it ended.
    pub async fn bury(mut self) -> Death {
        drop(self.stdin);
        // A dying process closes its pipes before it can be waited for.
        let ended = tokio::time::timeout(Duration::from_secs(2), self.child.wait()).await;
        let Ok(Ok(status)) = ended else {
            let _ = self.child.kill().await;
            return Death { how: "stopped answering".into(), from_outside: true };
        };
        let words = tokio::time::timeout(Duration::from_secs(2), self.stderr).await;
        let words = words.ok().and_then(Result::ok).unwrap_or_default();
        let mut death = describe(status);
        if let Some(line) = words.lines().map(str::trim).rfind(|line| !line.is_empty()) {
            death.how = format!("{} ({})", death.how, short(line));
        }
        death
    }
}

/// The child will not answer any more.
#[derive(Debug)]
pub struct Silence;

/// The whole environment of the child: no key, no proxy, nothing of the user's.
fn environment() -> Vec<(&'static str, OsString)> {
    let mut kept = vec![
        // Read by libgomp before `main`. Spinning barriers are twenty times slower on busy cores.
        ("OMP_WAIT_POLICY", "passive".into()),
        // llama.cpp would start a debugger on itself before it aborts.
        ("GGML_NO_BACKTRACE", "1".into()),
    ];
    // Without these the program does not load where its libraries are not in the usual places.
    for name in ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SystemRoot"] {
        if let Some(value) = std::env::var_os(name) {
            kept.push((name, value));
        }
    }
    kept
}

fn describe(status: ExitStatus) -> Death {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        // KILL and TERM come from people and from the kernel short of memory, not from the program itself.
        return Death { how: format!("was ended by signal {signal}"), from_outside: matches!(signal, 9 | 15) };
    }
    Death { how: format!("ended by itself ({status})"), from_outside: false }
}

/// Reads to the end so that the child never blocks on a full pipe; keeps the last bytes.
async fn last_words(mut stderr: tokio::process::ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 1024];
    while let Ok(n @ 1..) = stderr.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..n]);
        if kept.len() > 2 * LAST_WORDS {
            kept.drain(..kept.len() - LAST_WORDS);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// A line fit for a message: without the source file it may begin with, without control characters,
/// at most 200 characters.
fn short(line: &str) -> String {
    let line = match line.split_once(": ") {
        Some((place, rest)) if place.contains('/') => rest,
        _ => line,
    };
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn last_words_are_made_fit_for_a_message() {
        for (line, made) in [
            ("/build/llama.cpp/src/model.cpp:13: GGML_ASSERT(n > 0) failed", "GGML_ASSERT(n > 0) failed"),
            ("terminate called: out of memory", "terminate called: out of memory"),
            ("red \u{1b}[31malert", "red [31malert"),
        ] {
            assert_eq!(short(line), made);
        }
        assert_eq!(short(&"x".repeat(1000)).len(), 200);
    }
}
