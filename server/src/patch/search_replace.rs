//! SEARCH/REPLACE blocks, as Baton asks for them and as models write them.

use super::Problem;
use super::block::Block;
use super::named::path_before;

/// The blocks of a reply, none where it has no marker, and the lines that belong to none. A block that is not
/// whole is a problem.
pub(super) fn parse<'a>(lines: &[&'a str]) -> Result<(Vec<Block>, Vec<&'a str>), Vec<Problem>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut rest = Vec::new();
    let mut problems = Vec::new();
    let mut at = 0;
    // Where the last block ended: what stands before it names no file for the next.
    let mut free_from = 0;
    while at < lines.len() {
        let Some(margin) = marker(lines[at], SEARCH) else {
            if marker(lines[at], REPLACE).is_some() {
                problems.push(Problem(format!("line {}: `>>>>>>> REPLACE` ends no block", at + 1)));
            }
            rest.push(lines[at]);
            at += 1;
            continue;
        };
        let path = path_before(&lines[free_from..at]).or_else(|| blocks.last().and_then(|block| block.path.clone()));
        let began = at + 1;
        let next = |from: usize, wanted: &[Marker]| {
            (from..lines.len()).find(|&line| wanted.iter().any(|kind| marker(lines[line], *kind).is_some()))
        };
        let Some(divider) = next(began, &[DIVIDER]) else {
            problems.push(Problem(format!("line {began}: the block has no `=======`")));
            break;
        };
        if let Some(inner) = (began..divider).find(|&line| marker(lines[line], SEARCH).is_some()) {
            problems.push(Problem(format!("line {}: a block begins within a block", inner + 1)));
        }
        let Some(end) = next(divider + 1, &[SEARCH, DIVIDER, REPLACE]) else {
            problems.push(Problem(format!("line {began}: the block has no `>>>>>>> REPLACE`")));
            break;
        };
        let ends = marker(lines[end], REPLACE).is_some() || marker(lines[end], DIVIDER).is_some() && closes(lines, end);
        if ends {
            let side = |range: std::ops::Range<usize>| {
                lines[range].iter().map(|line| line.strip_prefix(margin).unwrap_or(line).to_owned()).collect()
            };
            blocks.push(Block { path, old: side(began..divider), new: side(divider + 1..end), ..Block::default() });
        } else {
            problems.push(Problem(format!("line {began}: the block has no `>>>>>>> REPLACE` before line {}", end + 1)));
        }
        at = if marker(lines[end], SEARCH).is_some() { end } else { end + 1 };
        // A second divider and the right end after it are one end.
        let doubled =
            marker(lines[end], DIVIDER).is_some() && lines.get(at).is_some_and(|line| marker(line, REPLACE).is_some());
        at += usize::from(doubled);
        free_from = at;
    }
    if problems.is_empty() { Ok((blocks, rest)) } else { Err(problems) }
}

type Marker = (char, &'static str);
const SEARCH: Marker = ('<', "SEARCH");
const DIVIDER: Marker = ('=', "");
const REPLACE: Marker = ('>', "REPLACE");

/// The blanks before a marker of 5 to 9 signs and a word, if `line` is one.
fn marker(line: &str, (sign, word): Marker) -> Option<&str> {
    let bare = line.trim();
    let rest = bare.trim_start_matches(sign);
    let signs = bare.len() - rest.len();
    // `<<<<<<< SEARCH>` is a slip that several models make.
    let is_word = rest.trim_start() == word || sign == '<' && rest.trim_start().strip_suffix('>') == Some(word);
    ((5..=9).contains(&signs) && is_word).then(|| &line[..line.len() - line.trim_start().len()])
}

/// Whether a second divider was written for the end of a block, as models do: nothing of the block follows it,
/// and it does not underline a heading.
fn closes(lines: &[&str], divider: usize) -> bool {
    let after = lines.get(divider + 1).map_or("", |line| line.trim());
    let above = lines[divider - 1].trim();
    let heading = marker(above, DIVIDER).is_none() && above.chars().count() == lines[divider].trim().len();
    let later =
        lines[divider + 1..].iter().find(|line| [SEARCH, REPLACE].iter().any(|kind| marker(line, *kind).is_some()));
    let alone = after.is_empty() || after.starts_with("```") || after.starts_with("</");
    !heading && (marker(after, REPLACE).is_some() || alone && later.is_none_or(|line| marker(line, SEARCH).is_some()))
}

#[cfg(test)]
mod tests {
    use super::super::Problem;
    use super::Block;

    fn parse(reply: &str) -> Result<Vec<Block>, Vec<Problem>> {
        Ok(super::parse(&reply.lines().collect::<Vec<_>>())?.0)
    }

    fn block(path: Option<&str>, old: &[&str], new: &[&str]) -> Block {
        let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        Block { path: path.map(str::to_owned), old: own(old), new: own(new), ..Block::default() }
    }

    #[test]
    fn blocks_are_read_with_and_without_names_and_fences() {
        let reply = "Sure.\n\nsrc/a.py\n```python\n<<<<<<< SEARCH\nx\n\n=======\ny\n>>>>>>> REPLACE\n```\n\nAnd:\n\n<<<<<<< SEARCH\nz\n=======\n>>>>>>> REPLACE\n\n```python src/b.py\n<<<<<<< SEARCH>\nq\n=======\nr\n>>>>>>> REPLACE\n```";
        let expected = [
            block(Some("src/a.py"), &["x", ""], &["y"]),
            block(Some("src/a.py"), &["z"], &[]),
            block(Some("src/b.py"), &["q"], &["r"]),
        ];
        assert_eq!(parse(reply).expect("whole blocks"), expected);
        assert_eq!(parse("<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE"), Ok(vec![block(None, &["a"], &["b"])]));
        assert_eq!(parse("I would not change anything."), Ok(vec![]));
    }

    #[test]
    fn a_block_in_a_list_loses_the_margin_of_its_markers() {
        let reply = "1. Change:\n   <<<<<<< SEARCH\n   a\n     b\n   =======\n   c\n   >>>>>>> REPLACE\n";
        assert_eq!(parse(reply), Ok(vec![block(None, &["a", "  b"], &["c"])]));
    }

    #[test]
    fn a_block_that_is_not_whole_is_a_problem() {
        for (reply, says) in [
            ("<<<<<<< SEARCH\na\n", "no `=======`"),
            ("<<<<<<< SEARCH\na\n=======\nb\n", "no `>>>>>>> REPLACE`"),
            ("<<<<<<< SEARCH\na\n=======\nb\n=======\nc\n>>>>>>> REPLACE", "before line 5"),
            ("<<<<<<< SEARCH\na\n=======\nHeading\n=======\n>>>>>>> REPLACE", "before line 5"),
            ("<<<<<<< SEARCH\na\n=======\nb\n<<<<<<< SEARCH\nc\n=======\nd\n>>>>>>> REPLACE", "before line 5"),
            ("<<<<<<< HEAD\na\n=======\nb\n>>>>>>> REPLACE", "line 5: `>>>>>>> REPLACE` ends no block"),
            ("<<<<<<< SEARCH\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE", "within a block"),
        ] {
            let problems = parse(reply).expect_err(reply);
            assert!(problems[0].0.contains(says), "{problems:?}");
        }
    }

    #[test]
    fn a_divider_may_stand_for_the_end() {
        for reply in [
            "a.py\n```\n<<<<<<< SEARCH\na\n=======\nbb\n=======\n```\nThis is why.",
            "a.py\n<source>\n<<<<<<< SEARCH\na\n=======\nbb\n=======\n\nThis is why.",
            "a.py\n<<<<<<< SEARCH\na\n=======\nbb\n=======\n>>>>>>> REPLACE",
        ] {
            assert_eq!(parse(reply), Ok(vec![block(Some("a.py"), &["a"], &["bb"])]), "{reply}");
        }
        let deleted = "<<<<<<< SEARCH\na\n=======\n=======\n>>>>>>> REPLACE";
        assert_eq!(parse(deleted), Ok(vec![block(None, &["a"], &[])]));
    }
}
