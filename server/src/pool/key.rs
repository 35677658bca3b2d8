//! A worker's key: from an environment variable or from a command that the user configured. It is shown nowhere.

use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use reqwest::header::HeaderValue;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use crate::config::WorkerOptions;

/// How long a key command may take: it may have to ask its user for a password.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest line that is read from a key command, in bytes.
const LONGEST: u64 = 16 * 1024;
/// The shortest beginning of a key, in bytes, that is hidden where a text was cut.
const TELLING: usize = 4;

/// A secret. Its `Debug` form says only that it is there.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key(String);

/// Where a key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeySource {
    /// No key is sent.
    None,
    /// The environment variable of this name.
    Env(String),
    /// The first line that this program, with its arguments, writes.
    Command(Vec<String>),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The value of the `Authorization` header, marked so that no log prints it.
    pub(super) fn bearer(&self) -> Result<HeaderValue, String> {
        secret(&format!("Bearer {}", self.0))
    }

    /// The value of a header that is for keys alone, marked in the same way.
    pub(super) fn bare(&self) -> Result<HeaderValue, String> {
        secret(&self.0)
    }

    /// `text` without the key: some servers repeat it in their error messages. Where the text was cut, the beginning
    /// of the key goes too.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        let mut shown = text.replace(&self.0, "…");
        let cuts: Vec<usize> = shown.match_indices('…').map(|(at, _)| at).chain([shown.len()]).collect();
        for cut in cuts.into_iter().rev() {
            let begins = (TELLING..self.0.len()).rev().filter_map(|length| self.0.get(..length));
            let left = begins.into_iter().find(|begin| shown[..cut].ends_with(begin)).map_or(0, str::len);
            shown.replace_range(cut - left..cut, "");
        }
        shown
    }
}

fn secret(text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text).map_err(|_| "the key has characters that no key has".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

impl KeySource {
    /// The source that a worker's configuration names; the variable first.
    pub(super) fn of(options: &WorkerOptions) -> Self {
        match (&options.key_env, &options.key_command) {
            (Some(name), _) => Self::Env(name.clone()),
            (None, Some(argv)) => Self::Command(argv.clone()),
            (None, None) => Self::None,
        }
    }

    /// What to look at when the key is refused.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::None => "no key is configured: set key_env or key_command".to_owned(),
            Self::Env(name) => format!("check the key in the environment variable {name}"),
            Self::Command(argv) => format!("check the key that `{}` prints", argv.first().map_or("", String::as_str)),
        }
    }

    /// Fetches the key; an error is one clause for a sentence and never has the key in it.
    pub(super) async fn fetch(&self) -> Result<Option<Key>, String> {
        match self {
            Self::None => Ok(None),
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.trim().is_empty() => Ok(Some(Key(value.trim().to_owned()))),
                _ => Err(format!("the environment variable {name}, which should hold its key, is not set")),
            },
            Self::Command(argv) => first_line(argv, PATIENCE).await.map(Some),
        }
    }
}

async fn first_line(argv: &[String], patience: Duration) -> Result<Key, String> {
    let (program, args) = argv.split_first().ok_or("its key_command is empty")?;
    let failed = |what: String| format!("its key command `{program}` {what}");
    if program.contains('/') && !program.starts_with('/') {
        // It would be looked for from the workspace, which somebody else may have filled.
        return Err(failed("must be a name on the PATH or an absolute path".into()));
    }
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // What it complains of could hold the secret; the exit status is enough.
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| failed(format!("cannot be started: {error}")))?;
    let mut group = Group(child.id());
    let output = child.stdout.take().ok_or_else(|| failed("has no output".into()))?;
    let read = async {
        let mut line = String::new();
        let mut output = BufReader::new(output.take(LONGEST));
        output.read_line(&mut line).await.map_err(|_| failed("wrote something that is not text".into()))?;
        // Reading on lets a program that writes more end by itself instead of by a broken pipe.
        let _ = tokio::io::copy(&mut output, &mut tokio::io::sink()).await;
        let status = child.wait().await.map_err(|error| failed(format!("was lost: {error}")))?;
        // From now on its number may be somebody else's.
        group.0 = None;
        if !status.success() {
            return Err(failed(format!("failed ({status}); run it by hand to see why")));
        }
        let key = line.trim();
        if key.is_empty() { Err(failed("printed no key".into())) } else { Ok(Key(key.to_owned())) }
    };
    tokio::time::timeout(patience, read)
        .await
        .map_err(|_| failed(format!("did not end within {} s", patience.as_secs())))?
}

/// The processes of a key command; what still runs when this is dropped is killed, its children included.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let leader = self.0.and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(leader) = leader {
            // Fails only when all of them are gone already.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, first_line};
    use std::time::Duration;

    fn argv(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[tokio::test]
    async fn the_first_line_is_the_key() {
        let key = first_line(&argv("printf '  sk-one \\nsecond\\n'"), Duration::from_secs(20)).await;
        assert_eq!(key, Ok(Key("sk-one".into())));
    }

    #[tokio::test]
    async fn a_key_command_that_fails_is_named_and_what_it_printed_is_not() {
        for (script, says) in
            [("echo sk-secret; exit 3", "failed"), ("true", "printed no key"), ("printf '\\377\\n'", "not text")]
        {
            let error = first_line(&argv(script), Duration::from_secs(20)).await.expect_err(script);
            assert!(error.contains(says) && error.contains("`sh`") && !error.contains("sk-secret"), "{error}");
        }
        let error = first_line(&["./key".to_owned()], Duration::from_secs(20)).await.expect_err("in the workspace");
        assert!(error.contains("absolute path"), "{error}");
        let error = first_line(&["/nowhere/key".to_owned()], Duration::from_secs(20)).await.expect_err("not there");
        assert!(error.contains("cannot be started"), "{error}");
    }

    #[tokio::test]
    async fn a_key_command_that_hangs_is_given_up() {
        let error = first_line(&argv("sleep 600"), Duration::from_millis(50)).await.expect_err("hangs");
        assert!(error.contains("did not end"), "{error}");
    }

    #[tokio::test]
    async fn a_key_command_that_nobody_waits_for_is_killed_with_its_children() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
        let script = format!("(exec 3>'{}'; sleep 600); true", pipe.display());
        let waiting = tokio::spawn(async move { first_line(&argv(&script), Duration::from_secs(600)).await });
        // Opens only once the child has the other end open, and is at its end only once the child is gone.
        let open = tokio::task::spawn_blocking(move || std::fs::File::open(pipe));
        let mut end = open.await.expect("no panic").expect("a pipe");
        waiting.abort();
        let read = tokio::task::spawn_blocking(move || std::io::Read::read(&mut end, &mut [0])).await;
        assert_eq!(read.expect("no panic").expect("read"), 0);
    }

    #[test]
    fn the_key_is_never_shown() {
        let key = Key("sk-secret".into());
        assert!(!format!("{key:?} {:?} {:?}", key.bearer(), key.bare()).contains("secret"));
        assert_eq!(key.hidden_in("bad key sk-secret given"), "bad key … given");
        assert_eq!(key.hidden_in("bad key sk-sec… and sk-secret, sk-s"), "bad key … and …, ");
        assert_eq!(key.hidden_in("sk- is no key…"), "sk- is no key…");
    }
}
