//! What a look at a patch that the tests let pass means for it. Pure.
//!
//! The rules; those of fixes are measured on programs with known answers (`server/benches/README.md`): a refactoring that changes
//! behaviour is wrong; a fix after which nothing passes that failed before must at least change behaviour; and where no
//! test went from failing to passing, which notices the change by itself, the tests must notice changes of what was changed.

use super::mutants::Mutant;
use super::observe::Compared;
use crate::task::Goal;
use crate::workspace::RelPath;

/// What follows from a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::verify) enum Weight {
    /// Nothing speaks against the patch.
    Accept,
    /// It is not verified, for this reason.
    Doubt(String),
    /// It is wrong, for this reason.
    Refuse(String),
}

/// What the tests notice of mutants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::verify) struct Noticed {
    /// Mutants that were tried.
    pub made: usize,
    /// The first that a test noticed.
    pub noticed: Option<String>,
    /// The first that none noticed.
    pub survivor: Option<String>,
}

/// Calls that must agree before "nothing changed" means something.
const ENOUGH_CALLS: usize = 10;
/// Mutants that must go unnoticed before "the tests do not reach this" means something.
const ENOUGH_MUTANTS: usize = 2;

/// Whether a look at the behaviour can matter.
pub(super) fn behaviour_matters(goal: Goal, fixed: bool) -> bool {
    goal == Goal::Refactor || (goal == Goal::Fix && !fixed)
}

/// Weighs what changed functions do, before and after.
pub(super) fn behaviour(goal: Goal, found: &Compared) -> Weight {
    let Compared { calls, differing, first } = found;
    match (goal, first) {
        (Goal::Refactor, Some(first)) => Weight::Refuse(format!(
            "a refactoring must not change what the code does, and {differing} of {calls} calls differ: {first}"
        )),
        (Goal::Fix, None) if *calls >= ENOUGH_CALLS => Weight::Doubt(format!(
            "nothing that failed before passes now, and {calls} calls do what they did before: nothing shows that the change fixes anything"
        )),
        _ => Weight::Accept,
    }
}

/// Weighs what the tests notice of mutants.
pub(super) fn mutants(found: &Noticed) -> Weight {
    match found {
        Noticed { made, noticed: None, survivor: Some(survivor) } if *made >= ENOUGH_MUTANTS => {
            Weight::Doubt(format!("the tests do not cover this change: none of them notices {survivor}"))
        }
        _ => Weight::Accept,
    }
}

/// A mutant in words.
pub(super) fn place(path: &RelPath, mutant: &Mutant) -> String {
    format!("{} in {path}:{}", mutant.what, mutant.line)
}

impl Weight {
    /// This and another look: the heavier decides.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Refuse(why), _) | (_, Self::Refuse(why)) => Self::Refuse(why),
            (Self::Doubt(why), _) | (_, Self::Doubt(why)) => Self::Doubt(why),
            (Self::Accept, Self::Accept) => Self::Accept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Compared, Noticed, Weight, behaviour, mutants};
    use crate::task::Goal;

    fn said(weight: Weight) -> String {
        match weight {
            Weight::Accept => "accept".to_owned(),
            Weight::Doubt(why) => format!("doubt: {why}"),
            Weight::Refuse(why) => format!("refuse: {why}"),
        }
    }

    #[test]
    fn behaviour_is_weighed_by_what_was_asked_for() {
        let mut lines = Vec::new();
        for goal in [Goal::Fix, Goal::Edit, Goal::Refactor] {
            for (calls, differing) in [(0, 0), (5, 0), (50, 0), (50, 3)] {
                let first = (differing > 0).then(|| "f(0) gave 0, now it gives 1".to_owned());
                let said = said(behaviour(goal, &Compared { calls, differing, first }));
                lines.push(format!("{goal:?}, {differing} of {calls} differ: {said}"));
            }
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn tests_cover_a_change_when_they_notice_one_mutant() {
        let found = |made, noticed: Option<&str>, survivor: Option<&str>| {
            let word = |word: Option<&str>| word.map(str::to_owned);
            said(mutants(&Noticed { made, noticed: word(noticed), survivor: word(survivor) }))
        };
        let survivor = Some("`>` for `<` in a.py:1");
        assert_eq!(found(0, None, None), "accept");
        assert_eq!(found(1, None, survivor), "accept");
        assert_eq!(found(3, Some("x"), survivor), "accept");
        assert_eq!(
            found(2, None, survivor),
            "doubt: the tests do not cover this change: none of them notices `>` for `<` in a.py:1"
        );
    }

    #[test]
    fn the_heavier_look_decides() {
        let (doubt, refuse) = (Weight::Doubt("d".into()), Weight::Refuse("r".into()));
        assert_eq!(Weight::Accept.and(doubt.clone()), doubt);
        assert_eq!(doubt.and(refuse.clone()), refuse.clone());
        assert_eq!(refuse.clone().and(Weight::Accept), refuse);
    }
}
