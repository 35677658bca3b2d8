//! Which lines are to blame: Ochiai's coefficient of the lines that failing and passing tests ran.

use std::ops::Range;

use super::judge::Trace;

/// Weight of a line that no test is known to have run, beside 1 for one that only failing tests ran.
const UNSEEN: f32 = 0.02;
/// How much more a line counts that a failure passed through, innermost.
const FRAME: f32 = 0.5;
/// How much more a line counts that the task points at.
const FOCUS: f32 = 4.0;

/// The weight of every line of `text` (index 0 is line 1), from 0 to about 6; `focus` are bytes of it.
pub(super) fn lines(text: &str, trace: &Trace, focus: Option<&Range<usize>>) -> Vec<f32> {
    let count = text.lines().count().max(1);
    let failed = trace.tests.iter().filter(|test| !test.passed).count();
    let traced = trace.tests.iter().any(|test| !test.lines.is_empty());
    let mut weights = vec![if traced { UNSEEN } else { 0.5 }; count];
    if traced && failed > 0 {
        let mut ran = vec![(0usize, 0usize); count];
        for test in &trace.tests {
            for line in test.lines.iter().filter(|line| (1..=count).contains(*line)) {
                let (fails, passes) = &mut ran[line - 1];
                *(if test.passed { passes } else { fails }) += 1;
            }
        }
        for (weight, (fails, passes)) in weights.iter_mut().zip(ran) {
            if fails > 0 {
                *weight = UNSEEN.max(fails as f32 / ((failed * (fails + passes)) as f32).sqrt());
            }
        }
    }
    for test in trace.tests.iter().filter(|test| !test.passed) {
        let share = FRAME / failed as f32;
        for (distance, line) in test.frames.iter().rev().take(4).enumerate() {
            if let Some(weight) = weights.get_mut(line.wrapping_sub(1)) {
                *weight += share / (distance + 1) as f32;
            }
        }
    }
    if let Some(focus) = focus {
        let line_of = |byte: usize| text.as_bytes()[..byte.min(text.len())].iter().filter(|b| **b == b'\n').count();
        let end = line_of(focus.end.saturating_sub(1).max(focus.start)).min(count - 1);
        for weight in &mut weights[line_of(focus.start).min(end)..=end] {
            *weight *= FOCUS;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::super::judge::TestTrace;
    use super::*;

    fn test(passed: bool, lines: &[usize], frames: &[usize]) -> TestTrace {
        TestTrace { passed, lines: lines.iter().copied().collect(), frames: frames.to_vec() }
    }

    #[test]
    fn lines_of_failing_tests_come_first() {
        let tests = vec![test(true, &[1, 2], &[]), test(false, &[1, 3], &[3]), test(false, &[1, 3, 99], &[99])];
        let trace = Trace { tests, ..Trace::default() };
        let weights = lines("a\nb\nc\nd\n", &trace, None);
        assert!(weights[2] > weights[0] && weights[0] > weights[1], "{weights:?}");
        assert_eq!(weights[1], weights[3]);
    }

    #[test]
    fn the_focus_outweighs_the_rest() {
        let trace = Trace { tests: vec![test(false, &[1, 2, 3], &[])], ..Trace::default() };
        let weights = lines("a\nb\nc", &trace, Some(&(2..3)));
        assert!(weights[1] > weights[0] && weights[0] == weights[2], "{weights:?}");
    }

    #[test]
    fn without_a_trace_all_lines_are_alike() {
        assert_eq!(lines("a\nb", &Trace::default(), None), [0.5, 0.5]);
        assert_eq!(lines("", &Trace::default(), Some(&(0..0))).len(), 1);
    }
}
