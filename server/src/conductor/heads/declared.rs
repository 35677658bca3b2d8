//! Who can be asked, with what is declared of each, and what a worker of which nothing is declared begins with: what is known
//! of the others in its pool says what to expect of one more (Efron & Morris, 1975).

use std::collections::BTreeMap;

use super::Heads;
use super::able::Able;
use crate::pool::{Facts, REPAIR, TOOLCHAIN, UNDECLARED};

/// Declared chances, 0 to 1, of solving an ordinary task, by the workers' names; `None`: nothing is declared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Declared(BTreeMap<String, Option<f64>>);

impl FromIterator<(String, Option<f64>)> for Declared {
    fn from_iter<I: IntoIterator<Item = (String, Option<f64>)>>(workers: I) -> Self {
        Self(workers.into_iter().collect())
    }
}

impl Declared {
    /// Of this pool.
    pub fn of(pool: &[Facts]) -> Self {
        pool.iter().map(|facts| (facts.name.clone(), facts.strength)).collect()
    }

    /// The workers' names.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &String> {
        self.0.keys()
    }

    /// What is declared of this one; `None` of who is not in the pool.
    pub fn strength(&self, worker: &str) -> Option<f64> {
        self.0.get(worker).copied().flatten()
    }

    /// What this worker begins with: what the user's own heads say, what is declared, or what is usual among the others as far
    /// as they are `known`.
    pub fn begin(&self, worker: &str, heads: &Heads, known: &BTreeMap<&str, Able>) -> Able {
        if let Some(able) = self.told(worker, heads) {
            return able;
        }
        let is_model = |name: &str| ![REPAIR, TOOLCHAIN].contains(&name);
        let others = self.names().filter(|name| *name != worker && is_model(name));
        let able: Vec<Able> =
            others.filter_map(|name| known.get(name.as_str()).copied().or_else(|| self.told(name, heads))).collect();
        among(&able, heads)
    }

    fn told(&self, worker: &str, heads: &Heads) -> Option<Able> {
        heads.workers.get(worker).copied().or_else(|| self.strength(worker).map(|strength| heads.begin(strength)))
    }
}

/// One more of these: as easy as they are on the whole, and as far from that as they are from each other. The heads' own idea of a
/// worker counts as one of them.
fn among(others: &[Able], heads: &Heads) -> Able {
    let own = heads.begin(UNDECLARED);
    let variance = own.deviation().powi(2);
    let all = || others.iter().chain([&own]);
    let (sum, weights) = all().fold((0.0, 0.0), |(sum, weights), able| {
        let weight = (variance + able.deviation().powi(2)).recip();
        (sum + weight * able.ease, weights + weight)
    });
    let (mean, count) = (sum / weights, others.len() as f64 + 1.0);
    let apart = (variance + others.iter().map(|able| (able.ease - mean).powi(2)).sum::<f64>()) / count;
    let ease = (mean, (apart * (1.0 + count.recip())).sqrt());
    Able::about(ease, (heads.beginning.slope, heads.beginning.slope_spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(workers: &[(&str, Option<f64>)]) -> Declared {
        workers.iter().map(|(name, strength)| ((*name).to_owned(), *strength)).collect()
    }

    #[test]
    fn who_is_not_declared_is_taken_for_one_of_the_others() {
        let heads = Heads::shipped();
        let ordinary = heads.anything();
        let chance = |able: &Able| ordinary.chance(&Able::sure(able.ease, able.slope), 0.0);
        let begin = |pool: &[(&str, Option<f64>)]| declared(pool).begin("new", &heads, &BTreeMap::new());
        let alone = begin(&[("new", None)]);
        assert!((chance(&alone) - 0.5).abs() < 0.02 && alone.is_sound(), "{alone:?}");
        let alike = begin(&[("new", None), ("a", Some(0.8)), ("b", Some(0.82)), ("c", Some(0.78))]);
        let apart = begin(&[("new", None), ("a", Some(0.95)), ("b", Some(0.8)), ("c", Some(0.2))]);
        assert!(chance(&alike) > 0.65 && chance(&alike) < 0.8, "{}", chance(&alike));
        assert!(alike.deviation() < apart.deviation(), "{alike:?} {apart:?}");
        let built_in = begin(&[("new", None), (REPAIR, Some(0.01)), (TOOLCHAIN, Some(0.01))]);
        assert_eq!(built_in, alone, "what searches or asks tools says nothing of models");
        let told = declared(&[("new", Some(0.9)), ("a", Some(0.1))]).begin("new", &heads, &BTreeMap::new());
        assert_eq!(told, heads.begin(0.9));
    }

    #[test]
    fn what_the_others_did_counts_for_more_than_what_is_declared_of_them() {
        let heads = Heads::shipped();
        let pool = declared(&[("new", None), ("a", Some(0.5)), ("b", None)]);
        let strong = Able::sure(4.0, 1.2);
        let known = BTreeMap::from([("a", strong), ("b", strong)]);
        let (before, after) = (pool.begin("new", &heads, &BTreeMap::new()), pool.begin("new", &heads, &known));
        assert!(after.ease > before.ease + 1.5, "{before:?} {after:?}");
    }
}
