//! What a call costs, and what it can cost at most before it is made.

use super::Prompt;
use super::answer::Counted;
use crate::config::WorkerOptions;

/// Tokens that a server may add around a prompt: its template, the names of the roles.
const FRAME: u64 = 64;

/// The prices of one worker, in US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prices {
    usual: Rates,
    /// Beyond so many tokens read these hold for the whole call.
    long: Option<(u64, Rates)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Rates {
    read: f64,
    cached: f64,
    written: f64,
}

impl Rates {
    fn of(self, counted: Counted) -> f64 {
        let cached = counted.cached.min(counted.tokens_in);
        let read = (counted.tokens_in - cached) as f64 * self.read + cached as f64 * self.cached;
        (read + counted.tokens_out as f64 * self.written) / 1e6
    }

    /// For so many tokens at most, wherever they come from.
    fn worst(self, tokens_in: u64, tokens_out: u64) -> f64 {
        (tokens_in as f64 * self.read.max(self.cached) + tokens_out as f64 * self.written) / 1e6
    }
}

impl Prices {
    /// Those that are configured; an error says what to change.
    pub(super) fn of(options: &WorkerOptions) -> Result<Self, &'static str> {
        let WorkerOptions { usd_in, usd_out, usd_cached_in, long_context_from, long_usd_in, long_usd_out, .. } =
            options;
        let all = [Some(*usd_in), Some(*usd_out), *usd_cached_in, *long_usd_in, *long_usd_out];
        if all.iter().flatten().any(|price| !price.is_finite() || *price < 0.0) {
            return Err("usd_in, usd_out and the other prices are for a million tokens, 0 or more");
        }
        if long_context_from.is_none() && (long_usd_in.is_some() || long_usd_out.is_some()) {
            return Err("long_usd_in and long_usd_out need long_context_from, the tokens beyond which they hold");
        }
        let usual = Rates { read: *usd_in, cached: usd_cached_in.unwrap_or(*usd_in), written: *usd_out };
        let long = long_context_from.map(|from| {
            let read = long_usd_in.unwrap_or(usual.read);
            // Every provider with both keeps the share of the price that a cached token costs.
            let cached = if usual.read > 0.0 { usual.cached * read / usual.read } else { usual.cached.max(read) };
            (from as u64, Rates { read, cached, written: long_usd_out.unwrap_or(usual.written) })
        });
        Ok(Self { usual, long })
    }

    /// What a call with these counts cost.
    pub(super) fn price(&self, counted: Counted) -> f64 {
        match self.long {
            Some((from, rates)) if counted.tokens_in > from => rates.of(counted),
            _ => self.usual.of(counted),
        }
    }

    /// What a call costs at most that reads and writes no more than this: never below [`Prices::price`] of one.
    pub(super) fn worst(&self, tokens_in: u64, tokens_out: u64) -> f64 {
        match self.long {
            Some((from, rates)) if tokens_in > from => {
                // Odd prices can make the longest call that is not long yet the dearer one.
                rates.worst(tokens_in, tokens_out).max(self.usual.worst(from, tokens_out))
            }
            _ => self.usual.worst(tokens_in, tokens_out),
        }
    }
}

/// More tokens than any tokenizer makes of a prompt: of letters and blanks it makes one of two or more; digits, signs
/// and the bytes of other scripts it may take one by one.
pub(super) fn most_tokens(prompt: &Prompt) -> u64 {
    let half = |byte: u8| if byte.is_ascii_alphabetic() || byte == b' ' { 1 } else { 2 };
    let halves: u64 = prompt.texts().map(|text| text.bytes().map(half).sum::<u64>()).sum();
    halves.div_ceil(2) + prompt.other_tokens() as u64 + FRAME
}

#[cfg(test)]
mod tests {
    use super::{Counted, Prices, most_tokens};
    use crate::config::WorkerOptions;
    use crate::pool::Prompt;

    fn prices(written: &str) -> Result<Prices, &'static str> {
        let options = format!("name = 'w'\nbase_url = 'http://127.0.0.1:1/v1'\nmodel = 'm'\n{written}");
        Prices::of(&toml::from_str::<WorkerOptions>(&options).expect("options"))
    }

    fn counted(tokens_in: u64, cached: u64, tokens_out: u64) -> Counted {
        Counted { tokens_in, cached, tokens_out }
    }

    #[test]
    fn cached_tokens_and_long_prompts_have_prices_of_their_own() {
        let gemini = "usd_in = 1.25\nusd_out = 10.0\nusd_cached_in = 0.125\nlong_context_from = 200000\nlong_usd_in = 2.5\nlong_usd_out = 15.0";
        for (written, counted, usd) in [
            ("usd_in = 2.0\nusd_out = 4.0", counted(1000, 900, 500), 0.004),
            (gemini, counted(200_000, 0, 1000), 0.26),
            (gemini, counted(200_000, 100_000, 0), 0.1375),
            (gemini, counted(200_001, 0, 0), 0.500_002_5),
            (gemini, counted(400_000, 400_000, 1000), 0.115),
            (gemini, counted(10, 20, 0), 0.000_001_25),
        ] {
            let price = prices(written).expect("prices").price(counted);
            assert!((price - usd).abs() < 1e-12, "{written}: {price}");
        }
    }

    #[test]
    fn prices_that_are_none_are_refused() {
        for (written, says) in [
            ("usd_cached_in = -0.1", "0 or more"),
            ("long_context_from = 5\nlong_usd_out = nan", "0 or more"),
            ("long_usd_in = 1.0", "need long_context_from"),
        ] {
            assert!(prices(written).expect_err(written).contains(says));
        }
    }

    #[test]
    fn digits_signs_and_other_scripts_may_be_a_token_each() {
        let tokens = |text: &str| most_tokens(&Prompt::of("", text)) - 64;
        assert_eq!([tokens("ab cd "), tokens("1,2,3"), tokens("漢字")], [3, 5, 6]);
        let code = "{\"a\":[1,2,3,4,5,6,7,8,9,0]}".repeat(50);
        assert!(tokens(&code) >= bpe_openai::o200k_base().count(&code) as u64);
    }

    proptest::proptest! {
        #[test]
        fn the_worst_case_is_never_below_a_price(
            rates in proptest::array::uniform5(0.0..100.0f64),
            from in 0..2000usize,
            most in (0..3000u64, 0..3000u64),
            shares in (0.0..=1.0f64, 0.0..=1.0f64, 0.0..=1.0f64),
        ) {
            let [usd_in, usd_out, cached, long_in, long_out] = rates;
            let written = format!("usd_in = {usd_in:?}\nusd_out = {usd_out:?}\nusd_cached_in = {cached:?}\nlong_context_from = {from}\nlong_usd_in = {long_in:?}\nlong_usd_out = {long_out:?}");
            let prices = prices(&written).expect("prices");
            let tokens_in = (most.0 as f64 * shares.0) as u64;
            let call = counted(tokens_in, (tokens_in as f64 * shares.1) as u64, (most.1 as f64 * shares.2) as u64);
            let (price, worst) = (prices.price(call), prices.worst(most.0, most.1));
            proptest::prop_assert!(price <= worst + 1e-12, "{price} > {worst}");
        }
    }
}
