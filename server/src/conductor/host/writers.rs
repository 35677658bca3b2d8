//! The generative models of a configuration: one process for each file, whoever uses it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{PATIENCE, Writer, WriterOptions};
use crate::config::{Config, WorkerKind, WorkerOptions};

/// Tokens that the embedded one holds.
const EMBEDDED_CONTEXT: usize = 1024;

/// Every model file that is configured, and the embedded one, none of them started.
#[derive(Debug)]
pub struct Writers {
    writers: BTreeMap<PathBuf, Arc<Writer>>,
    embedded: Arc<Writer>,
    workers: Vec<WorkerOptions>,
}

impl Writers {
    /// Those of `config`; `exe` is this program.
    pub fn of(config: &Config, exe: &Path) -> Self {
        let local = config.workers.iter().filter(|worker| worker.kind == WorkerKind::Gguf);
        let workers: Vec<WorkerOptions> =
            local.cloned().chain(WorkerOptions::conductor(&config.conductor)).map(patient).collect();
        // Where several use a file, it holds what the most demanding of them needs.
        let mut sizes: BTreeMap<PathBuf, usize> = BTreeMap::new();
        let uses = workers.iter().filter_map(|worker| Some((worker.path.clone()?, worker.context)));
        let conductor = config.conductor.generator.clone().map(|path| (path, config.conductor.context));
        for (path, context) in uses.chain(conductor) {
            let size = sizes.entry(path).or_default();
            *size = context.max(*size);
        }
        let idle = Duration::try_from_secs_f64(config.conductor.idle_minutes * 60.0).unwrap_or(Duration::MAX);
        let writer = |model: Option<PathBuf>, context: usize| {
            let (exe, cache_dir) = (exe.to_owned(), config.places.cache_dir.clone());
            Arc::new(Writer::new(WriterOptions { exe, model, context, cache_dir, idle, patience: PATIENCE }))
        };
        let embedded = writer(None, EMBEDDED_CONTEXT);
        let of_file = |(path, context): (PathBuf, usize)| (path.clone(), writer(Some(path), context));
        Self { writers: sizes.into_iter().map(of_file).collect(), embedded, workers }
    }

    /// The model in this file.
    pub fn at(&self, path: &Path) -> Option<Arc<Writer>> {
        self.writers.get(path).cloned()
    }

    /// The one that is compiled in.
    pub fn embedded(&self) -> Arc<Writer> {
        self.embedded.clone()
    }

    /// The workers that are model files, the conductor's own among them.
    pub fn workers(&self) -> impl Iterator<Item = (&WorkerOptions, Arc<Writer>)> {
        self.workers.iter().filter_map(|worker| Some((worker, self.at(worker.path.as_ref()?)?)))
    }
}

/// Its process is watched token by token; how long a prompt takes to read on this machine is nobody's fault.
fn patient(worker: WorkerOptions) -> WorkerOptions {
    WorkerOptions { timeout_seconds: 86_400.0, concurrency: 1, ..worker }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Places;

    #[test]
    fn a_file_has_one_process_with_room_for_all_who_use_it() {
        let config = |written: &str| {
            Config::from_options(toml::from_str(written).unwrap(), Places::below(Path::new("/home/u"))).unwrap()
        };
        let writers = Writers::of(
            &config(
                "[conductor]\ngenerator = '/a.gguf'\n[[worker]]\nname = 'x'\nkind = 'gguf'\npath = '/a.gguf'\n[[worker]]\nname = 'y'\nkind = 'gguf'\npath = '/b.gguf'\ncontext = 6000",
            ),
            Path::new("baton"),
        );
        let names: Vec<&str> = writers.workers().map(|(worker, _)| worker.name.as_str()).collect();
        assert_eq!(names, ["x", "y", "conductor"]);
        assert_eq!((writers.at(Path::new("/a.gguf")).unwrap().context(), writers.writers.len()), (32_768, 2));
        let alone = Writers::of(&config("[conductor]\ngenerator = '/a.gguf'\nstrength = 0"), Path::new("baton"));
        assert_eq!(alone.workers().count(), 0, "it only plans");
        assert_eq!(alone.at(Path::new("/a.gguf")).unwrap().context(), 8_192);
        assert!(Writers::of(&config(""), Path::new("baton")).writers.is_empty());
    }
}
