//! Where things stand in the report's two pictures: right answers against cost, and the differences with their intervals.

use serde::Serialize;

use super::compared::{Line, Part};
use super::measure::Measured;

/// Of both pictures.
const WIDTH: f64 = 760.0;
const RIGHT: f64 = 24.0;
/// Labels that are nearer than this would cover each other.
const NEAR: (f64, f64) = (16.0, 11.0);

/// A line of the grid.
#[derive(Debug, Serialize)]
pub struct Tick {
    at: f64,
    label: String,
}

/// Right answers against cost.
#[derive(Debug, Serialize)]
pub struct Scatter {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    alone: Vec<Point>,
    points: Vec<Point>,
    labels: Vec<Label>,
}

#[derive(Debug, Serialize)]
struct Point {
    x: f64,
    y: f64,
    low: f64,
    high: f64,
    class: &'static str,
    name: String,
}

#[derive(Debug, Serialize)]
struct Label {
    x: f64,
    y: f64,
    text: String,
}

impl Scatter {
    /// `lines` are numbered as in the table; `alone` are the single workers.
    pub fn of(lines: &[Line], alone: &[Line]) -> Self {
        let (height, left, top, bottom) = (420.0, 58.0, 16.0, 372.0);
        let right = WIDTH - RIGHT;
        let all = || lines.iter().chain(alone);
        let costs = Costs::of(all().map(Line::usd));
        let measured: Vec<Measured> = lines.iter().map(Line::right).collect();
        let lows = measured.iter().map(|right| right.low).chain(alone.iter().map(|line| line.right().mean));
        let highs = measured.iter().map(|right| right.high).chain(alone.iter().map(|line| line.right().mean));
        let least = (lows.fold(1.0, f64::min) * 10.0).floor() / 10.0;
        let most = ((highs.fold(0.0, f64::max) * 10.0).ceil() / 10.0).max(least + 0.1);
        let x = |usd: f64| tenth(left + costs.share(usd) * (right - left));
        let y = |part: f64| tenth(bottom - (part - least) / (most - least) * (bottom - top));
        let point = |line: &Line, right: Measured| Point {
            x: x(line.usd()),
            y: y(right.mean),
            low: y(right.low),
            high: y(right.high),
            class: class(line.part),
            name: line.name.clone(),
        };
        let points: Vec<Point> = lines.iter().zip(&measured).map(|(line, right)| point(line, *right)).collect();
        let steps = ((most - least) * 10.0).round() as usize;
        let part = |step: usize| least + step as f64 / 10.0;
        Self {
            width: WIDTH,
            height,
            left,
            right,
            top,
            bottom,
            x_ticks: costs.ticks().into_iter().map(|usd| Tick { at: x(usd), label: format!("${usd}") }).collect(),
            y_ticks: (0..=steps).map(|step| Tick { at: y(part(step)), label: percent(part(step)) }).collect(),
            alone: alone.iter().map(|line| point(line, line.right())).collect(),
            labels: labels(&points),
            points,
        }
    }
}

/// The numbers beside the points; those that would cover each other are written together.
fn labels(points: &[Point]) -> Vec<Label> {
    let mut labels: Vec<Label> = Vec::new();
    for (number, point) in points.iter().enumerate().map(|(at, point)| (at + 1, point)) {
        let (x, y) = (tenth(point.x + 9.0), tenth(point.y + 4.0));
        match labels.iter_mut().find(|label| (label.x - x).abs() < NEAR.0 && (label.y - y).abs() < NEAR.1) {
            Some(label) => label.text += &format!(", {number}"),
            None => labels.push(Label { x, y, text: number.to_string() }),
        }
    }
    labels
}

/// The range of costs, which is drawn by its logarithm.
struct Costs {
    least: f64,
    most: f64,
}

impl Costs {
    fn of(costs: impl Iterator<Item = f64>) -> Self {
        // What is free stands at the left edge.
        let paid: Vec<f64> = costs.filter(|usd| *usd > 0.0).collect();
        let (least, most) =
            paid.iter().fold((f64::INFINITY, 0.0), |(least, most), usd| (usd.min(least), usd.max(most)));
        if paid.is_empty() { Self { least: 0.5, most: 2.0 } } else { Self { least: least / 1.6, most: most * 1.6 } }
    }

    fn share(&self, usd: f64) -> f64 {
        (usd.max(self.least) / self.least).ln() / (self.most / self.least).ln()
    }

    /// Powers of ten, and where they are few, twice and five times them too.
    fn ticks(&self) -> Vec<f64> {
        let factors: &[u32] = if self.most / self.least < 100.0 { &[1, 2, 5] } else { &[1] };
        let powers = self.least.log10().floor() as i32..=self.most.log10().ceil() as i32;
        // Read from its digits, so that a thousandth is written as one.
        let all = powers.flat_map(|power| factors.iter().filter_map(move |by| format!("{by}e{power}").parse().ok()));
        all.filter(|usd| (self.least..=self.most).contains(usd)).collect()
    }
}

/// Differences from the first line, each with its interval.
#[derive(Debug, Serialize)]
pub struct Forest {
    width: f64,
    height: f64,
    bottom: f64,
    zero: f64,
    ticks: Vec<Tick>,
    bars: Vec<Bar>,
}

#[derive(Debug, Serialize)]
struct Bar {
    y: f64,
    low: f64,
    mean: f64,
    high: f64,
    number: usize,
    class: &'static str,
}

impl Forest {
    /// `differences` belong to `lines`, of which the first is what the others differ from.
    pub fn of(lines: &[Line], differences: &[Measured]) -> Self {
        let (left, right, row, top) = (58.0, WIDTH - RIGHT, 24.0, 14.0);
        let rest: Vec<_> = lines.iter().zip(differences).enumerate().skip(1).collect();
        let least = (rest.iter().map(|(_, (_, d))| d.low).fold(0.0, f64::min) * 10.0).floor() / 10.0;
        let most = ((rest.iter().map(|(_, (_, d))| d.high).fold(0.0, f64::max) * 10.0).ceil() / 10.0).max(least + 0.1);
        let x = |part: f64| tenth(left + (part - least) / (most - least) * (right - left));
        let bottom = top + row * rest.len() as f64;
        let steps = ((most - least) * 10.0).round() as usize;
        let tick = |step: usize| {
            let part = least + step as f64 / 10.0;
            let points = (part * 100.0).round() as i64;
            Tick { at: x(part), label: if points == 0 { "0".into() } else { format!("{points:+}") } }
        };
        let bars = rest.iter().enumerate().map(|(place, (at, (line, difference)))| Bar {
            y: top + row * (place as f64 + 0.5),
            low: x(difference.low),
            mean: x(difference.mean),
            high: x(difference.high),
            number: at + 1,
            class: class(line.part),
        });
        let bars = bars.collect();
        Self { width: WIDTH, height: bottom + 44.0, bottom, zero: x(0.0), ticks: (0..=steps).map(tick).collect(), bars }
    }
}

fn class(part: Part) -> &'static str {
    match part {
        Part::Played => "played",
        Part::Baseline => "baseline",
        Part::Bound => "bound",
    }
}

fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

/// Pictures need no more.
fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
