//! What the encoder and the generator share of llama.cpp: one start for a process, one model file, its errors caught.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;

/// A model file in llama.cpp. A process loads one and ends with it.
pub struct Llama {
    /// Borrowed for ever, which spares a self-reference in whatever holds it beside its context.
    pub model: &'static LlamaModel,
    backend: LlamaBackend,
    log: Arc<Mutex<Vec<u8>>>,
}

impl Llama {
    /// Loads `path`. An `Err` is a sentence without the file's name.
    pub fn load(path: &Path) -> Result<Self, String> {
        if !path.is_file() {
            return Err("there is no such file".into());
        }
        let log = log_errors();
        let backend = LlamaBackend::init().map_err(|error| error.to_string())?;
        let params = LlamaModelParams::default().with_n_gpu_layers(0);
        let model = LlamaModel::load_from_file(&backend, path, &params)
            .map_err(|_| because(&log, "llama.cpp cannot read it as a GGUF model"))?;
        Ok(Self { model: Box::leak(Box::new(model)), backend, log })
    }

    /// What the model computes in.
    pub fn context(self, params: LlamaContextParams) -> Result<LlamaContext<'static>, String> {
        let context =
            self.model.new_context(&self.backend, params).map_err(|_| because(&self.log, "llama.cpp cannot run it"))?;
        // Its destructor would shut llama.cpp down under the model.
        std::mem::forget(self.backend);
        Ok(context)
    }
}

fn because(log: &Mutex<Vec<u8>>, what: &str) -> String {
    let log = log.lock().unwrap_or_else(PoisonError::into_inner);
    // The first error is the cause, those after it are its consequences.
    match String::from_utf8_lossy(&log).lines().next().and_then(|line| line.split(" module=").next()) {
        Some(cause) => format!("{what}: {}", cause.trim()),
        None => what.to_string(),
    }
}

/// Collects what llama.cpp logs as errors from now on, in place of its default: everything to stderr.
fn log_errors() -> Arc<Mutex<Vec<u8>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let writer = log.clone();
    let collector = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::ERROR)
        .with_ansi(false)
        .with_level(false)
        .with_target(false)
        .without_time()
        .with_writer(move || Collect(writer.clone()))
        .finish();
    // It is set already only where a caller listens anyway.
    let _ = tracing::subscriber::set_global_default(collector);
    llama_cpp_2::send_logs_to_tracing(llama_cpp_2::LogOptions::default().with_logs_enabled(true));
    log
}

struct Collect(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Collect {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A hostile file may cause any number of lines.
        if log.len() < 16 * 1024 {
            log.extend_from_slice(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
