//! When each step went on, drawn to scale: one bar a step, so that those at the same time are seen side by side.

use serde::Serialize;

use crate::ledger::{Row, RunRecord};
use crate::run::CANCELLED;

/// Where the bars begin, how wide the whole run is, and what a bar and its gap take, in pixels.
const LEFT: u64 = 190;
const SPAN: u64 = 640;
const RIGHT: u64 = 80;
const ROW: u64 = 26;
const AXIS: u64 = 24;

/// The picture, in pixels from its upper left corner.
#[derive(Debug, Serialize)]
pub(super) struct Timeline {
    width: u64,
    height: u64,
    /// The line below the bars.
    floor: u64,
    left: u64,
    right: u64,
    bars: Vec<Bar>,
    ticks: Vec<Tick>,
    /// No step says when it began, so they are drawn one after the other.
    assumed: bool,
}

#[derive(Debug, Serialize)]
struct Bar {
    /// The step's place in the list of steps, from 0.
    at: usize,
    x: u64,
    y: u64,
    width: u64,
}

#[derive(Debug, Serialize)]
struct Tick {
    x: u64,
    label: String,
}

impl Timeline {
    /// Of the steps that were taken; `None` without any.
    pub(super) fn of(run: &RunRecord, rows: &[Row<'_>]) -> Option<Self> {
        let taken: Vec<_> = rows.iter().enumerate().filter_map(|(at, row)| Some((at, row.done?))).collect();
        let assumed = taken.iter().any(|(_, done)| done.began_ms.is_none());
        let mut spans = Vec::new();
        let mut after = 0;
        for (at, done) in &taken {
            let began = done.began_ms.filter(|_| !assumed).unwrap_or(after);
            after = began.saturating_add(done.ms);
            // Of a step that was cut short only the end of the run is known.
            if done.status == CANCELLED && done.ms == 0 {
                after = after.max(run.ms);
            }
            spans.push((*at, began, after));
        }
        let end = spans.iter().map(|(_, _, end)| *end).max()?.max(run.ms).max(1);
        let scaled = |ms: u64| u64::try_from(u128::from(ms) * u128::from(SPAN) / u128::from(end)).unwrap_or(SPAN);
        let bars = (0..).zip(&spans).map(|(row, (at, began, ended))| {
            let x = LEFT + scaled(*began).min(SPAN - 3);
            Bar { at: *at, x, y: 4 + row * ROW, width: (LEFT + scaled(*ended)).saturating_sub(x).max(3) }
        });
        let bars: Vec<Bar> = bars.collect();
        let floor = 4 + bars.len() as u64 * ROW;
        let step = tick(end);
        let ticks = (0..=end / step).map(|n| Tick { x: LEFT + scaled(n * step), label: seconds(n * step, step) });
        let (width, height) = (LEFT + SPAN + RIGHT, floor + AXIS);
        Some(Self { width, height, floor, left: LEFT, right: LEFT + SPAN, ticks: ticks.collect(), bars, assumed })
    }
}

/// Milliseconds between two marks: 1, 2 or 5 times a power of ten, so that there are four to ten of them.
fn tick(end: u64) -> u64 {
    let powers = std::iter::successors(Some(1_u64), |power| power.checked_mul(10));
    let steps = powers.flat_map(|power| [1, 2, 5].map(|digit| power.saturating_mul(digit)));
    steps.into_iter().find(|step| end / step < 10).unwrap_or(u64::MAX)
}

fn seconds(ms: u64, step: u64) -> String {
    let decimals = match step {
        0..10 => 3,
        10..100 => 2,
        100..1000 => 1,
        _ => 0,
    };
    format!("{:.decimals$} s", ms as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::{seconds, tick};

    #[test]
    fn marks_are_round_and_few() {
        for (end, first) in [(1, "0.001 s"), (950, "0.1 s"), (2_000, "0.5 s"), (17_000, "2 s"), (400_000, "50 s")] {
            assert_eq!(seconds(tick(end), tick(end)), first, "{end}");
        }
        for end in [1, 9, 10, 4_999, 86_400_000, u64::MAX / 2, u64::MAX] {
            assert!((0..=9).contains(&(end / tick(end))), "{end}");
        }
    }
}
