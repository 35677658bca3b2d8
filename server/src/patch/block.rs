//! A change as replies write it: these lines become those. Every edit format comes down to it.

use std::collections::HashSet;
use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

use super::anchor::{Hint, Lines, Miss, Place, Shift, places};
use super::nearest::nearest;
use super::{Edit, Problem, apply, minimise};

/// Most blocks for one file: a reply has a handful, and each is looked for in the whole text.
const BLOCKS: usize = 200;
/// Most messages that quote the file: each costs a search, and a worker corrects one thing at a time.
const QUOTES: usize = 5;

/// Most places that one block changes.
const PLACES: usize = 1000;

/// One change as it is written in a reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// The file that the reply names for it.
    pub path: Option<String>,
    /// The lines as they are.
    pub old: Vec<String>,
    /// The lines as they shall be.
    pub new: Vec<String>,
    /// How much of the file `old` is.
    pub reach: Reach,
    /// Where `old` is said to stand.
    pub hint: Hint,
}

impl Block {
    /// Whether it can be all of a new file.
    pub(super) fn makes_a_file(&self) -> bool {
        self.reach != Reach::Name && self.old.iter().all(|line| line.trim().is_empty())
    }
}

/// How much of a file a block quotes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Whole lines, once.
    #[default]
    Lines,
    /// Text that may begin and end within a line, once, as editing tools define it; else whole lines.
    Text,
    /// The same, wherever it stands.
    EveryText,
    /// All of it; `old` is empty.
    File,
    /// Its name, no text: `new` is the name that it gets, or nothing where the file goes.
    Name,
}

/// The smallest edits that make all `blocks` happen to `text`, or every reason why they cannot. A block is looked
/// for in the text as it is, then in the text as the other blocks leave it. `quote`: whether messages may quote it.
pub(super) fn edits(text: &str, blocks: &[&Block], name: &str, quote: bool) -> Result<Vec<Edit>, Vec<Problem>> {
    if blocks.len() > BLOCKS {
        return Err(vec![Problem(format!("{name}: {} blocks are too many; at most {BLOCKS} are read", blocks.len()))]);
    }
    let lines = Lines::of(text);
    let mut problems = Vec::new();
    let mut edits: Vec<Edit> = Vec::new();
    let mut later = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        if blocks[..number].contains(block) {
            continue;
        }
        if let Err(problem) = elisions(block, text, name) {
            problems.push(problem);
            continue;
        }
        match located(&lines, block) {
            Ok(found) => edits.extend(found),
            Err(Miss::Absent) => later.push(*block),
            Err(miss) => problems.push(missed(&lines, block, &miss, name, quote && problems.len() < QUOTES)),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let collide = |pair: &[Edit]| {
        // Two insertions at one place have no order.
        pair[0].range.end > pair[1].range.start || pair[0].range.is_empty() && pair[0].range == pair[1].range
    };
    if edits.windows(2).any(collide) {
        return Err(vec![Problem(format!("{name}: two blocks change the same lines; write one block for them"))]);
    }
    let mut changed = apply(text, &edits).unwrap_or_else(|| text.to_owned());
    for block in later {
        let found = if changed == text { Err(Miss::Absent) } else { located(&Lines::of(&changed), block) };
        match found {
            Ok(edits) => changed = apply(&changed, &edits).unwrap_or(changed),
            // The lines that the worker knows are those of the file.
            Err(Miss::Absent) => {
                problems.push(missed(&lines, block, &Miss::Absent, name, quote && problems.len() < QUOTES))
            }
            Err(miss) => problems.push(missed(&Lines::of(&changed), block, &miss, name, false)),
        }
    }
    if problems.is_empty() { Ok(minimise::edits(text, &changed)) } else { Err(problems) }
}

/// The edits of one block, in order, where `lines` have exactly one place for it.
fn located(lines: &Lines<'_>, block: &Block) -> Result<Vec<Edit>, Miss> {
    let blank = |side: &[String]| side.iter().all(|line| line.trim().is_empty());
    let empty = lines.text.trim_start_matches('\u{feff}').trim().is_empty();
    if block.reach == Reach::File || empty && blank(&block.old) {
        return Ok(vec![whole(lines, &block.new)]);
    }
    if matches!(block.reach, Reach::Text | Reach::EveryText) {
        let mut found = quoted(lines.text, &block.old.join("\n"));
        let mut most = 1;
        if block.reach == Reach::EveryText {
            most = PLACES;
            let mut end = 0;
            found.retain(|range| {
                let apart = range.start >= end;
                end = if apart { range.end } else { end };
                apart
            });
        }
        if (1..=most).contains(&found.len()) {
            let edit = |range: Range<usize>| Edit { range, text: block.new.join(lines.eol()) };
            return Ok(found.into_iter().map(edit).collect());
        }
        if !found.is_empty() {
            return Err(Miss::Ambiguous(found.into_iter().map(|range| lines.at(range.start)).collect()));
        }
    }
    let place = lines.find(&block.old, &block.hint)?;
    Ok(place_edits(lines, block, &place))
}

/// Every place where `quote` stands in `text`, whichever of the two line ends the text has.
fn quoted(text: &str, quote: &str) -> Vec<Range<usize>> {
    if quote.trim().is_empty() {
        return Vec::new();
    }
    // What a place in the text without carriage returns is in the text with them.
    let plain = text.replace("\r\n", "\n");
    let dropped: Vec<usize> = text.match_indices("\r\n").enumerate().map(|(before, (at, _))| at - before).collect();
    let place = |at: usize| at + dropped.partition_point(|&end| end < at);
    let found = places(plain.as_bytes(), quote.as_bytes()).into_iter();
    found.map(|at| place(at)..place(at + quote.len())).collect()
}

/// The edit that makes `new` all there is, but for the byte order mark; a last line without an end stays so.
fn whole(lines: &Lines<'_>, new: &[String]) -> Edit {
    let mut text = new.join(lines.eol());
    let open_end = !lines.text.is_empty() && !lines.text.ends_with('\n');
    if !text.is_empty() && !open_end && new.last().is_some_and(|line| !line.is_empty()) {
        text.push_str(lines.eol());
    }
    Edit { range: lines.start(0)..lines.text.len(), text }
}

/// Only the lines that differ between `old` and `new` are touched: the others keep the file's own bytes.
fn place_edits(lines: &Lines<'_>, block: &Block, place: &Place) -> Vec<Edit> {
    let inner = |side: &[String]| {
        let blank = |line: &&String| line.trim().is_empty();
        let head = side.iter().take(place.dropped.0).take_while(blank).count();
        let tail = side[head..].iter().rev().take(place.dropped.1).take_while(blank).count();
        head..side.len() - tail
    };
    let (old, new) = (&block.old[inner(&block.old)], &block.new[inner(&block.new)]);
    let mut input = InternedInput::<&str>::default();
    input.update_before(old.iter().map(String::as_str));
    input.update_after(new.iter().map(String::as_str));
    let range = |lines: Range<u32>| lines.start as usize..lines.end as usize;
    let touched = Diff::compute(Algorithm::Histogram, &input);
    let edits = touched.hunks().map(|hunk| {
        let (was, becomes) = (range(hunk.before), &new[range(hunk.after)]);
        let becomes: Vec<String> = becomes.iter().map(|line| shifted(line, &place.shift)).collect();
        edit(lines, place.first + was.start..place.first + was.end, &becomes)
    });
    edits.collect()
}

fn edit(lines: &Lines<'_>, was: Range<usize>, becomes: &[String]) -> Edit {
    let (eol, text) = (lines.eol(), lines.text);
    let (mut start, end) = (lines.start(was.start), lines.start(was.end));
    let open_end = end == text.len() && !text.is_empty() && !text.ends_with('\n');
    let mut new = becomes.join(eol);
    if !open_end {
        new.push_str(if becomes.is_empty() { "" } else { eol });
    } else if was.is_empty() {
        // After a last line that has no end, a new line brings it along.
        new.insert_str(0, eol);
    } else if becomes.is_empty() && was.start > 0 {
        start = lines.text_end(was.start - 1);
    }
    Edit { range: start..end, text: new }
}

fn shifted(line: &str, shift: &Shift) -> String {
    match shift {
        _ if line.trim().is_empty() => line.trim().to_owned(),
        Shift::None => line.to_owned(),
        Shift::Add(margin) => format!("{margin}{line}"),
        Shift::Remove(margin) => line.strip_prefix(margin.as_str()).unwrap_or(line.trim_start()).to_owned(),
    }
}

/// Refuses what stands for lines that were left out: put in a file it would delete them.
fn elisions(block: &Block, text: &str, name: &str) -> Result<(), Problem> {
    let stands_for_lines = |line: &&String| {
        let bare = line.trim();
        let comment = bare.trim_start_matches(['#', '/', '*', '-', '<', '!', ';', ' ']);
        let commented = comment.len() < bare.len();
        let bare = comment.trim_end_matches(['*', '/', '-', '>', ' ']);
        commented && (bare.starts_with("...") || bare.starts_with('…'))
    };
    let dots = |line: &&String| matches!(line.trim(), "..." | "…" | "⋮...");
    let old = block.old.iter().filter(|line| dots(line) || stands_for_lines(line));
    let mut suspects = old.chain(block.new.iter().filter(stands_for_lines)).peekable();
    if suspects.peek().is_none() {
        return Ok(());
    }
    let there: HashSet<&str> = text.lines().map(str::trim).collect();
    match suspects.find(|line| !there.contains(line.trim())) {
        Some(line) => Err(Problem(format!("{name}: `{}` stands for lines left out; write every line", line.trim()))),
        None => Ok(()),
    }
}

fn missed(lines: &Lines<'_>, block: &Block, miss: &Miss, name: &str, quote: bool) -> Problem {
    let first = block.old.iter().map(|line| line.trim()).find(|line| !line.is_empty()).unwrap_or_default();
    let first: String = first.chars().take(120).collect();
    Problem(match miss {
        Miss::Blank => format!("{name}: a block does not say which lines it replaces; quote some"),
        Miss::Ambiguous(places) => {
            let numbers: Vec<String> = places.iter().take(8).map(|line| (line + 1).to_string()).collect();
            format!(
                "{name}: the lines from `{first}` are found {} times (lines {}); quote more lines around the right ones",
                places.len(),
                numbers.join(", ")
            )
        }
        Miss::Absent => {
            let near = if quote { nearest(lines, &block.old) } else { Vec::new() };
            let near = if near.is_empty() { String::new() } else { format!("; nearest:\n{}", near.join("\n")) };
            format!("{name}: the lines from `{first}` are not in the file{near}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Block, edits};
    use crate::patch::apply;

    fn block(old: &str, new: &str) -> Block {
        let lines = |text: &str| text.lines().map(str::to_owned).collect();
        Block { old: lines(old), new: lines(new), ..Block::default() }
    }

    fn changed(text: &str, blocks: &[Block]) -> Result<String, String> {
        let blocks: Vec<&Block> = blocks.iter().collect();
        match edits(text, &blocks, "f", true) {
            Ok(edits) => Ok(apply(text, &edits).expect("edits fit")),
            Err(problems) => Err(problems.iter().map(|problem| problem.0.as_str()).collect::<Vec<_>>().join("\n")),
        }
    }

    #[test]
    fn what_a_block_does_not_change_keeps_its_bytes() {
        let text = "\u{feff}a  \r\nb\nc\r\nd";
        assert_eq!(changed(text, &[block("a\nb\nc", "a\nB\nc")]), Ok("\u{feff}a  \r\nB\r\nc\r\nd".into()));
        assert_eq!(changed(text, &[block("d", "D")]), Ok("\u{feff}a  \r\nb\nc\r\nD".into()), "no end of line is added");
        assert_eq!(changed(text, &[block("d", "d\ne")]), Ok("\u{feff}a  \r\nb\nc\r\nd\r\ne".into()));
        assert_eq!(changed(text, &[block("c\nd", "c")]), Ok("\u{feff}a  \r\nb\nc".into()));
        assert_eq!(changed(text, &[block("a", "")]), Ok("\u{feff}b\nc\r\nd".into()));
        assert_eq!(changed("a\n", &[block("a", "a\nb")]), Ok("a\nb\n".into()));
    }

    #[test]
    fn the_indentation_of_the_file_is_taken_over() {
        let text = "if x:\n\tfor y in x:\n\t\tprint(y)\n";
        let written = block("for y in x:\n\tprint(y)", "for y in x:\n\n\tif y:\n\t\tprint(y)");
        assert_eq!(changed(text, &[written]), Ok("if x:\n\tfor y in x:\n\n\t\tif y:\n\t\t\tprint(y)\n".into()));
    }

    #[test]
    fn blocks_may_build_on_each_other_but_not_collide() {
        let both = [block("a", "b"), block("b\nc", "b\nd")];
        assert_eq!(changed("a\nc\n", &both), Ok("b\nd\n".into()));
        assert_eq!(changed("a\nb\nc\n", &[block("a\nb", "a\nx"), block("b\nc", "b\ny")]), Ok("a\nx\ny\n".into()));
        assert_eq!(changed("a\n", &[block("a", "b"), block("a", "b")]), Ok("b\n".into()), "said twice");
        let collision = changed("a\nb\n", &[block("a\nb", "x\nb"), block("a", "y")]);
        assert!(collision.expect_err("collide").contains("same lines"));
    }

    #[test]
    fn nothing_is_applied_by_half() {
        let refused = changed("a\nb\n", &[block("a", "x"), block("zz", "y")]).expect_err("the second is nowhere");
        assert!(refused.contains("`zz` are not in the file; nearest:\n1| a"), "{refused}");
        assert!(changed("a\na\n", &[block("a", "x")]).expect_err("twice").contains("found 2 times (lines 1, 2)"));
        assert!(changed("a\n", &[block("", "x")]).expect_err("blank").contains("does not say which lines"));
    }

    #[test]
    fn lines_left_out_are_refused_unless_they_are_really_there() {
        let text = "def f():\n    a()\n    b()\n";
        for (old, new) in [
            ("def f():\n    ...\n    b()", "def f():\n    c()"),
            ("    a()", "    # ... existing code ...\n    c()"),
            ("    a()", "    // … rest unchanged\n    c()"),
        ] {
            assert!(changed(text, &[block(old, new)]).expect_err(old).contains("left out"), "{old}");
        }
        assert_eq!(changed("f = ...\n...\n", &[block("...", "pass")]), Ok("f = ...\npass\n".into()));
        assert_eq!(
            changed("def f(): pass\n", &[block("def f(): pass", "def f():\n    ...")]),
            Ok("def f():\n    ...\n".into())
        );
    }

    #[test]
    fn an_empty_file_is_filled() {
        assert_eq!(changed("", &[block("", "a\nb")]), Ok("a\nb\n".into()));
    }
}
