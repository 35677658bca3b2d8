//! How many tokens a text is.
//!
//! The vocabulary is part of the program and is read when it is first needed (see the benchmark for what that
//! costs), which is when a text's bytes alone do not prove that it fits.

use bpe_openai::cl100k_base;

/// The tokens that a prompt is filled with, of those that it may have. Models cut text differently: an eighth
/// is kept free, more than the tokenizers of the usual families differ on code.
pub(super) fn safe(budget: usize) -> usize {
    budget - budget.div_ceil(8)
}

/// Tokens of the text.
pub(super) fn count(text: &str) -> usize {
    cl100k_base().count(text)
}

/// Whether the text has at most `limit` tokens. No token is less than a byte, so of a short text nothing is counted.
pub(super) fn fit(text: &str, limit: usize) -> bool {
    text.len() <= limit || count(text) <= limit
}

#[cfg(test)]
mod tests {
    use super::{count, fit, safe};

    #[test]
    fn a_text_fits_if_its_tokens_do() {
        let text = "def merge(bookings):\n    return sorted(bookings)\n";
        let tokens = count(text);
        assert_eq!(tokens, 11);
        assert!(fit(text, tokens) && !fit(text, tokens - 1) && fit(text, text.len()) && !fit("a", 0) && fit("", 0));
    }

    #[test]
    fn some_of_a_budget_stays_free() {
        assert_eq!([0, 1, 8, 1000].map(safe), [0, 0, 7, 875]);
    }
}
