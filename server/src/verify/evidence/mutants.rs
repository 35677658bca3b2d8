//! Small changes to the lines that a patch changed. A test that reaches those lines should notice them: where none
//! is noticed, the tests say nothing about the patch (mutation analysis: DeMillo, Lipton and Sayward 1978).
//!
//! They are made from the tokens of the tree, so every language has them.

use std::collections::HashSet;
use std::ops::Range;

use baton_grammars::{Language, Node, Tree};

use crate::patch::Edit;

/// One small change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mutant {
    /// The whole text with the change.
    pub text: String,
    /// Where it was made, from 1.
    pub line: usize,
    /// What was made of what: `< → <=`.
    pub what: String,
}

/// Tokens that decide, and what each becomes. The replacement differs in what it computes for most inputs, and is no
/// type error where the original is none.
const TOKENS: &[(&str, &str)] = &[
    ("<", ">="),
    ("<=", ">"),
    (">", "<="),
    (">=", "<"),
    ("==", "!="),
    ("!=", "=="),
    ("===", "!=="),
    ("!==", "==="),
    ("+", "-"),
    ("-", "+"),
    ("*", "+"),
    ("/", "*"),
    ("//", "*"),
    ("%", "*"),
    ("+=", "-="),
    ("-=", "+="),
    ("*=", "+="),
    ("and", "or"),
    ("or", "and"),
    ("&&", "||"),
    ("||", "&&"),
    ("is", "is not"),
    ("in", "not in"),
    ("not in", "in"),
    ("true", "false"),
    ("false", "true"),
    ("True", "False"),
    ("False", "True"),
    ("min", "max"),
    ("max", "min"),
];

/// The mutants of `text` within the bytes `changed`, at most `most`, spread over the changed lines. A mutant parses
/// no worse than the text does.
pub(super) fn mutants(language: &Language, text: &str, changed: &[Range<usize>], most: usize) -> Vec<Mutant> {
    let Some(tree) = language.parse(text) else { return Vec::new() };
    let errors = language.syntax_errors(&tree).len();
    let (mut operators, mut numbers, mut edits) = (Vec::new(), Vec::new(), Vec::new());
    for range in changed {
        tokens(&tree, text, range, &mut operators, &mut numbers);
        // Python's blocks must not be empty.
        statements(&tree, text, range, if language.id == "python" { "pass" } else { "" }, &mut edits);
    }
    edits.splice(0..0, operators);
    edits.extend(numbers);
    let mut seen = HashSet::new();
    let mut by_line: Vec<(usize, Vec<Edit>)> = Vec::new();
    for edit in edits {
        if !seen.insert((edit.range.clone(), edit.text.clone())) {
            continue;
        }
        let line = text[..edit.range.start].matches('\n').count() + 1;
        match by_line.iter_mut().find(|(known, _)| *known == line) {
            Some((_, list)) => list.push(edit),
            None => by_line.push((line, vec![edit])),
        }
    }
    by_line.sort_by_key(|(line, _)| *line);
    // One of each line before the second of any.
    let deepest = by_line.iter().map(|(_, list)| list.len()).max().unwrap_or(0);
    let turns =
        (0..deepest).flat_map(|turn| by_line.iter().filter_map(move |(line, list)| Some((*line, list.get(turn)?))));
    let mut made = Vec::new();
    for (line, edit) in turns {
        if made.len() == most {
            break;
        }
        let mutated = format!("{}{}{}", &text[..edit.range.start], edit.text, &text[edit.range.end..]);
        if language.parse(&mutated).is_some_and(|tree| language.syntax_errors(&tree).len() <= errors) {
            made.push(Mutant { what: what(&text[edit.range.clone()], &edit.text), text: mutated, line });
        }
    }
    made
}

fn what(old: &str, new: &str) -> String {
    let old = old.trim();
    let short = |text: &str| match text.char_indices().nth(40) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    };
    match new {
        "" | "pass" => format!("without `{}`", short(&old.replace('\n', " "))),
        _ => format!("`{}` for `{}`", short(new), short(old)),
    }
}

/// Operators and truths among the leaves, and whole numbers.
fn tokens(tree: &Tree, text: &str, range: &Range<usize>, operators: &mut Vec<Edit>, numbers: &mut Vec<Edit>) {
    each_leaf(tree.root_node(), range, &mut |leaf| {
        let at = leaf.byte_range();
        let token = &text[at.clone()];
        let is_sign =
            leaf.parent().is_some_and(|parent| parent.named_child_count() == 1) && matches!(token, "+" | "-" | "*");
        // `<` and `>` of type arguments, and `*` of pointers and patterns, stand among other things than operands.
        let is_operator =
            leaf.parent().is_some_and(|parent| parent.kind().contains("type") || parent.kind().contains("param"));
        if let Some((_, other)) = TOKENS.iter().find(|(known, _)| *known == token)
            && !is_sign
            && !is_operator
        {
            operators.push(Edit { range: at, text: (*other).to_owned() });
        } else if let Ok(number) = token.parse::<u64>()
            && leaf.is_named()
        {
            numbers.push(Edit { range: at, text: (number.wrapping_add(1)).to_string() });
        }
    });
}

/// The outermost statements that lie on the lines as a whole: each is left out.
fn statements(tree: &Tree, text: &str, range: &Range<usize>, nothing: &str, edits: &mut Vec<Edit>) {
    let mut stack = vec![tree.root_node()];
    while let Some(node) = stack.pop() {
        if node.end_byte() < range.start || node.start_byte() > range.end {
            continue;
        }
        let at = node.byte_range();
        let starts_line = text[..at.start].rsplit('\n').next().is_some_and(|before| before.trim().is_empty());
        let ends_line =
            text[at.end..].split('\n').next().is_some_and(|after| after.trim().trim_matches(';').is_empty());
        let is_within = at.start >= range.start && at.end <= range.end;
        if is_within && starts_line && ends_line && node.is_named() && !node.is_extra() && node.parent().is_some() {
            edits.push(Edit { range: at, text: nothing.to_owned() });
            continue;
        }
        let mut cursor = node.walk();
        stack.extend(node.children(&mut cursor).collect::<Vec<_>>().into_iter().rev());
    }
}

fn each_leaf<'t>(root: Node<'t>, range: &Range<usize>, see: &mut impl FnMut(Node<'t>)) {
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        if node.end_byte() <= range.start || node.start_byte() >= range.end || node.is_extra() {
            continue;
        }
        // What a text says is data, however it is divided.
        if node.kind().contains("string") || node.kind().contains("comment") {
            continue;
        }
        if node.child_count() == 0 {
            if node.start_byte() >= range.start && node.end_byte() <= range.end {
                see(node);
            }
            continue;
        }
        let mut cursor = node.walk();
        stack.extend(node.children(&mut cursor).collect::<Vec<_>>().into_iter().rev());
    }
}

#[cfg(test)]
mod tests {
    use super::mutants;

    #[test]
    fn every_language_has_mutants_that_parse() {
        let mut lines = Vec::new();
        for (id, text) in [
            (
                "python",
                "def f(xs, k):\n    if xs and k < 3:\n        return xs[1] + 2\n    # k < 3\n    print('a + b')\n",
            ),
            (
                "rust",
                "fn f(xs: &[u8], k: u8) -> Option<u8> {\n    if k < 3 && !xs.is_empty() {\n        return Some(*xs.first()? + 2);\n    }\n    None\n}\n",
            ),
            (
                "typescript",
                "function f(xs: Array<number>, k: number) {\n  if (k === 3 || k > 10) {\n    k += 1;\n  }\n  return xs[0] - k;\n}\n",
            ),
            ("go", "package a\n\nfunc f(k int) int {\n\tif k <= 3 {\n\t\treturn k * 2\n\t}\n\treturn 0\n}\n"),
            ("java", "class A {\n  int f(int k) {\n    if (k != 3) { return k / 2; }\n    return 0;\n  }\n}\n"),
            ("c", "int f(int k) {\n  if (k >= 3) return k % 2;\n  return 0;\n}\n"),
            ("ruby", "def f(k)\n  return k - 1 if k == 3\n  0\nend\n"),
            ("php", "<?php\nfunction f($k) {\n  if ($k === 3) { return $k - 1; }\n  return 0;\n}\n"),
        ] {
            let language = baton_grammars::by_id(id).unwrap();
            // Line by line, as a patch of one line would have it.
            let lines_of =
                text.match_indices('\n').scan(0, |start, (end, _)| Some(std::mem::replace(start, end + 1)..end));
            let all: Vec<_> = lines_of.collect();
            lines.push(format!("{id}:"));
            lines.extend(
                mutants(language, text, &all, 8).iter().map(|mutant| format!("  {}: {}", mutant.line, mutant.what)),
            );
        }
        insta::assert_snapshot!(lines.join("\n"));
        let python = baton_grammars::by_id("python").unwrap();
        let text = "a = 1 < 2\nb = 1 < 2\n";
        let line = std::iter::once(10..19).collect::<Vec<_>>();
        let found = mutants(python, text, &line, 2);
        assert_eq!(found[0].text, "a = 1 < 2\nb = 1 >= 2\n");
        assert!(found.iter().all(|mutant| mutant.line == 2));
    }
}
