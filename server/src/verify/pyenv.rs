//! The Pythons that pyenv's shims would start: a shim starts some thirty shell scripts to find that out, each time.

use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Longest file that names versions, in bytes.
const MOST: u64 = 4096;

/// The directories of the programs that stand for those in `shims`, for a command that starts in `cwd` of the
/// workspace `root`; `version` is the user's own choice (`PYENV_VERSION`). None where it is no directory of shims, or
/// where only pyenv itself can tell: then the shims have to.
pub(super) fn programs(shims: &Path, root: &Path, cwd: &Path, version: Option<&OsStr>) -> Vec<PathBuf> {
    let Some(pyenv) = shims.parent().filter(|pyenv| shims.ends_with("shims") && pyenv.join("versions").is_dir()) else {
        return Vec::new();
    };
    let own = version.and_then(OsStr::to_str).map(|own| own.replace(':', " "));
    let within = cwd.ancestors().take_while(|dir| dir.starts_with(root));
    let files = within.map(|dir| dir.join(".python-version")).chain([pyenv.join("version")]);
    let Some(named) = own.or_else(|| files.filter_map(|file| read(&file)).next()) else { return Vec::new() };
    let bin = |name: &str| {
        let mut parts = Path::new(name).components();
        let is_name = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        Some(pyenv.join("versions").join(name).join("bin")).filter(|bin| is_name && bin.is_dir())
    };
    // One that is not there by this name is for pyenv to find.
    named.split_whitespace().map(bin).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// The names in a file, if there is such a file; comments name nothing.
fn read(file: &Path) -> Option<String> {
    let is_small = fs::metadata(file).is_ok_and(|found| found.is_file() && found.len() <= MOST);
    let text = fs::read_to_string(file).ok().filter(|_| is_small)?;
    let names: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::path::Path;

    use super::programs;

    #[test]
    fn they_are_those_that_the_shim_would_start() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        for made in ["pyenv/shims", "pyenv/versions/3.12.1/bin", "pyenv/versions/own/bin", "p/sub", "other/shims"] {
            fs::create_dir_all(at(made)).unwrap();
        }
        fs::write(at("pyenv/version"), "3.12.1\n").unwrap();
        let of = |shims: &str, cwd: &str, own: Option<&str>| {
            let found = programs(&at(shims), &at("p"), &at(cwd), own.map(OsStr::new));
            let below = |path: &Path| path.strip_prefix(at("pyenv/versions")).unwrap().display().to_string();
            found.iter().map(|path| below(path)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("pyenv/shims", "p/sub", None), "3.12.1/bin");
        assert_eq!(of("other/shims", "p/sub", None), "");
        assert_eq!(of("pyenv/shims", "p", Some("own:3.12.1")), "own/bin 3.12.1/bin");
        // A version that pyenv would have to look for, the system's, and what is no name.
        for unknown in ["3.12", "system", "..", "../..", "/", "own/bin"] {
            assert_eq!(of("pyenv/shims", "p", Some(unknown)), "", "{unknown}");
        }
        fs::write(at("p/.python-version"), "# which\n\nown\n").unwrap();
        assert_eq!(of("pyenv/shims", "p/sub", None), "own/bin");
        fs::write(at("p/sub/.python-version"), "3.12.1\nown\n").unwrap();
        assert_eq!(of("pyenv/shims", "p/sub", None), "3.12.1/bin own/bin");
        assert_eq!(of("pyenv/shims", "p", None), "own/bin");
        // What stands above the workspace is not seen by a shim in the sandbox either.
        fs::write(at(".python-version"), "3.12.1\n").unwrap();
        fs::remove_file(at("p/.python-version")).unwrap();
        fs::write(at("pyenv/version"), "own\n").unwrap();
        assert_eq!(of("pyenv/shims", "p", None), "own/bin");
    }
}
