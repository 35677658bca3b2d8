//! What a grammar lets a model write next, asked as cheaply as can be.
//!
//! llama.cpp's grammar takes some 15 µs for one token and 30 ms for a vocabulary of 150,000. Where a drawn token is
//! refused, the tokens of one byte are asked about first: what begins with another byte than those allowed need not
//! be looked at, and inside the fixed words of a grammar that is nearly everything.

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

/// A vocabulary by the first bytes of its tokens.
pub struct Index {
    /// Of each byte, the token that is it alone.
    alone: Vec<Option<LlamaToken>>,
    /// Of each byte, the tokens that begin with it.
    beginning: Vec<Vec<LlamaToken>>,
    /// A token that ends an answer.
    end: Option<LlamaToken>,
}

impl Index {
    /// Looks at every token once: some 20 ms for 150,000.
    pub fn of(model: &LlamaModel) -> Self {
        let vocab = model.vocab();
        let mut index = Self { alone: vec![None; 256], beginning: vec![Vec::new(); 256], end: None };
        let mut piece = Vec::new();
        for token in vocab.tokens() {
            if vocab.is_eog(token) {
                index.end = index.end.or(Some(token));
                continue;
            }
            piece.clear();
            // Control tokens have no text, so no grammar allows them.
            vocab.token_to_piece_into(token, &mut piece, false, None);
            if let Some(first) = piece.first().map(|byte| usize::from(*byte)) {
                index.beginning[first].push(token);
                if piece.len() == 1 {
                    index.alone[first] = Some(token);
                }
            }
        }
        index
    }
}

/// A grammar on its way through an answer.
pub struct Grammar<'a> {
    sampler: LlamaSampler,
    index: &'a Index,
}

impl<'a> Grammar<'a> {
    /// `gbnf` with a rule `root`. An `Err` is a sentence.
    pub fn new(model: &LlamaModel, gbnf: &str, index: &'a Index) -> Result<Self, String> {
        let sampler = LlamaSampler::grammar(model, gbnf, "root")
            .map_err(|error| format!("llama.cpp cannot read the grammar: {error}"))?;
        Ok(Self { sampler, index })
    }

    /// Whether `token` may come next.
    pub fn allows(&mut self, token: LlamaToken) -> bool {
        !self.filtered(&[token]).is_empty()
    }

    /// Every token that may come next; the end of the answer is not among them.
    pub fn allowed(&mut self) -> Vec<LlamaToken> {
        let alone: Vec<LlamaToken> = self.index.alone.iter().copied().flatten().collect();
        let first = self.filtered(&alone);
        let mut candidates = Vec::new();
        for (alone, beginning) in self.index.alone.iter().zip(&self.index.beginning) {
            // Where no token is that byte alone, all that begin with it have to be asked about.
            if alone.is_none_or(|alone| first.contains(&alone)) {
                candidates.extend_from_slice(beginning);
            }
        }
        self.filtered(&candidates)
    }

    /// Takes a token that is allowed.
    pub fn accept(&mut self, token: LlamaToken) {
        self.sampler.accept(token);
    }

    /// Whether the answer may end here.
    pub fn may_end(&mut self) -> bool {
        self.index.end.is_some_and(|end| self.allows(end))
    }

    /// Those of `tokens` that may come next.
    fn filtered(&mut self, tokens: &[LlamaToken]) -> Vec<LlamaToken> {
        let data = tokens.iter().map(|token| LlamaTokenData::new(*token, 0.0, 0.0)).collect();
        let mut data = LlamaTokenDataArray::new(data, false);
        self.sampler.apply(&mut data);
        data.data.iter().filter(|token| token.logit().is_finite()).map(LlamaTokenData::id).collect()
    }
}
