//! Edits as calls of an editing tool, in JSON: what models write that were trained with such a tool.
//! Names of the fields differ from tool to tool; their meaning does not.

use serde_json::{Map, Value};

use super::block::{Block, Reach};
use super::{Problem, hunks};

const PATH: &[&str] = &["path", "file_path", "filePath", "filename", "file", "target_file", "relative_workspace_path"];
const OLD: &[&str] = &["old_string", "old_str", "oldString", "old_text", "oldText", "search", "find", "old"];
/// How many of those mean an edit by themselves.
const SURE: usize = 5;
const NEW: &[&str] = &["new_string", "new_str", "newString", "new_text", "newText", "replace", "replacement", "new"];
const FILE: &[&str] = &["file_text", "content", "contents", "new_content"];
const DIFF: &[&str] = &["patch", "diff", "input"];
const EVERY: &[&str] = &["replace_all", "replaceAll", "allow_multiple"];
const ACTION: &[&str] = &["command", "name", "tool"];
const DELETE: &[&str] = &["delete", "remove", "delete_file", "remove_file"];
const MOVE: &[&str] = &["rename", "move", "rename_file", "move_file"];
const TO: &[&str] = &["new_path", "newPath", "new_name", "destination", "to"];
/// Where a call may stand as JSON within JSON.
const NESTED: &[&str] = &["arguments", "input", "parameters"];

/// The edits of a reply that is JSON, or holds it between fences or tags; none where there are none.
pub(super) fn parse(reply: &str) -> Result<Vec<Block>, Vec<Problem>> {
    let mut reading = Reading::default();
    let mut unread = None;
    for text in candidates(reply) {
        match serde_json::from_str::<Value>(text) {
            Ok(value) => reading.value(&value, None),
            Err(error) => unread = Some((error, OLD.iter().any(|name| text.contains(&format!("\"{name}\""))))),
        }
    }
    if let Some((error, edit)) = unread
        && (edit || !reading.blocks.is_empty())
    {
        reading.problem(format!("the JSON of the edit cannot be read: {error}"));
    }
    if reading.problems.is_empty() { Ok(reading.blocks) } else { Err(reading.problems) }
}

/// The pieces of a reply that look like JSON: all of it, else what stands between fences or tags.
fn candidates(reply: &str) -> Vec<&str> {
    let like_json = |text: &&str| text.starts_with(['{', '[']);
    let whole = reply.trim();
    if like_json(&whole) {
        return vec![whole];
    }
    let mut found = Vec::new();
    let mut start: Option<usize> = None;
    let mut at = 0;
    for line in reply.split_inclusive('\n') {
        let bare = line.trim();
        let border = bare.starts_with("```") || ["<tool_call>", "</tool_call>"].contains(&bare);
        if border {
            match start.take() {
                Some(start) => found.push(reply[start..at].trim()),
                None => start = Some(at + line.len()),
            }
        }
        at += line.len();
    }
    found.retain(like_json);
    found
}

#[derive(Default)]
struct Reading {
    blocks: Vec<Block>,
    problems: Vec<Problem>,
}

impl Reading {
    fn problem(&mut self, what: String) {
        self.problems.push(Problem(what));
    }

    /// Every edit in `value`; `path` is the file that was named around it.
    fn value(&mut self, value: &Value, path: Option<&str>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.value(value, path)),
            Value::Object(fields) => self.object(fields, path),
            _ => {}
        }
    }

    fn object(&mut self, fields: &Map<String, Value>, around: Option<&str>) {
        let path = text(fields, PATH).or(around);
        if let (Some(old), Some(new)) = (text(fields, OLD), text(fields, NEW)) {
            let every = EVERY.iter().any(|name| fields.get(*name) == Some(&Value::Bool(true)));
            let reach = if every { Reach::EveryText } else { Reach::Text };
            return self.push(path, lines(old), lines(new), reach);
        }
        if text(fields, &OLD[..SURE]).is_some() {
            return self.problem("an edit has no new text".into());
        }
        let action = text(fields, ACTION).unwrap_or_default();
        if DELETE.contains(&action) || MOVE.contains(&action) {
            return match (path, text(fields, TO)) {
                (Some(_), None) if DELETE.contains(&action) => self.push(path, Vec::new(), Vec::new(), Reach::Name),
                (Some(_), Some(to)) if MOVE.contains(&action) => {
                    self.push(path, Vec::new(), vec![to.to_owned()], Reach::Name);
                }
                _ => self.problem(format!("`{action}` does not name its file, or not what becomes of it")),
            };
        }
        if fields.contains_key("insert_line") {
            return self.problem("lines are not inserted by number; quote the lines around them".into());
        }
        if let Some(diff) = text(fields, DIFF).filter(|text| text.contains("@@") || text.contains("*** Begin Patch")) {
            return match hunks::parse(&diff.lines().collect::<Vec<_>>()) {
                Ok(blocks) => self.blocks.extend(
                    blocks.into_iter().map(|block| Block { path: block.path.or(path.map(str::to_owned)), ..block }),
                ),
                Err(problems) => self.problems.extend(problems),
            };
        }
        if let (Some(_), Some(content)) = (path, text(fields, FILE)) {
            return self.push(path, Vec::new(), lines(content), Reach::File);
        }
        for (name, value) in fields {
            match value {
                // Its depth is bounded: each level doubles the marks of the one within.
                Value::String(nested) if NESTED.contains(&name.as_str()) => {
                    if let Ok(value) = serde_json::from_str(nested) {
                        self.value(&value, path);
                    }
                }
                value => self.value(value, path),
            }
        }
    }

    fn push(&mut self, path: Option<&str>, old: Vec<String>, new: Vec<String>, reach: Reach) {
        self.blocks.push(Block { path: path.map(str::to_owned), old, new, reach, ..Block::default() });
    }
}

/// The first of the fields that is text.
fn text<'a>(fields: &'a Map<String, Value>, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| fields.get(*name)?.as_str())
}

/// A line break at the end leaves an empty line behind: text is not lines.
fn lines(text: &str) -> Vec<String> {
    text.replace("\r\n", "\n").split('\n').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{Reach, parse};

    /// What was read, one line a block.
    fn read(reply: &str) -> String {
        match parse(reply) {
            Ok(blocks) => {
                let shown = blocks.iter().map(|block| {
                    let path = block.path.as_deref().unwrap_or("-");
                    let reach = match block.reach {
                        Reach::Lines => "lines",
                        Reach::Text => "text",
                        Reach::EveryText => "every",
                        Reach::File => "file",
                        Reach::Name => "name",
                    };
                    format!("{path} {reach}: {} > {}", block.old.join("|"), block.new.join("|"))
                });
                shown.collect::<Vec<_>>().join("; ")
            }
            Err(problems) => format!("! {}", problems[0]),
        }
    }

    #[test]
    fn every_tool_is_understood() {
        for (reply, wanted) in [
            (r#"{"path":"a.py","old_string":"x\n y","new_string":"z"}"#, "a.py text: x| y > z"),
            (r#"{"command":"str_replace","path":"a.py","old_str":"x","new_str":""}"#, "a.py text: x > "),
            (
                r#"{"file_path":"a.py","edits":[{"old_string":"x","new_string":"y"},{"old_string":"q","new_string":"r","replace_all":true}]}"#,
                "a.py text: x > y; a.py every: q > r",
            ),
            (
                r#"[{"file":"a","search":"x","replace":"y"},{"file":"b","search":"x","replace":"y"}]"#,
                "a text: x > y; b text: x > y",
            ),
            (
                r#"{"tool_calls":[{"function":{"name":"edit","arguments":"{\"path\":\"a\",\"oldText\":\"x\",\"newText\":\"y\"}"}}]}"#,
                "a text: x > y",
            ),
            (
                "<tool_call>\n{\"name\":\"Edit\",\"input\":{\"path\":\"a\",\"old_str\":\"x\",\"new_str\":\"y\"}}\n</tool_call>",
                "a text: x > y",
            ),
            ("So:\n```json\n{\"old\":\"x\",\"new\":\"y\"}\n```\nDone.", "- text: x > y"),
            (r#"{"input":"*** Begin Patch\n*** Update File: a\n-x\n+y\n*** End Patch"}"#, "a lines: x > y"),
            (r#"{"path":"a","diff":"@@ -1 +1 @@\n-x\n+y"}"#, "a lines: x > y"),
            (r#"{"command":"create","path":"a","file_text":"x\r\ny\n"}"#, "a file:  > x|y|"),
            (
                r#"{"command":"insert","path":"a","insert_line":3,"new_str":"x"}"#,
                "! lines are not inserted by number; quote the lines around them",
            ),
            (
                r#"[{"path":"a","old":"x","new":"y"},{"command":"delete","path":"b"},{"command":"move","path":"c","to":"d"}]"#,
                "a text: x > y; b name:  > ; c name:  > d",
            ),
            (r#"{"command":"rename","path":"b"}"#, "! `rename` does not name its file, or not what becomes of it"),
            (r#"{"path":"a","old_str":"x"}"#, "! an edit has no new text"),
            (r#"{"command":"view","path":"a"}"#, ""),
            (r#"{"answer":"x"}"#, ""),
            ("no JSON", ""),
            ("{ x: 1 }", ""),
        ] {
            assert_eq!(read(reply), wanted, "{reply}");
        }
        assert!(read(r#"{"path":"a","old_string":"x","new_string":"y}"#).starts_with("! the JSON of the edit"));
        let second = "```\n{\"old\":\"x\",\"new\":\"y\"}\n```\n```\n{\"path\":\"a\",\"content\":\n```\n";
        assert!(read(second).starts_with("! the JSON of the edit"));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(&deep), "");
    }
}
