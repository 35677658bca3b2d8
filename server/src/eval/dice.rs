//! Chance that is the same on every machine and in every version: reports and decisions must be repeatable to the byte.

/// SplitMix64 (public domain, Sebastiano Vigna).
pub struct Dice(u64);

impl Dice {
    /// The same seed gives the same numbers.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below this one, which is small: what the remainder prefers is beyond measuring.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}
