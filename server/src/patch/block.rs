//! A change as replies write it: these lines become those. Both edit formats come down to it.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::anchor::{Lines, Miss, Place, Shift};
use super::{Edit, Problem, apply, minimise};

/// One change as it is written in a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// The file that the reply names for it.
    pub(super) path: Option<String>,
    /// The lines as they are.
    pub(super) old: Vec<String>,
    /// The lines as they shall be.
    pub(super) new: Vec<String>,
    /// Where the reply says that they are, counted from 0.
    pub(super) line: Option<usize>,
}

/// The edits that make all `blocks` happen to `text`, or every reason why they cannot. A block is looked for
/// in the text as it is, then in the text as the other blocks leave it. `quote`: whether messages may quote it.
pub(super) fn edits(text: &str, blocks: &[&Block], name: &str, quote: bool) -> Result<Vec<Edit>, Vec<Problem>> {
    let lines = Lines::of(text);
    let mut problems = Vec::new();
    let mut edits: Vec<Edit> = Vec::new();
    let mut later = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        if blocks[..number].iter().any(|before| before.old == block.old && before.new == block.new) {
            continue;
        }
        if let Err(problem) = elisions(block, text, name) {
            problems.push(problem);
            continue;
        }
        if text.trim_start_matches('\u{feff}').trim().is_empty() && block.old.iter().all(|line| line.trim().is_empty())
        {
            let whole = block.new.iter().map(|line| format!("{line}{}", lines.eol())).collect();
            edits.push(Edit { range: lines.start(0)..text.len(), text: whole });
            continue;
        }
        match lines.find(&block.old, block.line) {
            Ok(place) => edits.extend(place_edits(&lines, block, &place)),
            Err(Miss::Absent) => later.push(*block),
            Err(miss) => problems.push(missed(&lines, block, &miss, name, quote)),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    edits.sort_by_key(|edit| edit.range.start);
    if edits.windows(2).any(|pair| pair[0].range.end > pair[1].range.start) {
        return Err(vec![Problem(format!("{name}: two blocks change the same lines; write one block for them"))]);
    }
    if later.is_empty() {
        return Ok(edits);
    }
    let mut changed = apply(text, &edits).unwrap_or_else(|| text.to_owned());
    for block in later {
        let lines = Lines::of(&changed);
        match lines.find(&block.old, block.line) {
            Ok(place) => {
                let edits = place_edits(&lines, block, &place);
                changed = apply(&changed, &edits).unwrap_or(changed);
            }
            // The lines that the worker knows are those of the file.
            Err(Miss::Absent) => problems.push(missed(&Lines::of(text), block, &Miss::Absent, name, quote)),
            Err(miss) => problems.push(missed(&lines, block, &miss, name, quote)),
        }
    }
    if problems.is_empty() { Ok(minimise::edits(text, &changed)) } else { Err(problems) }
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
    let mut edits = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, old, new) {
        if !matches!(op, DiffOp::Equal { .. }) {
            let (was, becomes) = (op.old_range(), &new[op.new_range()]);
            let becomes: Vec<String> = becomes.iter().map(|line| shifted(line, &place.shift)).collect();
            edits.push(edit(lines, place.first + was.start..place.first + was.end, &becomes));
        }
    }
    edits
}

fn edit(lines: &Lines<'_>, was: std::ops::Range<usize>, becomes: &[String]) -> Edit {
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
    let in_file = |line: &&String| text.lines().any(|there| there.trim() == line.trim());
    let dots = |line: &&String| matches!(line.trim(), "..." | "…" | "⋮...");
    let old = block.old.iter().find(|line| (dots(line) || stands_for_lines(line)) && !in_file(line));
    let new = || block.new.iter().find(|line| stands_for_lines(line) && !in_file(line));
    match old.or_else(new) {
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
            let nearest = if quote { lines.nearest(&block.old) } else { Vec::new() };
            let nearest =
                if nearest.is_empty() { String::new() } else { format!("; nearest:\n{}", nearest.join("\n")) };
            format!("{name}: the lines from `{first}` are not in the file{nearest}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Block, edits};
    use crate::patch::apply;

    fn block(old: &str, new: &str) -> Block {
        let lines = |text: &str| text.lines().map(str::to_owned).collect();
        Block { path: None, old: lines(old), new: lines(new), line: None }
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
