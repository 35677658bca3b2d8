//! A real terminal of a known size, tmux's, for programs that draw: keys go in, the screen comes out.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::Project;

/// Longest wait for what must appear on a screen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program in a terminal; both end when dropped.
pub struct Terminal {
    dir: tempfile::TempDir,
    screens: PathBuf,
    kept: usize,
}

impl Terminal {
    /// Runs the command line in the project, with its home. Screens that are kept go to `target/screens/NAME`.
    /// Where there is no tmux, that is said, and there is no terminal.
    pub fn start(project: &Project, name: &str, line: &str) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            eprintln!("SKIPPED: tmux is missing; `make test` installs it");
            return None;
        }
        let screens = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/screens").join(name);
        // Those of an earlier run would be taken for this one's.
        let _ = std::fs::remove_dir_all(&screens);
        std::fs::create_dir_all(&screens).expect("a new folder");
        let terminal = Self { dir: tempfile::tempdir().expect("a temporary folder"), screens, kept: 0 };
        let mut command = terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "36", line]);
        project
            .at_home(&mut command)
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .env("COLORTERM", "truecolor");
        ok(&command.output().expect("tmux is there"));
        Some(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-u").arg("-S").arg(self.dir.path().join("tmux")).args(arguments);
        command
    }

    /// Presses keys, by tmux's names: `Escape`, `Enter`, `C-w`; other words are typed as they are.
    pub fn press(&self, keys: &[&str]) {
        ok(&self.tmux(&[&["send-keys"], keys].concat()).output().expect("tmux is there"));
    }

    /// What the screen shows.
    pub fn screen(&self) -> String {
        let output = self.tmux(&["capture-pane", "-p"]).output().expect("tmux is there");
        ok(&output);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until the screen fits, and gives it.
    pub fn wait(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let begin = Instant::now();
        loop {
            let screen = self.screen();
            if fits(&screen) {
                return screen;
            }
            assert!(begin.elapsed() < PATIENCE, "{what} did not come:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the screen shows this text, and keeps it as an artefact.
    pub fn shows(&mut self, text: &str) -> String {
        let screen = self.wait(text, |screen| screen.contains(text));
        self.kept += 1;
        let file = self.screens.join(format!("{:02}.txt", self.kept));
        std::fs::write(file, &screen).expect("a writable folder");
        screen
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.tmux(&["kill-server"]).output();
    }
}

fn ok(output: &Output) {
    assert!(output.status.success(), "tmux: {}", String::from_utf8_lossy(&output.stderr));
}
