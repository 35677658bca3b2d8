//! The private copy of a workspace in which checks run.
//!
//! Where the kernel has overlays ([`super::overlay`]), one copy ([`Base`]) holds the workspace as it is on disk with
//! the unsaved texts, nothing that runs can change it, and each shadow is a layer over it. Elsewhere each shadow is a
//! whole copy, compared with what was written to it and put right before every use.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::manifest::Texts;
use super::mirror::Mirror;
use super::overlay::{Layer, Overlay};
use super::runner::{PLUGIN_DIR, PLUGINS};
use super::sandbox::Cell;
use super::seed;
use super::storage::private_dir;
use super::toolchains::home_dir;
use super::tree;
use super::walk::CACHES;
use super::{VerifyError, mounted_at};
use crate::workspace::RelPath;

/// A private copy for one check at a time.
pub struct Shadow(Way);

/// What becomes of what a run leaves in build directories and in the caches of tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    /// It goes with the run: whatever may have run a candidate's code keeps nothing.
    Nothing,
    /// It is there for those that come after, if the run sees the workspace as it is.
    Warmth,
}

enum Way {
    /// A whole copy.
    Copy(Box<Mirror>),
    /// A layer over a copy that others use too.
    Over { base: Arc<Base>, texts: Texts, layered: Option<Layered> },
}

/// A layer, and what belongs to it.
struct Layered {
    layer: Arc<Layer>,
    /// Nothing lies in it: a run sees the workspace as it is, unsaved texts included.
    is_plain: bool,
    dependencies: Vec<PathBuf>,
    builds: Vec<PathBuf>,
}

/// A copy of a workspace that nothing that runs can change.
pub struct Base {
    /// Absent only when this is being dropped.
    ground: Mutex<Option<Ground>>,
    dir: PathBuf,
    root: PathBuf,
    unsaved: Arc<Texts>,
    /// Held by every run that looks through to this copy: meanwhile it must not change.
    running: Arc<()>,
    /// Held by a run that writes to its build directories.
    building: Arc<()>,
}

struct Ground {
    mirror: Mirror,
    /// Whether the unsaved texts are in it.
    is_laid: bool,
}

/// Copies that are kept ready for the next run, with the watch on their workspaces.
static RESTING: Mutex<Vec<Mirror>> = Mutex::new(Vec::new());

/// Most of them.
const MOST_RESTING: usize = 2;

impl Base {
    /// The copy of `root` below `state_dir`, for runs with `unsaved` over the files; if it is in use by others,
    /// another one. It is made equal to the workspace when a [`Shadow`] over it is synced.
    pub fn open(root: &Path, state_dir: &Path, unsaved: Arc<Texts>) -> Result<Arc<Self>, VerifyError> {
        let mirror = match rested(root, state_dir) {
            Some(mirror) => mirror,
            None => Mirror::open(root, state_dir, "base", true)?,
        };
        let dir = mirror.dir().to_owned();
        // Layers that a killed Baton left.
        let empty = match tree::delete(&dir.join("layers")) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => furnish(&dir),
        };
        empty.map_err(|e| mirror.failed(&e))?;
        let ground = Mutex::new(Some(Ground { mirror, is_laid: false }));
        let (running, building) = (Arc::default(), Arc::default());
        Ok(Arc::new(Self { ground, dir, root: root.to_owned(), unsaved, running, building }))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Ground>> {
        self.ground.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the copy up to date, unless something looks through to it, and makes a layer with what is still missing.
    fn layer(&self, texts: &Texts) -> Result<(Layered, usize), VerifyError> {
        let mut ground = self.lock();
        let Some(Ground { mirror, is_laid }) = ground.as_mut() else { return Err(VerifyError::Cancelled) };
        mirror.look()?;
        let mut changed = 0;
        if (mirror.is_behind() || !*is_laid) && Arc::strong_count(&self.running) == 1 {
            changed = mirror.apply(&self.unsaved)?;
            *is_laid = true;
        }
        let (dependencies, builds) = mirror.mounted();
        let (dependencies, builds) = (dependencies.to_vec(), builds.to_vec());
        let plan = mirror.plan(texts);
        let is_plain = plan.gone.is_empty() && plan.missing.is_empty();
        changed += plan.gone.len() + plan.missing.len();
        let layer = Layer::new(&self.dir).and_then(|layer| layer.lay(&self.root, &plan).map(|()| layer));
        let layer = layer.map(Arc::new).map_err(|e| mirror.failed(&e))?;
        Ok((Layered { layer, is_plain, dependencies, builds }, changed))
    }

    /// What a run through `layered` mounts, and where each of the warm directories is for it.
    ///
    /// A run of the workspace as it is may keep what it leaves there. One with a candidate starts from that and keeps
    /// nothing: what it leaves is the candidate's, and must not answer for the next one.
    fn overlay(&self, layered: &Layered, warm: &[Warm], leaves: Leaves) -> (Overlay, Vec<Option<PathBuf>>) {
        // Counting and taking part are one step.
        let _ground = self.lock();
        let is_alone = Arc::strong_count(&self.running) == 1;
        let is_building = Arc::strong_count(&self.building) > 1;
        let keeps = leaves == Leaves::Warmth && layered.is_plain && is_alone;
        let mut uses = vec![self.running.clone()];
        uses.extend(keeps.then(|| self.building.clone()));
        let mut overlay = Overlay::of_tree(layered.layer.clone(), uses);
        let mut place = |name: &str| {
            private_dir(&self.dir.join(name))?;
            match (keeps, is_building) {
                (true, _) => Ok(self.dir.join(name)),
                (false, false) => overlay.add(name),
                (false, true) => overlay.add_empty(),
            }
        };
        let places = warm.iter().map(|warm| place(&warm.name).ok()).collect();
        (overlay, places)
    }
}

/// The copy of this workspace that an earlier run has left ready.
fn rested(root: &Path, state_dir: &Path) -> Option<Mirror> {
    let mut resting = RESTING.lock().unwrap_or_else(PoisonError::into_inner);
    let below = state_dir.join("shadow");
    loop {
        let at = resting.iter().position(|mirror| mirror.root() == root && mirror.dir().starts_with(&below))?;
        let mut mirror = resting.remove(at);
        if mirror.resume() {
            return Some(mirror);
        }
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        let Some(Ground { mut mirror, .. }) = self.lock().take() else { return };
        mirror.rest();
        let mut resting = RESTING.lock().unwrap_or_else(PoisonError::into_inner);
        resting.push(mirror);
        if resting.len() > MOST_RESTING {
            resting.remove(0);
        }
    }
}

impl Shadow {
    /// The `n`-th whole copy of `root` below `state_dir`; of the same number in another process, the next free one.
    /// It is not equal to the workspace before [`Shadow::sync`].
    pub fn open(root: &Path, state_dir: &Path, n: usize) -> Result<Self, VerifyError> {
        let mirror = Mirror::open(root, state_dir, &format!("lane-{n}"), false)?;
        furnish(mirror.dir()).map_err(|e| mirror.failed(&e))?;
        Ok(Self(Way::Copy(Box::new(mirror))))
    }

    /// One more over `base`. It shows nothing before [`Shadow::sync`].
    pub fn over(base: &Arc<Base>) -> Self {
        Self(Way::Over { base: base.clone(), texts: Texts::new(), layered: None })
    }

    /// Makes what runs will see equal to the workspace as it is on disk with `texts` over it. Nothing may be running in
    /// it. Returns how many files, links and directories had to be written or removed.
    pub fn sync(&mut self, texts: &Texts) -> Result<usize, VerifyError> {
        match &mut self.0 {
            Way::Copy(mirror) => mirror.sync(texts),
            Way::Over { base, texts: laid, layered } => {
                // What ran last is over; its layer goes before there is another.
                *layered = None;
                let (new, changed) = base.layer(texts)?;
                (*laid, *layered) = (texts.clone(), Some(new));
                Ok(changed)
            }
        }
    }

    /// Lays one more text over a file, for what runs next.
    pub fn put(&mut self, path: &RelPath, text: &str) -> Result<(), VerifyError> {
        match &mut self.0 {
            Way::Copy(mirror) => mirror.put(path, text),
            Way::Over { texts, .. } => {
                let mut texts = std::mem::take(texts);
                texts.insert(path.clone(), Some(text.into()));
                self.sync(&texts).map(drop)
            }
        }
    }

    /// The tree as a cell; a command starts in `directory`, relative to the root. What it builds goes with it.
    pub fn cell(&self, directory: &Path) -> Cell {
        self.cell_with(directory, None, Leaves::Nothing)
    }

    /// The same; `cache` is the name of a tool's cache and where the command finds it.
    pub(super) fn cell_with(&self, directory: &Path, cache: Option<(&str, &str)>, leaves: Leaves) -> Cell {
        let (root, dir) = match &self.0 {
            Way::Copy(mirror) => (mirror.root(), mirror.dir()),
            Way::Over { base, .. } => (base.root.as_path(), base.dir.as_path()),
        };
        let inside = |path: &Path| mounted_at(root, path);
        let warm = |builds: &[PathBuf]| -> Vec<Warm> {
            let builds = builds.iter().map(|build| Warm::new("build", build.as_os_str(), inside(build)));
            builds.chain(cache.map(|(name, at)| Warm::new("cache", name.as_ref(), at.into()))).collect()
        };
        let (tree, overlay, dependencies, warm, places) = match &self.0 {
            Way::Copy(mirror) => {
                let (dependencies, builds) = mirror.mounted();
                let warm = warm(builds);
                let place = |warm: &Warm| warm.place(dir, leaves).ok();
                let places = warm.iter().map(place).collect();
                (dir.join("tree"), None, dependencies, warm, places)
            }
            Way::Over { base, layered: Some(layered), .. } => {
                let warm = warm(&layered.builds);
                let (overlay, places) = base.overlay(layered, &warm, leaves);
                (overlay.tree(), Some(overlay), layered.dependencies.as_slice(), warm, places)
            }
            // Nothing was synced: nothing is shown, and no command starts.
            Way::Over { .. } => (dir.join("nothing"), None, [].as_slice(), Vec::new(), Vec::new()),
        };
        let mut readable: Vec<(PathBuf, PathBuf)> =
            ["passwd", "group"].iter().map(|name| (dir.join(name), Path::new("/etc").join(name))).collect();
        readable.push((dir.join("plugin"), PLUGIN_DIR.into()));
        readable.extend(dependencies.iter().map(|path| (inside(path), inside(path))));
        let writable: Vec<(PathBuf, PathBuf)> =
            places.into_iter().zip(warm).filter_map(|(place, warm)| Some((place?, warm.inside))).collect();
        let variable = |(_, inside): &(PathBuf, PathBuf)| {
            let variable = inside.strip_prefix(CACHES).ok()?.to_str().filter(|variable| !variable.is_empty())?;
            Some((variable.to_owned(), inside.to_str()?.to_owned()))
        };
        let env = writable.iter().filter_map(variable).collect();
        Cell { tree, at: root.to_owned(), cwd: inside(directory), readable, writable, env, overlay }
    }
}

/// A directory in which a run finds what those before it left.
struct Warm {
    /// Where it is kept in a copy. The workspace gives it its name, so only a digest of that is used.
    name: String,
    inside: PathBuf,
}

impl Warm {
    fn new(kind: &str, named: &OsStr, inside: PathBuf) -> Self {
        let digest = Sha256::digest(named.as_encoded_bytes());
        let digest: String = digest[..8].iter().map(|b| format!("{b:02x}")).collect();
        Self { name: format!("{kind}/{digest}"), inside }
    }

    /// Where it is for a run in the whole copy in `dir`: itself, or a copy of it that the next one replaces.
    fn place(&self, dir: &Path, leaves: Leaves) -> io::Result<PathBuf> {
        let kept = dir.join(&self.name);
        private_dir(&kept)?;
        match leaves {
            Leaves::Warmth => Ok(kept),
            Leaves::Nothing => {
                let once = dir.join("once").join(&self.name);
                seed::sow(&kept, &once).map(|_| once)
            }
        }
    }
}

/// Writes the files that every cell shows beside the tree.
fn furnish(dir: &Path) -> io::Result<()> {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    fs::write(dir.join("passwd"), format!("baton:x:{uid}:{gid}:baton:{}:/bin/sh\n", home_dir().display()))?;
    fs::write(dir.join("group"), format!("baton:x:{gid}:\n"))?;
    private_dir(&dir.join("plugin"))?;
    for (name, text) in PLUGINS {
        fs::write(dir.join("plugin").join(name), text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};
    use std::process::Stdio;
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::io::AsyncReadExt;
    use tokio_util::sync::CancellationToken;

    use super::{Base, CACHES, Leaves, Shadow, Texts, Way};
    use crate::verify::{Cell, Limits, Sandbox, overlay};
    use crate::workspace::RelPath;

    struct Place {
        dir: tempfile::TempDir,
        sandbox: Sandbox,
    }

    impl Place {
        async fn new(files: &[(&str, &str)]) -> Self {
            let place = Self { dir: tempfile::tempdir_in("/var/tmp").unwrap(), sandbox: Sandbox::probe().unwrap() };
            for (path, text) in files {
                let path = place.root().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            overlay::works(&place.sandbox, &place.state(), None).await.unwrap();
            place
        }

        fn root(&self) -> PathBuf {
            self.dir.path().join("project")
        }

        fn state(&self) -> PathBuf {
            self.dir.path().join("state")
        }

        fn base(&self) -> Arc<Base> {
            Base::open(&self.root(), &self.state(), Arc::default()).unwrap()
        }

        /// Runs a check, or the tests: what it leaves is kept if the shadow has nothing but the workspace.
        async fn run(&self, shadow: &Shadow, script: &str) -> String {
            self.run_in(&shadow.cell_with(Path::new(""), Some(("tool", CACHES)), Leaves::Warmth), script).await
        }

        async fn run_in(&self, cell: &Cell, script: &str) -> String {
            let argv = ["sh", "-c", script].map(str::to_owned);
            let limits = Limits { wall: Duration::from_secs(20), ..Limits::default() };
            self.sandbox.run(cell, &argv, &limits, &CancellationToken::new()).await.output
        }
    }

    fn texts(items: &[(&str, Option<&str>)]) -> Texts {
        items.iter().map(|(path, text)| (RelPath::new(path).unwrap(), text.map(Into::into))).collect()
    }

    /// Everything in a tree: where, what, and every time that the kernel keeps.
    fn state(dir: &Path) -> BTreeMap<PathBuf, (Option<String>, u64, i64, i64)> {
        let mut found = BTreeMap::new();
        let mut open = vec![dir.to_owned()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(dir).unwrap().flatten() {
                let of = entry.metadata().unwrap();
                let text = of.is_file().then(|| fs::read_to_string(entry.path()).unwrap());
                found.insert(entry.path(), (text, of.ino(), of.ctime(), of.ctime_nsec()));
                open.extend(of.is_dir().then(|| entry.path()));
            }
        }
        found
    }

    #[tokio::test]
    async fn candidates_run_at_once_and_each_sees_only_its_own() {
        let place = Place::new(&[("a", "0\n"), ("d/b", "0\n"), ("d/e/c", "0\n"), ("gone", "0\n")]).await;
        let base = place.base();
        let mut shadows: Vec<Shadow> = (0..4).map(|_| Shadow::over(&base)).collect();
        for (n, shadow) in shadows.iter_mut().enumerate() {
            let (own, new) = (format!("{n}\n"), format!("new{n}/file"));
            shadow.sync(&texts(&[("a", Some(&own)), (&new, Some(&own)), ("gone", None), ("no/such", None)])).unwrap();
        }
        let before = state(&base.dir.join("tree"));
        // Each changes what it can, and looks only after all have.
        let hostile = "echo hostile > d/b; rm -r d/e; mkfifo d/e; ln -s /etc/passwd p; echo done; read go; \
                       cat a new*/file d/b; ls; chmod 000 d .";
        let mut started = Vec::new();
        for shadow in &shadows {
            let argv = ["sh", "-c", hostile].map(str::to_owned);
            let mut command = place.sandbox.command(&shadow.cell(Path::new("")), &argv, &Limits::default());
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            let mut done = [0; 5];
            child.stdout.as_mut().unwrap().read_exact(&mut done).await.unwrap();
            started.push(child);
        }
        for (n, child) in started.into_iter().enumerate() {
            let output = child.wait_with_output().await.unwrap().stdout;
            let expected = format!("{n}\n{n}\nhostile\na\nd\nnew{n}\np\n");
            assert_eq!(String::from_utf8(output).unwrap(), expected);
        }
        assert_eq!(state(&base.dir.join("tree")), before, "the copy below is untouched");
        for shadow in &mut shadows {
            shadow.sync(&Texts::new()).unwrap();
            assert_eq!(place.run(shadow, "cat a d/b d/e/c gone; ls").await, "0\n0\n0\n0\na\nd\ngone\n");
        }
        drop(shadows);
        while fs::read_dir(base.dir.join("layers")).unwrap().count() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(fs::read_to_string(place.root().join("a")).unwrap(), "0\n");
    }

    #[tokio::test]
    async fn what_changes_on_disk_while_others_run_is_seen_by_those_that_come_after() {
        let place = Place::new(&[("a", "old\n"), ("d/b", "old\n"), ("d/c", "old\n")]).await;
        let base = place.base();
        let (mut one, mut two) = (Shadow::over(&base), Shadow::over(&base));
        one.sync(&Texts::new()).unwrap();
        let running = one.cell(Path::new(""));
        let before = state(&base.dir.join("tree"));
        fs::write(place.root().join("a"), "new\n").unwrap();
        fs::rename(place.root().join("d"), place.root().join("e")).unwrap();
        two.sync(&texts(&[("e/c", Some("candidate\n"))])).unwrap();
        assert_eq!(place.run(&two, "cat a e/b e/c; ls").await, "new\nold\ncandidate\na\ne\n");
        assert_eq!(state(&base.dir.join("tree")), before, "something looks through to it");
        drop(running);
        two.sync(&Texts::new()).unwrap();
        assert_eq!(place.run(&two, "cat a e/b e/c; ls").await, "new\nold\nold\na\ne\n");
        assert_ne!(state(&base.dir.join("tree")), before, "nothing looks through to it any more");
    }

    #[tokio::test]
    async fn what_the_workspace_builds_is_kept_and_what_a_candidate_builds_is_not() {
        let place = Place::new(&[("Cargo.toml", ""), ("a", "0\n")]).await;
        let base = place.base();
        let (mut plain, mut candidate) = (Shadow::over(&base), Shadow::over(&base));
        plain.sync(&Texts::new()).unwrap();
        candidate.sync(&texts(&[("a", Some("1\n"))])).unwrap();
        let build = "cat target/built; cat a >> target/built";
        assert!(place.run(&plain, build).await.contains("No such file"));
        assert_eq!(place.run(&candidate, build).await, "0\n");
        assert_eq!(place.run(&plain, build).await, "0\n");
        // While the workspace itself is built, a candidate cannot start from that.
        let building = plain.cell_with(Path::new(""), None, Leaves::Warmth);
        candidate.sync(&texts(&[("a", Some("2\n"))])).unwrap();
        assert!(place.run(&candidate, build).await.contains("No such file"));
        drop(building);
        // While a candidate looks through to what is built, the workspace's own run keeps nothing.
        let looking = candidate.cell(Path::new(""));
        plain.sync(&Texts::new()).unwrap();
        assert_eq!(place.run(&plain, build).await, "0\n0\n");
        drop(looking);
        assert_eq!(place.run(&plain, build).await, "0\n0\n");
        // The next one starts from there.
        drop((plain, candidate, base));
        let mut next = Shadow::over(&place.base());
        next.sync(&Texts::new()).unwrap();
        assert_eq!(place.run(&next, build).await, "0\n0\n0\n");
        assert!(!place.root().join("target").exists());
    }

    #[tokio::test]
    async fn the_cache_of_a_tool_is_kept_like_a_build_directory() {
        let place = Place::new(&[("go.mod", ""), ("a", "0\n")]).await;
        let mut shadow = Shadow::over(&place.base());
        shadow.sync(&Texts::new()).unwrap();
        assert_eq!(place.run(&shadow, "echo built > $GOCACHE/x && echo $GOCACHE").await, "/run/baton-cache/GOCACHE\n");
        shadow.sync(&texts(&[("a", Some("1\n"))])).unwrap();
        assert_eq!(place.run(&shadow, "cat $GOCACHE/x; echo hostile > $GOCACHE/x").await, "built\n");
        shadow.sync(&Texts::new()).unwrap();
        assert_eq!(place.run(&shadow, "cat $GOCACHE/x").await, "built\n");
    }

    /// What is left in a build directory, in a cache that a variable names and in that of a check.
    const LEAVE: &str = "for d in target $GOCACHE /run/baton-cache; do echo x >> $d/left; done";
    const FOUND: &str = "cat target/left $GOCACHE/left /run/baton-cache/left 2>/dev/null | wc -l";

    #[tokio::test]
    async fn only_the_workspaces_own_runs_leave_warmth() {
        let place = Place::new(&[("go.mod", ""), ("Cargo.toml", ""), ("a", "0\n")]).await;
        for mut shadow in [Shadow::over(&place.base()), Shadow::open(&place.root(), &place.state(), 0).unwrap()] {
            let is_copy = matches!(shadow.0, Way::Copy(_));
            shadow.sync(&Texts::new()).unwrap();
            let cell = |leaves| shadow.cell_with(Path::new(""), Some(("tool", CACHES)), leaves);
            // A cell that may run candidates, although it has none yet, such as a trial's.
            for (leaves, expected) in [(Leaves::Nothing, "0\n"), (Leaves::Warmth, "0\n"), (Leaves::Nothing, "3\n")] {
                assert_eq!(place.run_in(&cell(leaves), &format!("{FOUND}; {LEAVE}")).await, expected);
            }
            assert_eq!(place.run_in(&cell(Leaves::Warmth), FOUND).await, "3\n");
            shadow.sync(&texts(&[("a", Some("1\n"))])).unwrap();
            let candidate = |shadow: &Shadow| match is_copy {
                true => shadow.cell_with(Path::new(""), Some(("tool", CACHES)), Leaves::Nothing),
                // Even by mistake.
                false => shadow.cell_with(Path::new(""), Some(("tool", CACHES)), Leaves::Warmth),
            };
            let poison = format!("{FOUND}; {LEAVE}; {FOUND}; rm -f target/left; ln -s /etc/passwd target/left");
            assert_eq!(place.run_in(&candidate(&shadow), &poison).await, "3\n6\n");
            shadow.sync(&texts(&[("a", Some("2\n"))])).unwrap();
            assert_eq!(place.run_in(&candidate(&shadow), FOUND).await, "3\n");
            shadow.sync(&Texts::new()).unwrap();
            assert_eq!(place.run(&shadow, FOUND).await, "3\n");
        }
    }

    #[tokio::test]
    async fn a_build_directory_of_a_hostile_name_is_an_ordinary_one() {
        let name = "x,upperdir=..:a\\b";
        let place = Place::new(&[(&format!("{name}/Cargo.toml"), ""), ("a", "0\n")]).await;
        let mut shadow = Shadow::over(&place.base());
        shadow.sync(&texts(&[("a", Some("1\n"))])).unwrap();
        let script = format!("echo built > '{name}/target/f' && cat a '{name}/target/f'");
        assert_eq!(place.run(&shadow, &script).await, "1\nbuilt\n");
    }

    #[tokio::test]
    async fn one_more_text_is_seen_by_what_runs_next() {
        let place = Place::new(&[("a", "0\n"), ("b", "0\n")]).await;
        let mut shadow = Shadow::over(&place.base());
        shadow.sync(&texts(&[("a", Some("1\n"))])).unwrap();
        shadow.put(&RelPath::new("b").unwrap(), "2\n").unwrap();
        assert_eq!(place.run(&shadow, "cat a b; rm -r *; ln -s /etc b").await, "1\n2\n");
        shadow.put(&RelPath::new("b").unwrap(), "3\n").unwrap();
        assert_eq!(place.run(&shadow, "cat a b").await, "1\n3\n");
    }

    /// The other tests of this file, as an ordinary user: a sandbox in name spaces of one's own must work without
    /// privileges.
    #[test]
    fn it_works_for_an_ordinary_user() {
        const NOBODY: &str = "65534";
        if !rustix::process::geteuid().is_root() {
            return;
        }
        // A place that the user can read, wherever this is built.
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        rustix::fs::chmod(dir.path(), 0o755.into()).unwrap();
        // What does not bear the name is not taken for Baton itself.
        let program = dir.path().join("baton-tests");
        // By another process: a child that another test starts meanwhile would hold the file open for writing, and a
        // file that is open for writing cannot be run.
        let copied = std::process::Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status();
        assert!(copied.unwrap().success());
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--inh-caps=-all"]).arg(&program);
        command.args(["verify::shadow::tests", "--skip", "ordinary_user"]);
        let output = command.current_dir("/").env("HOME", "/nonexistent").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("7 passed"), "{said}{errors}");
    }
}
