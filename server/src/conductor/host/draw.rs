//! Draws the next token from the model's numbers, as a grammar allows it. Pure: the same numbers and
//! the same seed give the same tokens.
//!
//! Asking a grammar about one token takes microseconds, about a whole vocabulary tens of milliseconds. So
//! tokens are drawn freely and asked about one by one; one that is refused is drawn no more, which leaves
//! the odds of the others as they would be if it had been left out from the start.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A token is not drawn if it is this many times less likely than the likeliest.
const TAIL: f32 = 20.0;

/// Tokens between which is drawn at most: more only where a model knows nothing.
const MOST: usize = 512;

/// Tokens that are asked about one by one before the grammar is asked for all that it allows.
const TRIES: usize = 16;

/// What decides between tokens.
pub struct Draw {
    temperature: f32,
    chance: StdRng,
}

impl Draw {
    /// Temperature 0 always takes the likeliest; the seed does not matter then.
    pub fn new(temperature: f32, seed: u64) -> Self {
        Self { temperature, chance: StdRng::seed_from_u64(seed) }
    }

    /// The next token's number; `None` when none is possible. `allows` tells of one, `allowed` lists all.
    pub fn next(
        &mut self,
        logits: &[f32],
        mut allows: impl FnMut(usize) -> bool,
        allowed: impl FnOnce() -> Vec<usize>,
    ) -> Option<usize> {
        let mut urn = self.urn(logits.iter().copied().enumerate());
        for _ in 0..TRIES {
            match urn.draw(&mut self.chance) {
                Some(token) if allows(token) => return Some(token),
                Some(_) => {}
                None => break,
            }
        }
        let allowed = allowed().into_iter().filter_map(|token| Some((token, *logits.get(token)?)));
        self.urn(allowed).draw(&mut self.chance)
    }

    /// The tokens worth drawing. What is no number is not possible: a file may hold anything.
    fn urn(&self, logits: impl Iterator<Item = (usize, f32)> + Clone) -> Urn {
        let finite = logits.filter(|(_, logit)| logit.is_finite());
        let highest = finite.clone().map(|(_, logit)| logit).fold(f32::NEG_INFINITY, f32::max);
        let lowest = highest - TAIL.ln();
        let mut likely: Vec<(usize, f32)> = finite.filter(|(_, logit)| *logit >= lowest).collect();
        let downwards = |a: &(usize, f32), b: &(usize, f32)| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0));
        if likely.len() > MOST {
            likely.select_nth_unstable_by(MOST, downwards);
            likely.truncate(MOST);
        }
        likely.sort_unstable_by(downwards);
        let cold = self.temperature <= 0.0;
        let weight = |logit: f32| if cold { 1.0 } else { ((logit - highest) / self.temperature).exp() };
        Urn { cold, weighed: likely.into_iter().map(|(token, logit)| (token, weight(logit))).collect() }
    }
}

/// Tokens with their weights, the likeliest first; each is drawn once.
struct Urn {
    cold: bool,
    weighed: Vec<(usize, f32)>,
}

impl Urn {
    fn draw(&mut self, chance: &mut StdRng) -> Option<usize> {
        if self.weighed.is_empty() {
            return None;
        }
        if self.cold {
            return Some(self.weighed.remove(0).0);
        }
        let mut left = chance.random::<f32>() * self.weighed.iter().map(|(_, weight)| weight).sum::<f32>();
        let at = self.weighed.iter().position(|(_, weight)| {
            left -= weight;
            left < 0.0
        });
        // Rounding may leave a trace over.
        Some(self.weighed.remove(at.unwrap_or(0)).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(temperature: f32, seed: u64, logits: &[f32], allowed: &[usize]) -> Vec<Option<usize>> {
        let mut draw = Draw::new(temperature, seed);
        (0..200).map(|_| draw.next(logits, |token| allowed.contains(&token), || allowed.to_vec())).collect()
    }

    #[test]
    fn cold_takes_the_likeliest_that_is_allowed() {
        let logits = [1.0, 4.0, 4.0, 3.0, -9.0];
        assert!(draws(0.0, 1, &logits, &[0, 1, 2, 3, 4]).iter().all(|token| *token == Some(1)), "the first of equals");
        assert!(draws(0.0, 1, &logits, &[0, 3, 4]).iter().all(|token| *token == Some(3)));
        assert!(draws(0.0, 1, &logits, &[4]).iter().all(|token| *token == Some(4)), "however unlikely");
        assert!(draws(0.0, 1, &logits, &[]).iter().all(Option::is_none));
    }

    #[test]
    fn warm_draws_by_the_odds_among_what_is_allowed_and_likely() {
        let logits = [2.0, 2.0, 1.0, 2.0, -3.0];
        let drawn = draws(1.0, 7, &logits, &[0, 1, 2, 4]);
        let count = |of: usize| drawn.iter().filter(|token| **token == Some(of)).count();
        assert_eq!((count(3), count(4)), (0, 0), "what is refused or hardly possible is not drawn");
        assert!(count(0) > 60 && count(1) > 60 && (10..60).contains(&count(2)), "{} {}", count(0), count(2));
        assert_eq!(drawn, draws(1.0, 7, &logits, &[0, 1, 2, 4]), "the same seed, the same tokens");
        assert_ne!(drawn, draws(1.0, 8, &logits, &[0, 1, 2, 4]));
    }

    #[test]
    fn most_tokens_are_asked_about_alone() {
        let logits: Vec<f32> = (0..50_000).map(|token| (token % 7) as f32 / 7.0).collect();
        let (mut asked, mut listed) = (0, 0);
        let mut draw = Draw::new(1.0, 3);
        for _ in 0..100 {
            draw.next(
                &logits,
                |token| {
                    asked += 1;
                    token % 2 == 0
                },
                || {
                    listed += 1;
                    vec![0]
                },
            );
        }
        assert!(asked < 400 && listed == 0, "{asked} asked, {listed} listed");
    }

    #[test]
    fn numbers_that_are_none_are_never_drawn() {
        let logits = [f32::NAN, f32::INFINITY, 0.0, f32::NEG_INFINITY];
        assert!(draws(1.0, 1, &logits, &[0, 1, 2, 3]).iter().all(|token| *token == Some(2)));
        assert_eq!(Draw::new(1.0, 1).next(&[f32::NAN], |_| true, || vec![0]), None);
        assert_eq!(Draw::new(0.0, 1).next(&[], |_| true, || vec![0]), None);
    }
}
