//! The best order of calls. After a refusal a task is harder for everybody, by the same sum whoever was refused first: so
//! what is to come depends only on who was asked how often, and every order of calls can be weighed exactly.

use std::collections::HashMap;

use crate::conductor::heads::belief::PLACES;

/// Somebody who can be asked.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// Money and time of one call, in US dollars.
    pub cost: f64,
    /// Money alone.
    pub usd: f64,
    /// For each try from now on, by the task's difficulty: the chance that its answer is accepted, and right as well.
    pub tries: Vec<Try>,
}

/// One try.
#[derive(Debug, Clone)]
pub(super) struct Try {
    pub accepted: [f64; PLACES],
    pub right: [f64; PLACES],
}

/// Everything that a decision weighs.
pub(super) struct Lookahead<'a> {
    callers: &'a [Caller],
    /// The cheapest first.
    cheapest: Vec<usize>,
    /// US dollars of a right answer, and of a wrong one that is accepted.
    worth: f64,
    harm: f64,
    known: HashMap<Vec<u8>, (f64, Option<usize>)>,
}

/// A point in a run.
#[derive(Debug, Clone)]
pub(super) struct Point {
    /// How likely the run comes here with the task at each difficulty.
    mass: [f64; PLACES],
    asked: Vec<u8>,
    turns: usize,
    usd: f64,
}

impl<'a> Lookahead<'a> {
    pub fn new(callers: &'a [Caller], worth: f64, harm: f64) -> Self {
        let mut cheapest: Vec<usize> = (0..callers.len()).collect();
        cheapest.sort_by(|a, b| callers[*a].cost.total_cmp(&callers[*b].cost));
        Self { callers, cheapest, worth, harm, known: HashMap::new() }
    }

    /// Where nobody has been asked yet of those who can be.
    pub fn start(&self, mass: &[f64; PLACES], turns: usize, usd: f64) -> Point {
        Point { mass: *mass, asked: vec![0; self.callers.len()], turns, usd }
    }

    /// What asking this one is worth, and then going on as is best.
    pub fn asking(&mut self, at: &Point, caller: usize) -> f64 {
        let Some(next) = self.refused(at, caller) else { return f64::NEG_INFINITY };
        self.gain(at, caller).0 + self.best(&next).0
    }

    /// What going on as is best is worth, and whom to ask for that; nobody where stopping is best.
    pub fn best(&mut self, at: &Point) -> (f64, Option<usize>) {
        if at.turns == 0 {
            return (0.0, None);
        }
        if let Some(known) = self.known.get(&at.asked) {
            return *known;
        }
        let (mut best, mut likeliest) = ((0.0, None), 0.0);
        for place in 0..self.cheapest.len() {
            let caller = self.cheapest[place];
            let Some(next) = self.refused(at, caller) else { continue };
            let (gain, right) = self.gain(at, caller);
            // Whoever is dearer and no likelier than another is not asked before that one, nor who costs more than it brings.
            if right <= likeliest || gain <= 0.0 {
                continue;
            }
            likeliest = right;
            let value = gain + self.best(&next).0;
            if value > best.0 {
                best = (value, Some(caller));
            }
        }
        self.known.insert(at.asked.clone(), best);
        best
    }

    /// Whom one would ask from there, if everybody were refused; and how many US dollars that is expected to cost.
    pub fn order(&mut self, from: &Point) -> (Vec<usize>, f64) {
        let (mut order, mut usd, mut at) = (Vec::new(), 0.0, from.clone());
        while let (_, Some(caller)) = self.best(&at) {
            usd += at.mass.iter().sum::<f64>() * self.callers[caller].usd;
            order.push(caller);
            match self.refused(&at, caller) {
                Some(next) => at = next,
                None => break,
            }
        }
        (order, usd)
    }

    /// Of one call alone: what it is worth, and the chance that it ends the run with a right answer.
    fn gain(&self, at: &Point, caller: usize) -> (f64, f64) {
        let Caller { cost, tries, .. } = &self.callers[caller];
        let tried = &tries[usize::from(at.asked[caller])];
        let (mut all, mut accepted, mut right) = (0.0, 0.0, 0.0);
        for place in 0..PLACES {
            all += at.mass[place];
            accepted += at.mass[place] * tried.accepted[place];
            right += at.mass[place] * tried.right[place];
        }
        (self.worth * right - self.harm * (accepted - right) - cost * all, right)
    }

    /// Where the run is once this one is refused; `None` where it cannot be asked.
    pub fn refused(&self, at: &Point, caller: usize) -> Option<Point> {
        let of = &self.callers[caller];
        let tried = of.tries.get(usize::from(at.asked[caller])).filter(|_| at.turns > 0 && of.usd <= at.usd)?;
        let mut next = at.clone();
        for place in 0..PLACES {
            next.mass[place] *= 1.0 - tried.accepted[place];
        }
        next.asked[caller] += 1;
        next.turns -= 1;
        next.usd -= of.usd;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conductor::heads::Reliability;
    use crate::conductor::heads::able::Able;
    use crate::conductor::heads::belief::Belief;

    fn caller(ease: f64, usd: f64, verifier: Reliability) -> Caller {
        let able = Able::sure(ease, 1.2);
        let belief = Belief::normal(0.0, 1.8);
        let of = |share: &dyn Fn(f64) -> f64| belief.places().map(|at| share(able.chance(at, 0.0)));
        let accepted = of(&|chance| verifier.likelihood(chance, true));
        let right = of(&|chance| chance * verifier.right);
        Caller { cost: usd, usd, tries: vec![Try { accepted, right }] }
    }

    fn callers(verifier: Reliability) -> Vec<Caller> {
        let numbers = [(-1.0, 0.001), (0.5, 0.01), (0.4, 0.02), (1.5, 0.05), (2.5, 0.2), (2.6, 0.4)];
        numbers.map(|(ease, usd)| caller(ease, usd, verifier)).into()
    }

    /// The best of all orders, by trying each.
    fn best_of_all(ahead: &mut Lookahead, at: &Point) -> f64 {
        let mut best = 0.0f64;
        for caller in 0..ahead.callers.len() {
            if let Some(next) = ahead.refused(at, caller) {
                let rest = best_of_all(ahead, &next);
                best = best.max(ahead.gain(at, caller).0 + rest);
            }
        }
        best
    }

    #[test]
    fn no_order_is_worth_more() {
        let mass = *Belief::normal(0.0, 1.8).likely();
        for verifier in
            [Reliability::TRUTH, Reliability { right: 0.98, wrong: 0.15 }, Reliability { right: 0.8, wrong: 0.4 }]
        {
            let callers = callers(verifier);
            for worth in [0.05, 0.5, 5.0] {
                let mut ahead = Lookahead::new(&callers, worth, 0.0);
                let start = ahead.start(&mass, 3, 0.5);
                let (found, all) = (ahead.best(&start).0, best_of_all(&mut ahead, &start));
                assert!((found - all).abs() < 0.002 * worth, "{verifier:?} {worth}: {found} of {all}");
            }
        }
    }

    #[test]
    fn a_weak_verifier_has_fewer_cheap_ones_asked() {
        let mass = *Belief::normal(0.0, 1.8).likely();
        let first = |verifier| {
            let callers = callers(verifier);
            let mut ahead = Lookahead::new(&callers, 1.0, 0.0);
            let start = ahead.start(&mass, 5, f64::INFINITY);
            let (order, usd) = ahead.order(&start);
            assert!(usd > 0.0);
            callers[order[0]].usd
        };
        let (sure, weak) = (first(Reliability::TRUTH), first(Reliability { right: 0.8, wrong: 0.4 }));
        assert!(sure < weak, "{sure} {weak}");
    }

    #[test]
    fn what_is_not_worth_its_price_is_not_asked_and_money_ends() {
        let mass = *Belief::normal(0.0, 1.8).likely();
        let callers = callers(Reliability::TRUTH);
        let order = |worth, turns, usd| {
            let mut ahead = Lookahead::new(&callers, worth, 0.0);
            let start = ahead.start(&mass, turns, usd);
            ahead.order(&start).0
        };
        assert_eq!(order(0.0001, 5, 9.0), Vec::<usize>::new());
        assert_eq!(order(5.0, 0, 9.0), Vec::<usize>::new());
        assert!(order(5.0, 5, 0.04).iter().all(|caller| callers[*caller].usd <= 0.04));
        assert!(order(5.0, 5, 9.0).len() > order(0.05, 5, 9.0).len());
    }
}
