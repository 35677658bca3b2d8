//! Whether a prompt fits a worker: counted before a call, and understood when a server says that it does not.

use bpe_openai::cl100k_base;
use reqwest::StatusCode;

use super::Prompt;

/// Whether the prompt has at most `tokens` tokens. No token is less than a byte, so of a short one nothing is counted.
pub(super) fn fits(prompt: &Prompt, tokens: usize) -> bool {
    let bytes: usize = prompt.texts().map(|text| text.len()).sum();
    bytes + prompt.other_tokens() <= tokens || self::tokens(prompt) <= tokens
}

/// How many tokens a prompt has.
pub(super) fn tokens(prompt: &Prompt) -> usize {
    prompt.texts().map(|text| cl100k_base().count(&text)).sum::<usize>() + prompt.other_tokens()
}

/// Words of which all of one row stand in a refusal, as providers write it.
const SAID: &[&[&str]] = &[
    // OpenAI, Azure, DeepSeek, vLLM, OpenRouter, Together
    &["maximum context length"],
    &["context_length_exceeded"],
    &["exceeds", "context window"],
    // Anthropic, Bedrock
    &["prompt is too long"],
    &["input is too long"],
    &["exceed context limit"],
    // Gemini
    &["token count", "exceeds the maximum"],
    // Mistral
    &["too large for model", "context"],
    // xAI
    &["maximum prompt length"],
    // Groq
    &["reduce the length of the messages"],
    // llama-server, Ollama, LM Studio
    &["exceeds the available context size"],
    &["exceeds the context length"],
    &["context the overflows"],
    &["context length", "exceeded"],
    // Cohere, text-generation-inference
    &["too many tokens"],
    &["tokens", "must be <="],
];

/// Whether a refusal says that prompt and answer together are longer than the model takes.
pub(super) fn said(status: StatusCode, words: &str) -> bool {
    if !(status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS) {
        return false;
    }
    let words = words.to_lowercase();
    SAID.iter().any(|row| row.iter().all(|word| words.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::{cl100k_base, fits, said};
    use crate::pool::Prompt;
    use reqwest::StatusCode;

    #[test]
    fn a_prompt_fits_if_its_tokens_do() {
        let prompt = Prompt::of("be brief", "def merge(bookings):\n    return 1\n");
        let tokens = [&prompt.system, &prompt.user].map(|text| cl100k_base().count(text)).iter().sum();
        assert!(fits(&prompt, tokens) && !fits(&prompt, tokens - 1));
        assert!(fits(&prompt, 1000) && fits(&Prompt::default(), 0));
    }

    #[test]
    fn each_providers_words_are_understood() {
        for words in [
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            "prompt is too long: 210000 tokens > 200000 maximum",
            "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
            "This model's maximum prompt length is 131072 but the request contains 140000 tokens.",
            "Please reduce the length of the messages or completion.",
            "the request exceeds the available context size. try increasing the context size or enable context shift",
            "the input length exceeds the context length",
            "Input is too long for requested model.",
            "context length exceeded",
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096",
        ] {
            assert!(said(StatusCode::BAD_REQUEST, words), "{words}");
            assert!(!said(StatusCode::TOO_MANY_REQUESTS, words) && !said(StatusCode::SERVICE_UNAVAILABLE, words));
        }
        for words in ["", "bad key", "unknown model", "max_tokens must be at least 1", "tokens per minute exceeded"] {
            assert!(!said(StatusCode::BAD_REQUEST, words), "{words}");
        }
    }
}
