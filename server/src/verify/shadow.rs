//! The private copy of a workspace in which checks run.
//!
//! Where the kernel has overlays ([`super::overlay`]), one copy ([`Base`]) holds the workspace as it is on disk with
//! the unsaved texts, nothing that runs can change it, and each shadow is a layer over it. Elsewhere each shadow is a
//! whole copy, compared with what was written to it and put right before every use.

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
use super::storage::private_dir;
use super::toolchains::home_dir;
use super::tree;
use super::walk::CACHES;
use super::{VerifyError, mounted_at};
use crate::workspace::RelPath;

/// A private copy for one check at a time.
pub struct Shadow(Way);

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

    /// What a run through `layered` mounts, and its build directories: on this machine, and relative.
    ///
    /// A run of the workspace as it is keeps what it builds. One with a candidate starts from that and keeps nothing:
    /// what it builds is the candidate's, and must not answer for the next one.
    fn overlay(&self, layered: &Layered) -> (Overlay, Vec<(PathBuf, PathBuf)>) {
        // Counting and taking part are one step.
        let _ground = self.lock();
        let is_alone = Arc::strong_count(&self.running) == 1;
        let is_building = Arc::strong_count(&self.building) > 1;
        let keeps = layered.is_plain && is_alone;
        let mut uses = vec![self.running.clone()];
        uses.extend(keeps.then(|| self.building.clone()));
        let mut overlay = Overlay::of_tree(layered.layer.clone(), uses);
        let mut place = |build: &Path| {
            let name = build_name(build);
            private_dir(&self.dir.join(&name))?;
            match (keeps, is_building) {
                (true, _) => Ok(self.dir.join(name)),
                (false, false) => overlay.add(&name),
                (false, true) => overlay.add_empty(),
            }
        };
        let builds = layered.builds.iter().filter_map(|build| Some((place(build).ok()?, build.clone()))).collect();
        (overlay, builds)
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

    /// A directory that is kept between runs for one tool, apart from the tree.
    pub(super) fn cache(&self, name: &str) -> Option<PathBuf> {
        let dir = match &self.0 {
            Way::Copy(mirror) => mirror.dir(),
            Way::Over { base, .. } => &base.dir,
        };
        let cache = dir.join("cache").join(name);
        private_dir(&cache).is_ok().then_some(cache)
    }

    /// The tree as a cell; a command starts in `directory`, relative to the root.
    pub fn cell(&self, directory: &Path) -> Cell {
        let (root, dir, tree, overlay, dependencies, builds) = match &self.0 {
            Way::Copy(mirror) => {
                let dir = mirror.dir();
                let (dependencies, builds) = mirror.mounted();
                let place = |build: &PathBuf| (dir.join(build_name(build)), build.clone());
                let builds = builds.iter().map(place).filter(|(host, _)| private_dir(host).is_ok()).collect();
                (mirror.root(), dir, dir.join("tree"), None, dependencies, builds)
            }
            Way::Over { base, layered: Some(layered), .. } => {
                let (overlay, builds) = base.overlay(layered);
                let dependencies = layered.dependencies.as_slice();
                (base.root.as_path(), base.dir.as_path(), overlay.tree(), Some(overlay), dependencies, builds)
            }
            // Nothing was synced: nothing is shown, and no command starts.
            Way::Over { base, .. } => {
                let none = base.dir.join("nothing");
                (base.root.as_path(), base.dir.as_path(), none, None, [].as_slice(), Vec::new())
            }
        };
        let inside = |path: &Path| mounted_at(root, path);
        let mut readable: Vec<(PathBuf, PathBuf)> =
            ["passwd", "group"].iter().map(|name| (dir.join(name), Path::new("/etc").join(name))).collect();
        readable.push((dir.join("plugin"), PLUGIN_DIR.into()));
        readable.extend(dependencies.iter().map(|path| (inside(path), inside(path))));
        let cache = |build: &PathBuf| {
            let variable = build.strip_prefix(CACHES).ok()?.to_str()?;
            Some((variable.to_owned(), build.to_str()?.to_owned()))
        };
        let env = builds.iter().filter_map(|(_, build)| cache(build)).collect();
        let writable = builds.iter().map(|(host, build)| (host.clone(), inside(build))).collect();
        Cell { tree, at: root.to_owned(), cwd: inside(directory), readable, writable, env, overlay }
    }
}

/// Where a build directory is kept in a copy. The workspace gives it its name, so only a digest of that is used.
fn build_name(build: &Path) -> String {
    let digest = Sha256::digest(build.as_os_str().as_encoded_bytes());
    format!("build/{}", digest[..8].iter().map(|b| format!("{b:02x}")).collect::<String>())
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

    use super::{Base, Shadow, Texts};
    use crate::verify::{Limits, Sandbox, overlay};
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
            overlay::works(&place.sandbox, &place.state()).await.unwrap();
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

        async fn run(&self, shadow: &Shadow, script: &str) -> String {
            let argv = ["sh", "-c", script].map(str::to_owned);
            let limits = Limits { wall: Duration::from_secs(20), ..Limits::default() };
            let cell = shadow.cell(Path::new(""));
            self.sandbox.run(&cell, &argv, &limits, &CancellationToken::new()).await.output
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
        let building = plain.cell(Path::new(""));
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
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--inh-caps=-all"]).arg(&program);
        command.args(["verify::shadow::tests", "--skip", "ordinary_user"]);
        let output = command.current_dir("/").env("HOME", "/nonexistent").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("6 passed"), "{said}");
    }
}
