//! Whole ways through the reader: what is written in any format comes out as the change that was meant.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::{Edit, Patch, apply, diff, minimise, read};
use crate::workspace::{Buffer, RelPath, Snapshot};

const PATH: &str = "src/a.txt";

/// A workspace of one open file, on no disk.
fn open(text: &str) -> (Snapshot, RelPath) {
    let path = RelPath::new(PATH).expect("a path");
    let buffer = Buffer { text: text.into(), version: 1 };
    (Snapshot::new("/nowhere".into(), [(path.clone(), buffer)].into()), path)
}

/// The text that a reply makes of `old`.
fn changed(reply: &str, old: &str) -> Result<String, String> {
    let (snapshot, path) = open(old);
    match read(reply, &snapshot, &path) {
        Ok(patch) => Ok(apply(old, &patch.files()[&path].edits).expect("edits fit")),
        Err(problems) => Err(problems.iter().map(|problem| format!("{problem}\n")).collect()),
    }
}

/// A text and another made of it, line by line.
#[derive(Debug, Clone)]
struct Change {
    old: Vec<String>,
    /// For each old line: what stands in its place.
    new: Vec<Vec<String>>,
    eol: &'static str,
    /// Whether the last line has no end.
    open_end: bool,
    mark: bool,
}

impl Change {
    fn text(&self, lines: &[String]) -> String {
        let end = if self.open_end || lines.is_empty() { "" } else { self.eol };
        format!("{}{}{end}", if self.mark { "\u{feff}" } else { "" }, lines.join(self.eol))
    }

    fn before(&self) -> String {
        self.text(&self.old)
    }

    fn after(&self) -> String {
        self.text(&self.new.concat())
    }

    /// Old and new lines of each run of changed lines, with as many lines around as `fits` asks for; all in one
    /// where they would meet.
    fn blocks(&self, fits: impl Fn(&[String]) -> bool) -> Vec<(Vec<String>, Vec<String>)> {
        let same = |at: usize| self.new[at].as_slice() == [self.old[at].clone()];
        let mut blocks = Vec::new();
        let (mut at, mut quoted) = (0, 0);
        while at < self.old.len() {
            if same(at) {
                at += 1;
                continue;
            }
            let end = (at..self.old.len()).find(|&line| same(line)).unwrap_or(self.old.len());
            let around = |more: usize| at.saturating_sub(more)..(end + more).min(self.old.len());
            let range = (0..=self.old.len()).map(around).find(|range| fits(&self.old[range.clone()]));
            let range = range.expect("all of it fits");
            let new = [&self.old[range.start..at], &self.new[at..end].concat(), &self.old[end..range.end]].concat();
            if range.start < quoted || new.is_empty() {
                return vec![(self.old.clone(), self.new.concat())];
            }
            quoted = range.end;
            blocks.push((self.old[range].to_vec(), new));
            at = end;
        }
        blocks
    }

    fn once(&self, quote: &[String]) -> bool {
        let full = quote.iter().any(|line| !line.trim().is_empty());
        full && self.old.windows(quote.len()).filter(|lines| *lines == quote).count() == 1
    }

    fn search_replace(&self) -> String {
        let side = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let shown = self.blocks(|quote| self.once(quote)).into_iter().map(|(old, new)| {
            format!("{PATH}\n```\n<<<<<<< SEARCH\n{}=======\n{}>>>>>>> REPLACE\n```\n\n", side(&old), side(&new))
        });
        shown.collect()
    }

    fn unified(&self) -> String {
        let (old, new) = (self.before(), self.after());
        let (snapshot, path) = open(&old);
        let mut patch = Patch::default();
        patch.insert(path, vec![Edit { range: 0..old.len(), text: new }]).expect("one edit");
        diff(&minimise(&patch, &snapshot), &snapshot)
    }

    fn envelope(&self) -> String {
        let mut reply = format!("*** Begin Patch\n*** Update File: {PATH}\n");
        for (old, new) in self.blocks(|quote| self.once(quote)) {
            let side = |sign: char, lines: &[String]| lines.iter().map(|line| format!("{sign}{line}\n")).collect();
            reply += &["@@\n".to_owned(), side('-', &old), side('+', &new)].concat();
        }
        reply + "*** End Patch\n"
    }

    fn calls(&self) -> String {
        let text = self.old.join("\n");
        let times = |quote: &str| (0..text.len()).filter(|&at| text[at..].starts_with(quote)).count();
        let unique = |quote: &[String]| !quote.concat().trim().is_empty() && times(&quote.join("\n")) == 1;
        let blocks = self.blocks(unique);
        let edits = blocks.iter().map(|(old, new)| json!({"old_string": old.join("\n"), "new_string": new.join("\n")}));
        json!({"path": PATH, "edits": edits.collect::<Vec<_>>()}).to_string()
    }

    fn file(&self) -> String {
        json!({"path": PATH, "content": self.new.concat().join("\n")}).to_string()
    }
}

fn change() -> impl Strategy<Value = Change> {
    let word = prop_oneof![Just(String::new()), Just("}".to_owned()), "[ab]{1,2}", "[a-f]{3,6}( [a-f]{3,6}){0,2}"];
    let line =
        (0..3usize, word).prop_map(|(depth, word)| if word.is_empty() { word } else { "  ".repeat(depth) + &word });
    let place = (line.clone(), prop_oneof![6 => Just(None), 1 => vec(line, 0..3).prop_map(Some)]);
    let shape = (prop_oneof![Just("\n"), Just("\r\n")], any::<bool>(), any::<bool>());
    (vec(place, 1..24), shape).prop_map(|(places, (eol, open_end, mark))| {
        let (mut old, mut new) = (Vec::<String>::new(), Vec::new());
        for (mut line, other) in places {
            // A quote of blank lines alone is refused, wherever it is said to stand.
            if line.is_empty() && old.last().is_some_and(|last| last.is_empty()) {
                line.push('c');
            }
            old.push(line.clone());
            new.push(other.unwrap_or_else(|| vec![line]));
        }
        // A last line without an end cannot be told from no line when it is empty.
        old.push("last".into());
        new.push(vec!["last".into()]);
        if new.len() % 2 == 0 {
            new.last_mut().expect("it was pushed").push("later".into());
        }
        Change { old, new, eol, open_end, mark }
    })
}

/// The edits that undo `edits`.
fn inverse(text: &str, edits: &[Edit]) -> Vec<Edit> {
    let mut grown = 0;
    let back = edits.iter().map(|edit| {
        let start = edit.range.start.wrapping_add(grown);
        grown = grown.wrapping_add(edit.text.len()).wrapping_sub(edit.range.len());
        Edit { range: start..start + edit.text.len(), text: text[edit.range.clone()].to_owned() }
    });
    back.collect()
}

proptest! {
    #[test]
    fn every_format_means_the_same_change(change in change()) {
        if change.before() == change.after() {
            return Ok(());
        }
        for reply in [change.search_replace(), change.unified(), change.envelope(), change.calls(), change.file()] {
            prop_assert_eq!(changed(&reply, &change.before()), Ok(change.after()), "{}", reply);
        }
    }

    #[test]
    fn edits_are_apart_and_can_be_undone(change in change()) {
        let (old, new) = (change.before(), change.after());
        let edits = minimise::edits(&old, &new);
        prop_assert!(edits.windows(2).all(|pair| pair[0].range.end < pair[1].range.start), "{edits:?}");
        prop_assert_eq!(apply(&old, &edits), Some(new.clone()));
        prop_assert_eq!(apply(&new, &inverse(&old, &edits)), Some(old));
    }
}

/// A block that changes the only line `wanted`.
fn block(wanted: &str) -> String {
    format!("<<<<<<< SEARCH\n{wanted}\n=======\nchanged\n>>>>>>> REPLACE\n")
}

#[test]
fn large_files_and_long_lines_are_handled() {
    let lines = "    total += value  # and so on\n".repeat(160_000);
    let text = format!("{lines}the one\n{lines}").split_at(5_000_000).0.to_owned() + "\nthe one at the end\n";
    assert!(changed(&block("the one at the end"), &text).is_ok_and(|new| new.ends_with("\nchanged\n")));
    let said = changed(&block("total += value  # and so on"), &text).expect_err("it is there very often");
    assert!(said.contains("lines 1, 2, 3") && said.len() < 300, "{said}");
    let said = changed(&block("the two at the end"), &text).expect_err("it is not there");
    assert!(said.len() < 2_000, "{said}");
    // Each start of this quote fits at each line, the whole of it nowhere.
    let quote = "total += value  # and so on\n".repeat(20_000) + "no";
    assert!(changed(&block(&quote), &text).is_err_and(|said| said.len() < 2_000));

    let long = "x = 1; ".repeat(150_000);
    let text = format!("a\n{long}\nb\n");
    assert_eq!(changed(&block(long.trim_end()), &text), Ok("a\nchanged\nb\n".into()));
    let said = changed(&block(&format!("{long}?")), &text).expect_err("it is not there");
    assert!(said.len() < 2_000, "{said}");
    assert!(changed(&block(&"a".repeat(5 << 20)), &text).expect_err("too long").contains("4 MiB"));
    let many = changed(&block("a").repeat(600), &text).expect_err("too many");
    assert!(many.contains("600 blocks are too many"), "{many}");
}
