//! Texts as vectors, by the encoder that is compiled in. A thousand take minutes, so they are kept in a file.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;

use super::conducted::described;
use super::recorded::Task;
use crate::conductor::host::{EXE, Host, HostOptions};
use crate::ledger::hash;

/// The tasks' vectors, by the tasks' names.
#[derive(Debug, Clone, Default)]
pub struct Vectors(BTreeMap<String, Vec<f32>>);

impl Vectors {
    /// A task's.
    pub fn of(&self, task: &Task) -> Result<&[f32]> {
        let vector = self.0.get(&task.id).with_context(|| format!("task {} was not embedded", task.id))?;
        Ok(vector)
    }
}

impl FromIterator<(String, Vec<f32>)> for Vectors {
    fn from_iter<I: IntoIterator<Item = (String, Vec<f32>)>>(named: I) -> Self {
        Self(named.into_iter().collect())
    }
}

/// The encoder's process, which nothing has started yet. Always the one compiled in, so that figures are comparable.
pub fn encoder(cache_dir: &Path) -> Host {
    Host::new(HostOptions { exe: EXE.into(), encoder: None, cache_dir: cache_dir.to_owned() })
}

/// The vectors of these tasks. What is in `folder` of an earlier time is not made again. `done` is told of each.
pub async fn vectors<'a>(
    tasks: impl Iterator<Item = &'a Task>,
    encoder: &Host,
    folder: &Path,
    done: impl Fn(),
) -> Result<Vectors> {
    let file = folder.join(format!("{}.vectors", encoder.model_name()));
    // One that cannot be read holds nothing that cannot be made again.
    let kept = std::fs::read(&file).ok().and_then(|bytes| postcard::from_bytes(&bytes).ok());
    let mut kept: BTreeMap<String, Vec<f32>> = kept.unwrap_or_default();
    let before = kept.len();
    let mut vectors = BTreeMap::new();
    for task in tasks {
        vectors.insert(task.id.clone(), vector(task, encoder, &mut kept).await?);
        done();
    }
    if kept.len() > before {
        let write = || -> Result<()> {
            let new = tempfile::NamedTempFile::new_in(folder)?;
            std::fs::write(new.path(), postcard::to_allocvec(&kept)?)?;
            new.persist(&file)?;
            Ok(())
        };
        write().with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(Vectors(vectors))
}

async fn vector(task: &Task, encoder: &Host, kept: &mut BTreeMap<String, Vec<f32>>) -> Result<Vec<f32>> {
    let text = described(task);
    let key = hash(&text);
    if let Some(vector) = kept.get(&key) {
        return Ok(vector.clone());
    }
    let vector = encoder.embed(&text, &CancellationToken::new()).await?;
    kept.insert(key, vector.clone());
    Ok(vector)
}
