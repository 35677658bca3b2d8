//! What every command finds around it, in every kind of sandbox: the system's files and the variables.

use std::ffi::OsString;
use std::path::PathBuf;

use super::super::toolchains::Toolchains;
use super::Cell;

/// What of `/etc` programs need to start, to name their user and to tell the time. No secret is among it.
pub(super) const ETC: [&str; 12] = [
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "nsswitch.conf",
    "hosts",
    "localtime",
    "timezone",
    "mime.types",
    "os-release",
    "ssl/certs",
    "ssl/openssl.cnf",
];

/// Where the system keeps programs and libraries, beside `/usr`; on most systems links into it.
pub(super) const TOPS: [&str; 6] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// The same for every command. Tests must be repeatable, leave no caches that could hide a change,
/// print plainly and never wait for a network that is not there.
const FIXED_ENV: [(&str, &str); 16] = [
    ("LANG", "C.UTF-8"),
    ("TERM", "dumb"),
    ("COLUMNS", "200"),
    ("NO_COLOR", "1"),
    ("CI", "1"),
    ("USER", "baton"),
    ("LOGNAME", "baton"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("PYTHONUNBUFFERED", "1"),
    ("PYTHONHASHSEED", "0"),
    ("CARGO_TERM_COLOR", "never"),
    ("CARGO_NET_OFFLINE", "true"),
    ("GOPROXY", "off"),
    ("GOTOOLCHAIN", "local"),
    ("npm_config_offline", "true"),
    ("npm_config_update_notifier", "false"),
];

/// The toolchains that a command in the cell needs to see.
pub(super) fn toolchains(cell: &Cell, argv: &[String]) -> Toolchains {
    let mut toolchains = Toolchains::find(&cell.at, argv.first().map_or("", String::as_str));
    cell.readable.iter().for_each(|(host, _)| toolchains.add_environment(host));
    toolchains
}

/// The whole environment of a command; of two with one name the later counts.
pub(super) fn environment(
    cell: &Cell,
    toolchains: &Toolchains,
    home: PathBuf,
    tmp: PathBuf,
) -> Vec<(String, OsString)> {
    let fixed = FIXED_ENV.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value)));
    let places = [("HOME".to_owned(), home.into_os_string()), ("TMPDIR".to_owned(), tmp.into_os_string())];
    let chosen = cell.env.iter().map(|(name, value)| (name.clone(), value.into()));
    fixed.chain(toolchains.env(&cell.cwd)).chain(places).chain(chosen).collect()
}
