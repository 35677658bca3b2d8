//! The comparison as text and as a page of its own. A difference that chance could have made is not claimed.

use anyhow::Result;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::compared::{Line, Part, alone, compare};
use super::measure::Measured;
use super::plot::{Forest, Scatter};
use super::recorded::{Source, Split};
use super::replay::Decision;

/// Everything that is said of one split.
pub struct Report {
    title: String,
    lines: Vec<Line>,
    alone: Vec<Line>,
    differences: Vec<Measured>,
}

#[derive(Serialize)]
struct Page<'a> {
    title: &'a str,
    scatter: Scatter,
    forest: Forest,
    rows: Vec<Row<'a>>,
    claims: Vec<String>,
    version: &'a str,
}

#[derive(Serialize)]
struct Row<'a> {
    number: usize,
    name: &'a str,
    played: bool,
    right: String,
    right_interval: String,
    difference: String,
    difference_interval: String,
    usd: String,
    ratio: String,
    calls: String,
}

impl Report {
    /// `played`: decisions under the names that they shall have.
    pub fn of(source: &Source, split: &Split, played: Vec<(String, Vec<Decision>)>) -> Result<Self> {
        let lines = compare(split, played)?;
        let differences = lines.iter().map(|line| line.more_right(&lines[0])).collect();
        let name =
            |folder: &std::path::Path| folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
        let (train, test) = (&split.train, &split.test);
        let title = format!(
            "{} to {}: {} train, {} test tasks, {} workers, verifier {}",
            name(&train.folder),
            name(&test.folder),
            train.tasks.len(),
            test.tasks.len(),
            train.workers.len(),
            source.verifier
        );
        Ok(Self { title, lines, alone: alone(split)?, differences })
    }

    /// For the shell: a line a policy, then what can be said of those that were played.
    pub fn text(&self) -> String {
        let mut text =
            format!("{}\n{:72} score   diff [95 % CI]           cost $ (×best)  calls\n", self.title, "policy");
        for (line, difference) in self.lines.iter().zip(&self.differences) {
            let name: String = line.name.chars().take(72).collect();
            text += &format!(
                "{name:72} {:.3}  {:+.3} [{:+.3},{:+.3}]  {:.4} ({})  {:.2}\n",
                line.right().mean,
                difference.mean,
                difference.low,
                difference.high,
                line.usd(),
                self.ratio(line),
                line.calls()
            );
        }
        self.claims().into_iter().fold(text, |text, claim| text + &claim + "\n")
    }

    /// The page.
    pub fn page(&self) -> Result<String> {
        let page = Page {
            title: &self.title,
            scatter: Scatter::of(&self.lines, &self.alone),
            forest: Forest::of(&self.lines, &self.differences),
            rows: self.lines.iter().enumerate().map(|(at, line)| self.row(at, line)).collect(),
            claims: self.claims(),
            version: env!("CARGO_PKG_VERSION"),
        };
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.add_template("report.html", include_str!("report.html"))?;
        Ok(templates.get_template("report.html")?.render(minijinja::value::Serde(page))?)
    }

    fn row<'a>(&self, at: usize, line: &'a Line) -> Row<'a> {
        let (right, difference) = (line.right(), self.differences[at]);
        let told = difference.told();
        Row {
            number: at + 1,
            name: &line.name,
            played: line.part == Part::Played,
            right: format!("{:.1} %", 100.0 * right.mean),
            right_interval: format!("{:.1} to {:.1}", 100.0 * right.low, 100.0 * right.high),
            difference: match (at, told) {
                (0, _) => String::new(),
                (_, true) => format!("{:+.1}", 100.0 * difference.mean),
                (_, false) => "no difference can be told".into(),
            },
            difference_interval: if at == 0 { String::new() } else { points(&difference) },
            usd: format!("${:.4}", line.usd()),
            ratio: self.ratio(line),
            calls: format!("{:.2}", line.calls()),
        }
    }

    fn ratio(&self, line: &Line) -> String {
        let best = self.lines[0].usd();
        if best > 0.0 { format!("{:.2}", line.usd() / best) } else { "-".into() }
    }

    /// What can be said of each policy that was played, beside each that could be in its place.
    fn claims(&self) -> Vec<String> {
        let played = self.lines.iter().enumerate().filter(|(_, line)| line.part == Part::Played);
        let pairs = played.flat_map(|(own, line)| {
            let others =
                self.lines.iter().enumerate().filter(move |(at, other)| *at < own && other.part != Part::Bound);
            others.map(move |(_, other)| (line, other))
        });
        pairs.map(|(line, other)| format!("{} beside {}: {}.", line.name, other.name, claim(line, other))).collect()
    }
}

fn claim(line: &Line, other: &Line) -> String {
    let (right, usd) = (line.more_right(other), line.more_usd(other));
    let more = |mean: f64| if mean > 0.0 { "more" } else { "less" };
    let of_right = if right.told() {
        format!(
            "{:.1} points {} right answers ({})",
            100.0 * right.mean.abs(),
            more(right.mean).replace("less", "fewer"),
            points(&right)
        )
    } else {
        format!("no difference in right answers can be told ({})", points(&right))
    };
    let of_usd = if usd.told() {
        format!("${:.4} {} a task ({:+.4} to {:+.4})", usd.mean.abs(), more(usd.mean), usd.low, usd.high)
    } else {
        format!("no difference in cost can be told ({:+.4} to {:+.4})", usd.low, usd.high)
    };
    format!("{of_right}; {of_usd}")
}

fn points(difference: &Measured) -> String {
    format!("{:+.1} to {:+.1}", 100.0 * difference.low, 100.0 * difference.high)
}

#[cfg(test)]
mod tests;
