//! Reads recorded replies of real models and compares the blocks with a mature parser's reading of them: `make
//! edit-formats CORPUS=dir`, where `dir` holds the two files named below.
//!
//! An example of this crate, not a binary of the tests crate, which stays outside the library that it drives.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use baton::patch::{Block, Problem, blocks};

/// The transcript: what was asked after `####`, the replies, and the recording program's own lines after `>`.
const RECORDED: &str = "chat-history.md.gz";
/// What the other parser read in each turn.
const GOLD: &str = "chat-history-search-replace-gold.txt.gz";
/// How the gold file rules off its parts.
const RULE: &str = "@@@@@@@@@@@@@@@@@@@@";
/// Turns that speak of these files quote markers as text; the other parser was not given them.
const SET_ASIDE: [&str; 2] = ["editblock_coder.py", "test_editblock"];

/// A block: file, lines as they are, lines as they shall be.
type Written = (String, Vec<String>, Vec<String>);

/// One turn as the other parser read it.
struct Turn {
    asked: String,
    blocks: Vec<Written>,
    refused: bool,
}

fn main() -> ExitCode {
    match std::env::args().nth(1).context("name the corpus folder").and_then(|dir| run(Path::new(&dir))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("edit_formats: {problem:#}");
            ExitCode::from(2)
        }
    }
}

fn run(corpus: &Path) -> Result<()> {
    let recorded = unpacked(&corpus.join(RECORDED))?;
    let gold = turns(&unpacked(&corpus.join(GOLD))?)?;
    let sections = sections(&recorded);
    let theirs = placed(&gold, &sections)?;
    let (mut identical, mut refused, mut aside) = (0, 0, 0);
    let mut differences: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, (asked, reply)) in sections.iter().enumerate() {
        let ours = blocks(reply);
        if SET_ASIDE.iter().any(|name| asked.contains(name) || reply.contains(name)) {
            aside += ours.map_or(0, |blocks| blocks.len());
            continue;
        }
        let turn = theirs.get(&at);
        let wanted = turn.map_or(&[][..], |turn| &turn.blocks);
        let read: Vec<Written> = ours.iter().flatten().map(written).collect();
        let same = wanted.iter().zip(&read).filter(|(wanted, read)| wanted == read).count();
        identical += same;
        let refuses = turn.is_some_and(|turn| turn.refused);
        if refuses && ours.is_err() {
            refused += 1;
        } else if same < wanted.len().max(read.len()) || refuses || ours.is_err() {
            let why = explained(reply, turn.is_some(), &ours);
            *differences.entry(why).or_default() += wanted.len().max(read.len()).max(1) - same;
            println!("different: {asked:.70}\n  {why}");
        }
    }
    let all: usize = gold.iter().map(|turn| turn.blocks.len()).sum();
    println!("blocks: {identical} of {all} identical ({:.1} %)", 100.0 * identical as f64 / all as f64);
    println!("turns: {refused} of {} refused by both", gold.iter().filter(|turn| turn.refused).count());
    differences.iter().for_each(|(why, count)| println!("different: {count} × {why}"));
    println!("{aside} blocks read in turns that the other parser was not given");
    Ok(())
}

/// Why the two readings of a turn differ.
fn explained(reply: &str, theirs: bool, ours: &Result<Vec<Block>, Vec<Problem>>) -> &'static str {
    let marked = reply.contains("<<<<<<< SEARCH");
    match ours {
        Ok(_) if !marked => "a diff, which the other parser does not read",
        Ok(_) if theirs => "another reading of the same block",
        Ok(_) => "read here only",
        Err(_) if marked && reply.contains("\n@@ -") => {
            "a block beside a diff (here the recording program's own `git diff`), refused: one may repeat the other"
        }
        Err(_) if marked => "a block that is not whole, refused here only",
        Err(_) if reply.contains(">>>>>>> REPLACE") => {
            "the second half of a block that the cut at `####` parts; both refuse the first, the other passes over this"
        }
        Err(_) => "half a diff, refused; the other parser reads none",
    }
}

fn written(block: &Block) -> Written {
    (block.path.clone().unwrap_or_default(), block.old.clone(), block.new.clone())
}

fn unpacked(path: &Path) -> Result<String> {
    let output = Command::new("gzip").arg("-dc").arg(path).output().context("gzip")?;
    ensure!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The transcript cut where the other parser's was, before each `####`: what was asked, and all that followed.
fn sections(recorded: &str) -> Vec<(&str, &str)> {
    let starts = recorded.match_indices("####").map(|(at, _)| at);
    let mut starts: Vec<usize> = starts.filter(|&at| recorded[at + 4..].starts_with(char::is_whitespace)).collect();
    starts.push(recorded.len());
    starts.windows(2).filter_map(|pair| recorded[pair[0]..pair[1]].split_once('\n')).collect()
}

/// Which section each turn is: the next with the same question and all the lines of its blocks.
fn placed<'a>(gold: &'a [Turn], sections: &[(&str, &str)]) -> Result<BTreeMap<usize, &'a Turn>> {
    let mut placed = BTreeMap::new();
    let mut next = 0;
    for turn in gold {
        let is_it = |&at: &usize| {
            let (asked, reply) = sections[at];
            let mut lines = turn.blocks.iter().flat_map(|(_, old, new)| old.iter().chain(new));
            asked.trim() == turn.asked
                && lines.all(|line| reply.contains(line))
                && (!turn.refused || reply.contains("<<<<<<< SEARCH"))
        };
        let at = (next..sections.len()).find(is_it).with_context(|| format!("no turn for `{}`", turn.asked))?;
        placed.insert(at, turn);
        next = at + 1;
    }
    Ok(placed)
}

/// The turns of the gold file.
fn turns(gold: &str) -> Result<Vec<Turn>> {
    let mut turns: Vec<Turn> = Vec::new();
    let mut lines = gold.split('\n');
    while let Some(line) = lines.next() {
        let mut until = |end: String| lines.by_ref().take_while(|line| *line != end).map(str::to_owned).collect();
        let title = line.strip_prefix("@@@ ").and_then(|line| line.strip_suffix(RULE)).map(str::trim_end);
        match (title, turns.last_mut()) {
            (Some("SHELL"), _) => drop::<Vec<String>>(until(format!("@@@ ENDSHELL {RULE}"))),
            (Some(title), last) => match (title.strip_prefix("SEARCH: "), last) {
                (Some(path), Some(turn)) => {
                    let old = until(RULE.to_owned());
                    turn.blocks.push((path.to_owned(), old, until(format!("@@@ REPLACE {RULE}"))));
                }
                _ => turns.push(Turn { asked: title.to_owned(), blocks: Vec::new(), refused: false }),
            },
            (None, Some(turn)) => turn.refused |= line.starts_with("^^^ Expected"),
            (None, None) => {}
        }
    }
    Ok(turns)
}
