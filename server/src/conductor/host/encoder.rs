//! An encoder GGUF in llama.cpp: text in, vector of length 1 out.

use std::num::NonZeroU32;
use std::path::Path;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;

use super::llama::Llama;

/// Tokens of a text that are read. What MiniLM was trained for; more costs more than it tells.
const MAX_TOKENS: usize = 256;

/// A loaded encoder.
pub struct Encoder {
    model: &'static LlamaModel,
    context: LlamaContext<'static>,
    batch: LlamaBatch<'static>,
    max_tokens: usize,
}

impl Encoder {
    /// Loads `path` and proves that it works by embedding a word: a file that is bad enough to end
    /// the process shall do so here, where its name is known. An `Err` is a sentence without the name.
    pub fn load(path: &Path) -> Result<Self, String> {
        let llama = Llama::load(path)?;
        let model = llama.model;
        let max_tokens = MAX_TOKENS.min(model.n_ctx_train() as usize);
        if max_tokens < 4 {
            return Err("it has no room for text".into());
        }
        let size = max_tokens as u32;
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(size))
            .with_n_batch(size)
            .with_n_ubatch(size)
            .with_embeddings(true)
            // Short texts gain nothing from a second thread, and the editor keeps it.
            .with_n_threads(1)
            .with_n_threads_batch(1);
        let context = llama.context(params)?;
        let batch = LlamaBatch::new(max_tokens, 1);
        let mut encoder = Self { model, context, batch, max_tokens };
        encoder.embed("warm")?;
        Ok(encoder)
    }

    /// Numbers in a vector.
    pub fn dimensions(&self) -> usize {
        usize::try_from(self.model.n_embd_out()).unwrap_or(0)
    }

    /// Tokens of a text that are read.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// The vector of `text`, and the number of tokens read. The same text gives the same vector.
    pub fn embed(&mut self, text: &str) -> Result<(Vec<f32>, usize), String> {
        // Control tokens in the text are text: nothing a user writes may steer the model.
        let mut tokens = self.model.vocab().tokenize(text.as_bytes(), true, false);
        if let (Some(&last), true) = (tokens.last(), tokens.len() > self.max_tokens) {
            tokens.truncate(self.max_tokens - 1);
            tokens.push(last);
        }
        if tokens.is_empty() {
            return Err("it makes no token of a text".into());
        }
        self.batch.clear();
        self.batch.add_sequence(&tokens, 0, true).map_err(|error| error.to_string())?;
        self.context.clear_kv_cache();
        self.context.encode(&mut self.batch).map_err(|error| format!("it cannot encode text: {error}"))?;
        let pooled = self.context.embeddings_seq_ith(0).map_err(|_| "it is not an encoder: it has no pooling")?;
        let norm = pooled.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        if !norm.is_normal() {
            return Err("its vectors are not numbers".into());
        }
        Ok((pooled.iter().map(|x| (f64::from(*x) / norm) as f32).collect(), tokens.len()))
    }
}
