//! A generative GGUF in llama.cpp: a conversation in, an answer out, token by token. What the prompt has in
//! common with the one before is not computed again; what it has in common with every one is kept on disk.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Instant;

use llama_cpp_2::LlamaStateSeqFlags;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use super::draw::Draw;
use super::grammar::{Grammar, Index};
use super::llama::Llama;
use super::prefix::Prefixes;
use super::template::{self, Marks, Part};
use super::wire::{Body, Chat, Fault, Written};

/// Tokens that are read at once: between two such pieces it can be cancelled, and gives a sign of life.
const CHUNK: usize = 64;

/// The only sequence that is used.
const SEQUENCE: i32 = 0;

/// A loaded generative model.
pub struct Generator {
    model: &'static LlamaModel,
    context: LlamaContext<'static>,
    batch: LlamaBatch<'static>,
    size: usize,
    template: Option<String>,
    marks: Marks,
    index: Option<Index>,
    prefixes: Prefixes,
    /// The tokens whose state is in the context.
    kept: Vec<LlamaToken>,
    decoded: u64,
}

/// Why there is no answer: what stood in the way, or `None` where it was cancelled.
type Stopped = Option<(Fault, String)>;

impl Generator {
    /// Loads `path` and proves that it works by reading a word, as the encoder does. `room` is told the bytes that the
    /// context takes beside the file. An `Err` is a sentence without the file's name.
    pub fn load(path: &Path, context: usize, cache_dir: &Path, room: impl FnOnce(u64)) -> Result<Self, String> {
        let llama = Llama::load(path)?;
        let model = llama.model;
        let arch = model.meta_val_str("general.architecture").unwrap_or_default();
        if model.meta_val_str(&format!("{arch}.attention.causal")).is_ok_and(|causal| causal == "false") {
            return Err("it is an encoder, and a model that writes text is needed".into());
        }
        let size = context.min(model.n_ctx_train() as usize);
        if size < 2 * CHUNK {
            return Err("it has no room for text".into());
        }
        // Keys and values, two bytes each, of every layer: what is announced may be a lie, so it has a bound.
        let width = u64::try_from(model.n_embd()).unwrap_or(0);
        room((4 * size as u64).saturating_mul(width).saturating_mul(model.n_layer().into()).min(32 << 30));
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1));
        let threads = i32::try_from(threads).unwrap_or(1);
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(size as u32))
            .with_n_batch(CHUNK as u32)
            .with_n_ubatch(CHUNK as u32)
            .with_n_threads(threads)
            .with_n_threads_batch(threads);
        let context = llama.context(params)?;
        let vocab = model.vocab();
        let word = |token: LlamaToken| String::from_utf8_lossy(&vocab.token_to_piece(token, true, None)).into_owned();
        let named = |token: LlamaToken| if token.0 < 0 { String::new() } else { word(token) };
        let mut generator = Self {
            model,
            context,
            batch: LlamaBatch::new(CHUNK, 1),
            size,
            template: model.chat_template(None).ok().and_then(|template| template.to_string().ok()),
            marks: Marks { bos: named(vocab.bos()), eos: named(vocab.eos()) },
            index: None,
            prefixes: Prefixes::new(cache_dir, path, &format!("{size} {threads}")),
            kept: Vec::new(),
            decoded: 0,
        };
        let word = vocab.tokenize(b"warm", false, false);
        if word.is_empty() {
            return Err("it makes no token of a text".into());
        }
        generator.decode(&word[..1]).map_err(|(_, message)| message)?;
        generator.forget(0)?;
        generator.decoded = 0;
        Ok(generator)
    }

    /// Tokens that it holds, prompt and answer together.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Tokens read and written so far.
    pub fn decoded(&self) -> u64 {
        self.decoded
    }

    /// Writes the answer to `chat`; `say` gets it as it comes, `stop` is asked between tokens. `Err(None)`: stopped.
    pub fn write(
        &mut self,
        chat: &Chat,
        say: &mut dyn FnMut(Body),
        stop: &dyn Fn() -> bool,
    ) -> Result<Written, Stopped> {
        let began = Instant::now();
        let tokens = self.tokens(chat, chat.messages.len(), true);
        let fits = self.size.saturating_sub(chat.max_tokens);
        if tokens.is_empty() || tokens.len() > fits {
            let why = format!("the prompt has {} tokens, and {fits} fit beside an answer", tokens.len());
            return Err(Some((Fault::Length, why)));
        }
        let reused = self.read(chat, &tokens, say, stop)?;
        let index = self.index.take().unwrap_or_else(|| Index::of(self.model));
        let written = self.answer(chat, &index, began, say, stop);
        self.index = Some(index);
        Ok(Written { tokens_in: tokens.len(), reused, ..written? })
    }

    /// Brings the state to the end of `tokens`; how many of them were known.
    fn read(
        &mut self,
        chat: &Chat,
        tokens: &[LlamaToken],
        say: &mut dyn FnMut(Body),
        stop: &dyn Fn() -> bool,
    ) -> Result<usize, Stopped> {
        let fixed = match chat.fixed {
            0 => 0,
            fixed => common(&self.tokens(chat, fixed, false), tokens),
        };
        let mut known = common(&self.kept, tokens);
        let mut to_save = false;
        if known < fixed {
            let loaded = self.restore(&tokens[..fixed]);
            known = if loaded { fixed } else { known };
            to_save = !loaded;
        }
        // The numbers that the first token is drawn from come with the last token that is read.
        let known = known.min(tokens.len() - 1);
        self.forget(known).map_err(|message| Some((Fault::Model, message)))?;
        let known = self.kept.len();
        let mut at = known;
        while at < tokens.len() {
            if stop() {
                return Err(None);
            }
            let edge = if at < fixed { fixed } else { tokens.len() };
            let end = (at + CHUNK).min(edge);
            self.decode(&tokens[at..end]).map_err(Some)?;
            at = end;
            if to_save && at == fixed {
                self.save(fixed);
            }
            say(Body::Reading { tokens: at });
        }
        Ok(known)
    }

    fn answer(
        &mut self,
        chat: &Chat,
        index: &Index,
        began: Instant,
        say: &mut dyn FnMut(Body),
        stop: &dyn Fn() -> bool,
    ) -> Result<Written, Stopped> {
        let refused = |message| Some((Fault::Request, message));
        let grammar = chat.grammar.as_deref().map(|gbnf| Grammar::new(self.model, gbnf, index)).transpose();
        let mut grammar = grammar.map_err(refused)?;
        let mut draw = Draw::new(chat.temperature, chat.seed);
        let (mut text, mut bytes) = (String::new(), Vec::new());
        let (mut tokens_out, mut first_ms, mut whole) = (0, 0.0, false);
        let vocab = self.model.vocab();
        while tokens_out < chat.max_tokens {
            if stop() {
                return Err(None);
            }
            let token = self.next(&mut draw, grammar.as_mut()).map_err(Some)?;
            if tokens_out == 0 {
                first_ms = began.elapsed().as_secs_f64() * 1e3;
            }
            if vocab.is_eog(token) {
                whole = true;
                break;
            }
            tokens_out += 1;
            vocab.token_to_piece_into(token, &mut bytes, false, None);
            let piece = characters(&mut bytes);
            if !piece.is_empty() {
                text.push_str(&piece);
                say(Body::Piece { text: piece });
            }
            if let Some(grammar) = &mut grammar {
                grammar.accept(token);
                whole = grammar.may_end();
                if whole {
                    break;
                }
            }
            self.decode(&[token]).map_err(Some)?;
        }
        text.push_str(&String::from_utf8_lossy(&bytes));
        let ms = began.elapsed().as_secs_f64() * 1e3;
        Ok(Written { text, whole, tokens_in: 0, reused: 0, tokens_out, first_ms, ms })
    }

    fn next(&self, draw: &mut Draw, grammar: Option<&mut Grammar>) -> Result<LlamaToken, (Fault, String)> {
        let logits = self.context.get_logits_ith(-1);
        let token = |number: usize| LlamaToken::new(i32::try_from(number).unwrap_or(0));
        let drawn = match grammar {
            None => draw.next(logits, |_| true, Vec::new),
            Some(grammar) => {
                let grammar = std::cell::RefCell::new(grammar);
                let number = |token: LlamaToken| usize::try_from(token.0).unwrap_or(0);
                let allowed = || grammar.borrow_mut().allowed().into_iter().map(number).collect();
                draw.next(logits, |number| grammar.borrow_mut().allows(token(number)), allowed)
            }
        };
        drawn.map(token).ok_or((Fault::Model, "its odds for the next token are no numbers".into()))
    }

    /// The tokens of the first `count` messages, and of the beginning of an answer if `answer`.
    fn tokens(&self, chat: &Chat, count: usize, answer: bool) -> Vec<LlamaToken> {
        let vocab = self.model.vocab();
        let messages = &chat.messages[..count.min(chat.messages.len())];
        let mut tokens = Vec::new();
        for part in template::render(self.template.as_deref(), &self.marks, messages, answer) {
            match part {
                Part::Frame(text) => vocab.tokenize_into(text.as_bytes(), &mut tokens, false, true),
                Part::Content(text) => vocab.tokenize_into(text.as_bytes(), &mut tokens, false, false),
            }
        }
        if vocab.should_add_bos() && tokens.first() != Some(&vocab.bos()) {
            tokens.insert(0, vocab.bos());
        }
        tokens
    }

    /// Reads more tokens; the numbers for what follows the last one are then there.
    fn decode(&mut self, tokens: &[LlamaToken]) -> Result<(), (Fault, String)> {
        self.batch.clear();
        for (at, token) in tokens.iter().enumerate() {
            let place = i32::try_from(self.kept.len() + at).unwrap_or(i32::MAX);
            let added = self.batch.add(*token, place, &[SEQUENCE], at + 1 == tokens.len());
            added.map_err(|error| (Fault::Model, error.to_string()))?;
        }
        if let Err(error) = self.context.decode(&mut self.batch) {
            // What is in the context now is not known.
            self.context.clear_kv_cache();
            self.kept.clear();
            return Err((Fault::Model, format!("it cannot read text: {error}")));
        }
        self.kept.extend_from_slice(tokens);
        self.decoded += tokens.len() as u64;
        Ok(())
    }

    /// Keeps the state of the first `known` tokens alone. Some architectures can only be emptied.
    fn forget(&mut self, known: usize) -> Result<(), String> {
        let from = u32::try_from(known).map_err(|error| error.to_string())?;
        let cut = self.context.clear_kv_cache_seq(Some(0), Some(from), None).map_err(|error| error.to_string())?;
        self.kept.truncate(known);
        if !cut {
            self.context.clear_kv_cache();
            self.kept.clear();
        }
        Ok(())
    }

    /// Takes the state after `tokens` from disk, if it is there.
    fn restore(&mut self, tokens: &[LlamaToken]) -> bool {
        let Some(state) = self.prefixes.load(&numbers(tokens)) else { return false };
        self.context.clear_kv_cache();
        self.kept.clear();
        // SAFETY: the file's checksum holds and its name is made of this model, size and tokens: it is what `save` wrote.
        let taken = unsafe { self.context.state_seq_set_data_ext(&state, SEQUENCE, LlamaStateSeqFlags::empty()) };
        if taken {
            self.kept.extend_from_slice(tokens);
        } else {
            self.context.clear_kv_cache();
        }
        taken
    }

    /// Puts the state, which is that of the first `fixed` tokens of the prompt, on disk.
    fn save(&self, fixed: usize) {
        let size = self.context.state_seq_get_size_ext(SEQUENCE, LlamaStateSeqFlags::empty());
        let mut state = vec![0; size];
        // SAFETY: the buffer has the size that was asked for just now.
        let taken =
            unsafe { self.context.state_seq_get_data_ext(state.as_mut_ptr(), SEQUENCE, LlamaStateSeqFlags::empty()) };
        if taken == size && self.kept.len() == fixed {
            self.prefixes.save(&numbers(&self.kept), &state);
        }
    }
}

fn numbers(tokens: &[LlamaToken]) -> Vec<i32> {
    tokens.iter().map(|token| token.0).collect()
}

/// How many tokens two texts have in common from the beginning.
fn common(a: &[LlamaToken], b: &[LlamaToken]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Takes the whole characters from the front of `bytes`; what can be no character is replaced, what may become one stays.
fn characters(bytes: &mut Vec<u8>) -> String {
    let mut text = String::new();
    loop {
        match std::str::from_utf8(bytes) {
            Ok(whole) => {
                text.push_str(whole);
                bytes.clear();
                return text;
            }
            Err(error) => {
                text.push_str(&String::from_utf8_lossy(&bytes[..error.valid_up_to()]));
                let Some(bad) = error.error_len() else {
                    bytes.drain(..error.valid_up_to());
                    return text;
                };
                text.push(char::REPLACEMENT_CHARACTER);
                bytes.drain(..error.valid_up_to() + bad);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::characters;

    #[test]
    fn characters_are_whole_or_replaced() {
        let mut bytes = Vec::new();
        let mut text = String::new();
        for piece in [&b"a\xc3"[..], b"\xa9", b"\xf0\x9f", b"\xa6", b"\x80", b"\xff\xc3b", b"\xe2\x82"] {
            bytes.extend_from_slice(piece);
            text.push_str(&characters(&mut bytes));
        }
        assert_eq!(text, "aé\u{1f980}\u{fffd}\u{fffd}b");
        assert_eq!(bytes, b"\xe2\x82", "may still become a character");
    }
}
