//! Which directories of this machine a sandbox shows, besides the system's own: the toolchains, never the home
//! directory they often live in.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use super::pyenv;

/// Where toolchains install themselves below the home directory. None of these holds keys: `.cargo` and `.local`
/// do, so only parts of them are named.
const BELOW_HOME: [&str; 34] = [
    ".cargo/bin",
    ".cargo/registry",
    ".cargo/git",
    ".rustup",
    ".pyenv",
    ".nvm",
    ".volta",
    ".asdf",
    ".bun/bin",
    ".deno/bin",
    ".virtualenvs",
    ".local/bin",
    ".local/lib",
    ".local/share/uv",
    ".local/share/mise",
    ".local/share/fnm",
    ".local/share/pnpm",
    ".local/share/virtualenvs",
    ".cache/pypoetry/virtualenvs",
    "go/bin",
    "go/pkg",
    "sdk",
    "miniconda3",
    "anaconda3",
    "miniforge3",
    ".sdkman/candidates",
    ".m2/repository",
    ".m2/wrapper/dists",
    ".gradle/wrapper/dists",
    ".nuget/packages",
    ".dotnet",
    ".rbenv",
    ".gem/ruby",
    ".local/share/gem",
];

/// Variables that move a toolchain elsewhere, and the parts of that place which are shown.
const MOVED: [(&str, &[&str]); 8] = [
    ("CARGO_HOME", &["bin", "registry", "git"]),
    ("RUSTUP_HOME", &[""]),
    ("PYENV_ROOT", &[""]),
    ("NVM_DIR", &[""]),
    ("VOLTA_HOME", &[""]),
    ("GOPATH", &["bin", "pkg"]),
    ("GOROOT", &[""]),
    ("CONDA_PREFIX", &[""]),
];

/// Variables that name a place which is otherwise looked for below the home directory.
const OWN_PLACES: [(&str, &str); 7] = [
    ("CARGO_HOME", ".cargo"),
    ("RUSTUP_HOME", ".rustup"),
    ("PYENV_ROOT", ".pyenv"),
    ("NVM_DIR", ".nvm"),
    ("VOLTA_HOME", ".volta"),
    ("GOPATH", "go"),
    ("PYTHONUSERBASE", ".local"),
];

/// Variables that choose a version and are no secret.
const CHOICES: [&str; 6] =
    ["RUSTUP_TOOLCHAIN", "PYENV_VERSION", "VIRTUAL_ENV", "TZ", "CONDA_DEFAULT_ENV", "NODE_VERSION"];

/// What is shown of this machine's toolchains.
pub(super) struct Toolchains {
    home: PathBuf,
    root: PathBuf,
    paths: BTreeSet<PathBuf>,
    /// Directories in them that are not to be seen.
    hidden: BTreeSet<PathBuf>,
    search: Vec<PathBuf>,
}

/// Where the system's own programs are. `PATH` is not asked: it may name a directory that anybody can write to, the
/// workspace itself among them.
const SYSTEM: [&str; 8] = [
    "/usr/bin",
    "/bin",
    "/usr/sbin",
    "/sbin",
    "/usr/local/bin",
    "/run/wrappers/bin",
    "/run/current-system/sw/bin",
    "/nix/var/nix/profiles/default/bin",
];

/// The system's program of that name: one that only the superuser can have put there.
pub(super) fn system_program(name: &str) -> Option<PathBuf> {
    system_program_in(&SYSTEM, name)
}

fn system_program_in(dirs: &[impl AsRef<Path>], name: &str) -> Option<PathBuf> {
    let is_the_systems = |path: &PathBuf| {
        let real = path.canonicalize().ok().and_then(|real| real.metadata().ok());
        is_program(path) && real.is_some_and(|found| found.uid() == 0 && found.mode() & 0o022 == 0)
    };
    dirs.iter().map(|dir| dir.as_ref().join(name)).find(is_the_systems)
}

/// The user's home directory; a place in memory where there is none worth the name.
pub(super) fn home_dir() -> PathBuf {
    let home =
        env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute() && home.components().count() > 1);
    home.unwrap_or_else(|| PathBuf::from("/home/baton"))
}

/// Whether a command that starts in `directory` of the workspace `root` finds this program.
pub(super) fn has_program(root: &Path, directory: &Path, program: &str) -> bool {
    if program.contains('/') {
        return directory.join(program).exists();
    }
    let env = Toolchains::find(root, program).env(directory);
    let search = env.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path);
    search.is_some_and(|path| env::split_paths(path).any(|dir| is_program(&dir.join(program))))
}

impl Toolchains {
    /// What a command started as `program` in the workspace `root` needs to see.
    pub(super) fn find(root: &Path, program: &str) -> Self {
        let search: Vec<PathBuf> = env::var_os("PATH")
            .map(|path| env::split_paths(&path).filter(|dir| dir.is_absolute()).collect())
            .unwrap_or_default();
        let mut found =
            Self { home: home_dir(), root: root.to_owned(), paths: BTreeSet::new(), hidden: BTreeSet::new(), search };
        found.add_known();
        for dir in found.search.clone() {
            found.add_program_dir(&dir);
        }
        found.add_program(program);
        // The workspace itself is shown as the private tree, never as it is.
        found.paths.retain(|path| !root.starts_with(path));
        found.drop_repeated();
        found
    }

    /// The home directory's path: inside, an empty place in memory with the toolchains in it.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// Read-only inside, at their own paths; what is [`Self::hidden`] is to be covered.
    pub(super) fn paths(&self) -> &BTreeSet<PathBuf> {
        &self.paths
    }

    /// Directories that are not to be seen in what is shown.
    pub(super) fn hidden(&self) -> &BTreeSet<PathBuf> {
        &self.hidden
    }

    /// The paths for a sandbox that can cover nothing: in place of a directory that holds something hidden, the rest
    /// of what it holds.
    pub(super) fn parts(&self) -> impl Iterator<Item = PathBuf> {
        self.paths.iter().flat_map(|path| match self.hidden.iter().any(|hidden| hidden.parent() == Some(path)) {
            true => below(path).filter(|part| !self.hidden.contains(part)).collect(),
            false => vec![path.clone()],
        })
    }

    /// Variables that make the toolchains work inside, for a command that starts in `cwd`.
    pub(super) fn env(&self, cwd: &Path) -> Vec<(String, OsString)> {
        let version = env::var_os("PYENV_VERSION");
        let with_pyenvs = |dir: &PathBuf| {
            let programs = pyenv::programs(dir, &self.root, cwd, version.as_deref());
            programs.into_iter().chain([dir.clone()]).filter(|dir| self.shows(dir)).collect::<Vec<_>>()
        };
        let mut search: Vec<PathBuf> = self.search.iter().flat_map(with_pyenvs).collect();
        search.extend(["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from));
        let mut seen = BTreeSet::new();
        search.retain(|dir| seen.insert(dir.clone()));
        let path = env::join_paths(search).unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".into());
        let mut env = vec![("PATH".to_owned(), path)];
        for name in MOVED.iter().map(|(name, _)| *name).chain(CHOICES) {
            env.extend(env::var_os(name).map(|value| (name.to_owned(), value)));
        }
        env
    }

    /// Variables that say where the toolchains are, for a command whose home directory is another one.
    pub(super) fn places(&self) -> Vec<(String, OsString)> {
        let own = |(name, below): (&str, &str)| {
            let place = self.home.join(below);
            place.is_dir().then(|| (name.to_owned(), place.into_os_string()))
        };
        OWN_PLACES.into_iter().filter_map(own).collect()
    }

    fn shows(&self, dir: &Path) -> bool {
        is_system(dir) || self.paths.iter().any(|path| dir.starts_with(path))
    }

    fn add_known(&mut self) {
        for part in BELOW_HOME {
            self.add(&self.home.join(part));
        }
        for (name, parts) in MOVED {
            let Some(place) = env::var_os(name).map(PathBuf::from) else { continue };
            if place.is_absolute() && self.is_own_place(&place) {
                parts.iter().for_each(|part| self.add(&place.join(part)));
            }
        }
        let cargo = env::var_os("CARGO_HOME").map_or(self.home.join(".cargo"), PathBuf::from);
        for name in ["config.toml", "config"] {
            let file = cargo.join(name);
            // Cargo's configuration says where crates come from, but may also hold a registry's token.
            if std::fs::read_to_string(&file).is_ok_and(|text| !text.contains("token") && !text.contains("secret")) {
                self.add(&file);
            }
        }
        for place in ["/nix/store", "/var/lib/gems"] {
            self.add(Path::new(place));
        }
        self.add_settings();
    }

    /// What toolchains read below `/etc`, without what may hold a password: Maven's settings, PHP's servers, Java's
    /// management.
    fn add_settings(&mut self) {
        for name in ["m2.conf", "logging"] {
            self.add(&Path::new("/etc/maven").join(name));
        }
        for version in below(Path::new("/etc/php")) {
            ["cli", "mods-available"].iter().for_each(|name| self.add(&version.join(name)));
        }
        let is_java = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("java-"));
        for java in below(Path::new("/etc")).filter(is_java) {
            let management = java.join("management");
            let is_real = management.symlink_metadata().is_ok_and(|found| found.is_dir());
            self.hidden.extend(is_real.then_some(management));
            self.add(&java);
        }
    }

    /// Drops what lies in another path: each takes a mount.
    fn drop_repeated(&mut self) {
        let is_shown = |path: &PathBuf, above: &Path| {
            let real = |path: &Path| path.canonicalize().ok();
            let below = path.strip_prefix(above).ok().and_then(|below| Some(real(above)?.join(below)));
            // A link on the way would lead elsewhere.
            self.paths.contains(above) && below.is_some() && below == real(path)
        };
        let is_repeated = |path: &&PathBuf| path.ancestors().skip(1).any(|above| is_shown(path, above));
        let repeated: Vec<PathBuf> = self.paths.iter().filter(is_repeated).cloned().collect();
        self.paths.retain(|path| !repeated.contains(path));
    }

    /// A directory of `PATH`: with the rest of its installation where that is a place of its own.
    fn add_program_dir(&mut self, dir: &Path) {
        if is_system(dir) || dir.starts_with(&self.root) {
            return;
        }
        self.add(dir);
        if let Some(prefix) = dir.parent() {
            self.add_environment(prefix);
            if !dir.starts_with(&self.home) && is_bin(dir) && self.is_own_place(prefix) {
                self.add(prefix);
            }
        }
    }

    /// The program that is run, with every link on the way to it.
    fn add_program(&mut self, program: &str) {
        let written = Path::new(program);
        let mut at = if written.is_absolute() {
            written.to_owned()
        } else if written.components().count() > 1 {
            // Relative to the workspace: only an environment there may name something outside.
            if let Some(prefix) = self.root.join(written).parent().and_then(Path::parent).map(Path::to_owned) {
                self.add_environment(&prefix);
            }
            return;
        } else {
            let Some(found) = self.search.iter().map(|dir| dir.join(written)).find(|path| is_program(path)) else {
                return;
            };
            found
        };
        for _ in 0..16 {
            if at.starts_with(&self.root) {
                if let Some(prefix) = at.parent().and_then(Path::parent).map(Path::to_owned) {
                    self.add_environment(&prefix);
                }
                return;
            }
            if let Some(dir) = at.parent().map(Path::to_owned)
                && is_program(&at)
                && !is_system(&dir)
            {
                let prefix = dir.parent().map(Path::to_owned).unwrap_or_default();
                if is_bin(&dir) && self.is_own_place(&prefix) && !is_hidden_data(&self.home, &prefix) {
                    self.add_environment(&prefix);
                    self.add(&prefix);
                } else {
                    self.add(&at);
                }
            }
            match std::fs::read_link(&at) {
                Ok(target) => at = normal(&at.parent().unwrap_or(Path::new("/")).join(target)),
                Err(_) => return,
            }
        }
    }

    /// A Python environment, and the installation it was made from. Its `pyvenv.cfg` may come with a hostile
    /// repository, so what it names must be a Python installation.
    pub(super) fn add_environment(&mut self, prefix: &Path) {
        let Ok(config) = std::fs::read_to_string(prefix.join("pyvenv.cfg")) else { return };
        if !prefix.starts_with(&self.root) {
            self.add(prefix);
        }
        let home = config.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == "home").then(|| PathBuf::from(value.trim()))
        });
        let Some(bin) = home.filter(|bin| bin.is_absolute() && normal(bin) == *bin && is_bin(bin)) else { return };
        let python = ["python3", "python"].map(|name| bin.join(name));
        let Some(base) = bin.parent() else { return };
        if !is_system(&bin)
            && !bin.starts_with(&self.root)
            && python.iter().any(|p| is_program(p))
            && base.join("lib").is_dir()
            && self.is_own_place(base)
        {
            self.add(base);
        }
    }

    fn add(&mut self, path: &Path) {
        if path.exists() {
            self.paths.insert(path.to_owned());
        }
    }

    /// Whether a directory can be an installation: not the root or one of its children, not the home directory,
    /// not one that holds either the home directory or the workspace.
    fn is_own_place(&self, dir: &Path) -> bool {
        let deep = dir.components().filter(|part| matches!(part, Component::Normal(_))).count() >= 2;
        deep && !self.home.starts_with(dir) && !self.root.starts_with(dir)
    }
}

/// What a directory holds.
fn below(dir: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Directories directly in the home directory that hold more than a toolchain, keys among it.
fn is_hidden_data(home: &Path, prefix: &Path) -> bool {
    [".local", ".cargo", ".config", ".cache", ".ssh", ".gnupg", ".aws"].iter().any(|name| prefix == home.join(name))
}

fn is_system(dir: &Path) -> bool {
    ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/alternatives"].iter().any(|top| dir.starts_with(top))
}

fn is_bin(dir: &Path) -> bool {
    dir.file_name().is_some_and(|name| ["bin", "sbin", "shims", "libexec"].iter().any(|known| name == *known))
}

pub(super) fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The path with `.` and `..` resolved by name.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::{Path, PathBuf};

    use super::{Toolchains, system_program, system_program_in};

    fn nothing_of(home: &Path, toolchains: &Toolchains) -> bool {
        !toolchains.paths.iter().any(|path| home.starts_with(path) || path.starts_with(home.join(".ssh")))
    }

    #[test]
    fn a_link_in_the_workspace_shows_nothing_outside() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("project");
        let secret = dir.path().join("elsewhere");
        fs::create_dir_all(root.join("venv/bin")).unwrap();
        fs::create_dir_all(secret.join("bin")).unwrap();
        fs::write(secret.join("bin/key"), "secret").unwrap();
        symlink(secret.join("bin/key"), root.join("venv/bin/python")).unwrap();
        fs::write(root.join("venv/pyvenv.cfg"), format!("home = {}/bin\n", secret.display())).unwrap();
        for program in ["venv/bin/python".to_owned(), root.join("venv/bin/python").display().to_string()] {
            let found = Toolchains::find(&root, &program);
            assert!(!found.paths.iter().any(|path| path.starts_with(&secret)), "{program}: {:?}", found.paths);
            assert!(nothing_of(&found.home.clone(), &found));
        }
    }

    #[test]
    fn what_lies_in_a_shown_place_is_shown_once_and_what_is_hidden_is_no_part() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let at = |name: &str| root.join(name);
        for made in ["java/conf", "java/management", "tools/bin", "elsewhere/bin"] {
            fs::create_dir_all(at(made)).unwrap();
        }
        symlink(at("elsewhere"), at("tools/link")).unwrap();
        let mut found = Toolchains::find(Path::new("/none"), "none");
        found.paths = ["java", "tools", "tools/bin", "tools/link/bin", "elsewhere/bin"].map(at).into();
        found.hidden = [at("java/management")].into();
        found.drop_repeated();
        let shown: Vec<_> = found.paths.iter().map(|path| path.strip_prefix(&root).unwrap().to_owned()).collect();
        assert_eq!(shown, ["elsewhere/bin", "java", "tools", "tools/link/bin"].map(PathBuf::from));
        let parts: Vec<_> = found.parts().map(|path| path.strip_prefix(&root).unwrap().to_owned()).collect();
        assert_eq!(parts, ["elsewhere/bin", "java/conf", "tools", "tools/link/bin"].map(PathBuf::from));
    }

    #[test]
    fn the_sandboxs_own_programs_are_the_systems() {
        let dir = tempfile::tempdir().unwrap();
        let planted = dir.path().join("planted");
        fs::create_dir(&planted).unwrap();
        fs::copy("/bin/true", planted.join("bwrap")).unwrap();
        fs::set_permissions(planted.join("bwrap"), fs::Permissions::from_mode(0o777)).unwrap();
        symlink(planted.join("bwrap"), planted.join("prlimit")).unwrap();
        // Everybody may write to them, whoever owns them.
        assert_eq!(system_program_in(&[&planted], "bwrap"), None);
        assert_eq!(system_program_in(&[&planted], "prlimit"), None);
        assert_eq!(system_program_in(&[planted.as_path(), Path::new("/bin")], "sh"), Some("/bin/sh".into()));
        assert!(system_program("bwrap").is_some_and(|found| found.starts_with("/usr") || found.starts_with("/bin")));
    }

    #[test]
    fn an_environment_brings_the_python_it_was_made_from() {
        let dir = tempfile::tempdir().unwrap();
        let (root, base) = (dir.path().join("project"), dir.path().join("python-3"));
        fs::create_dir_all(root.join(".venv/bin")).unwrap();
        fs::create_dir_all(base.join("bin")).unwrap();
        fs::create_dir_all(base.join("lib")).unwrap();
        fs::copy("/bin/true", base.join("bin/python3")).unwrap();
        symlink(base.join("bin/python3"), root.join(".venv/bin/python")).unwrap();
        fs::write(root.join(".venv/pyvenv.cfg"), format!("home = {}/bin\n", base.display())).unwrap();
        let found = Toolchains::find(&root, ".venv/bin/python");
        assert!(found.paths.contains(&base), "{:?}", found.paths);
        assert!(!found.paths.iter().any(|path| root.starts_with(path)));
    }
}
