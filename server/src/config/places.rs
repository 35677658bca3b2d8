//! Where Baton's own files are, by the XDG base directory rules.

use std::path::{Path, PathBuf};

use super::ConfigError;

/// Baton's own files; none of them lies in a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The user's configuration.
    pub config_file: PathBuf,
    /// The workspaces that the user trusts, one a line.
    pub trust_file: PathBuf,
    /// The ledger of runs.
    pub ledger_file: PathBuf,
    /// The conductor's heads, as the user's own runs have adapted them.
    pub heads_file: PathBuf,
    /// The token of the endpoint.
    pub token_file: PathBuf,
    /// Shadows, models: what may be deleted at any time.
    pub cache_dir: PathBuf,
}

impl Places {
    /// The user's own, from `XDG_*_HOME` and `HOME`.
    pub fn of_user() -> Result<Self, ConfigError> {
        let dirs = directories::ProjectDirs::from("", "", "baton").ok_or_else(|| {
            ConfigError("there is no home directory: set HOME, so that Baton knows where its configuration is".into())
        })?;
        let state = dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir());
        Ok(Self::at(dirs.config_dir(), state, dirs.data_local_dir(), dirs.cache_dir()))
    }

    /// All of them below one directory, for tests.
    pub fn below(home: &Path) -> Self {
        Self::at(&home.join("config"), &home.join("state"), &home.join("data"), &home.join("cache"))
    }

    fn at(config: &Path, state: &Path, data: &Path, cache: &Path) -> Self {
        Self {
            config_file: config.join("config.toml"),
            trust_file: config.join("trusted"),
            ledger_file: state.join("ledger.sqlite"),
            heads_file: data.join("heads.json"),
            token_file: state.join("serve-token"),
            cache_dir: cache.to_owned(),
        }
    }
}
