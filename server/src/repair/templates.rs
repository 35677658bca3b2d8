//! The edits that are tried at each place, with how likely each kind of edit is to repair a bug.
//!
//! The templates are those of the repair literature (GenProg, PAR, Astor, TBar and the studies of one-line
//! bugs): each file below holds one family of them. A template says *what* could stand at a place; how likely
//! that is is a product: how suspicious the line is, how often bugs are of the template's kind, and the share
//! of this choice among all that the template offers on the line.

mod calls;
mod conditions;
mod literals;
mod names;
mod operators;
mod ranges;
mod statements;

use std::collections::{HashMap, HashSet};

use baton_grammars::{Language, Node};

use super::dialect::{Dialect, Kind};
use super::judge::Trace;
use super::scope::{Scope, scopes};
use super::sites::{Program, Site};
use crate::patch::Edit;

/// One edit to try.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    /// The edits, in order of the text.
    pub edits: Vec<Edit>,
    /// Which template made it.
    pub template: &'static str,
    /// Its estimated chance to be the repair, beside the others'.
    pub chance: f32,
}

/// How often a bug is of a template's kind: rough shares, from the published studies of one-line bugs.
const PRIORS: &[(&str, f32)] = &[
    ("comparison", 0.10),
    ("arithmetic", 0.05),
    ("logic", 0.04),
    ("assignment operator", 0.05),
    ("operand order", 0.03),
    ("drop operand", 0.03),
    ("bound", 0.02),
    ("off by one", 0.10),
    ("combine", 0.03),
    ("name", 0.10),
    ("target", 0.03),
    ("expression", 0.05),
    ("attribute", 0.05),
    ("callee", 0.06),
    ("argument order", 0.05),
    ("drop argument", 0.01),
    ("add argument", 0.01),
    ("unwrap call", 0.04),
    ("wrap call", 0.02),
    ("extreme", 0.03),
    ("element order", 0.03),
    ("slice", 0.05),
    ("drop index", 0.01),
    ("negate", 0.03),
    ("widen condition", 0.04),
    ("guard", 0.04),
    ("condition", 0.04),
    ("literal", 0.06),
    ("container", 0.04),
    ("truth", 0.04),
    ("insert copy", 0.05),
    ("insert update", 0.05),
    ("insert assignment", 0.03),
    ("insert guard", 0.03),
    ("move", 0.02),
    // Deleting is the classic way to please weak tests: it comes last.
    ("delete", 0.002),
];

/// What every template is given.
pub(super) struct Draft<'p, 't> {
    pub program: &'p Program<'t>,
    pub dialect: &'static Dialect,
    scopes: &'p [Scope],
    lines: &'p [f32],
    found: Vec<Found>,
}

struct Found {
    edits: Vec<Edit>,
    template: &'static str,
    line: usize,
    weight: f32,
}

/// Every candidate for `text`, the likeliest first; `lines` are the weights of its lines.
pub(super) fn candidates(
    text: &str,
    language: &Language,
    lines: &[f32],
    trace: &Trace,
) -> Result<Vec<Candidate>, String> {
    let dialect = Dialect::of(language)?;
    let tree = language.parse(text).ok_or("the file takes too long to parse")?;
    let program = Program::new(text, &tree, dialect);
    let scopes = scopes(&program, trace);
    let mut draft = Draft { program: &program, dialect, scopes: &scopes, lines, found: Vec::new() };
    for site in &program.sites {
        operators::draft(&mut draft, site);
        names::draft(&mut draft, site);
        calls::draft(&mut draft, site);
        ranges::draft(&mut draft, site);
        conditions::draft(&mut draft, site);
        literals::draft(&mut draft, site);
    }
    statements::draft(&mut draft);
    Ok(rank(draft.found, lines))
}

fn rank(found: Vec<Found>, lines: &[f32]) -> Vec<Candidate> {
    let mut totals: HashMap<(usize, &str), f32> = HashMap::new();
    for one in &found {
        *totals.entry((one.line, one.template)).or_default() += one.weight;
    }
    let mut candidates: Vec<Candidate> = found
        .into_iter()
        .map(|one| {
            let prior = PRIORS.iter().find(|(name, _)| *name == one.template).map_or(0.01, |(_, prior)| *prior);
            // A template that offers more here is likelier to hold the repair, though each choice is less so.
            let share = one.weight / totals[&(one.line, one.template)].max(1.0).powf(0.8);
            let line = lines.get(one.line).copied().unwrap_or(0.0);
            Candidate { edits: one.edits, template: one.template, chance: line * prior * share }
        })
        .collect();
    candidates.sort_by(|a, b| b.chance.total_cmp(&a.chance));
    let mut seen: HashSet<(usize, usize, String)> = HashSet::new();
    candidates.retain(|candidate| match candidate.edits.as_slice() {
        [edit] => seen.insert((edit.range.start, edit.range.end, edit.text.clone())),
        _ => true,
    });
    candidates
}

impl<'p, 't> Draft<'p, 't> {
    /// The ingredients around a site.
    pub fn scope(&self, site: &Site<'_>) -> &'p Scope {
        &self.scopes[site.function]
    }

    /// The ingredients of a function.
    pub fn scope_of(&self, function: usize) -> &'p Scope {
        &self.scopes[function]
    }

    /// The text of a node.
    pub fn text(&self, node: Node<'_>) -> &'t str {
        self.program.text_of(node)
    }

    /// Offers `text` in place of a node.
    pub fn replace(&mut self, template: &'static str, node: Node<'_>, text: impl Into<String>, weight: f32) {
        self.edit(
            template,
            node.start_position().row,
            vec![Edit { range: node.byte_range(), text: text.into() }],
            weight,
        );
    }

    /// Offers an expression in place of a node, in parentheses where it would be read otherwise.
    pub fn embed(&mut self, template: &'static str, node: Node<'t>, text: &str, weight: f32) {
        let text = if self.is_tight(node) && !is_closed(text) { format!("({text})") } else { text.to_owned() };
        self.replace(template, node, text, weight);
    }

    /// Offers edits on a line (counted from 0).
    pub fn edit(&mut self, template: &'static str, line: usize, edits: Vec<Edit>, weight: f32) {
        let text = self.program.text;
        let same = edits.iter().all(|edit| text.get(edit.range.clone()) == Some(edit.text.as_str()));
        let blamed = self.lines.get(line).copied().unwrap_or(0.0) > 0.0;
        if !same && blamed && weight > 0.0 {
            self.found.push(Found { edits, template, line, weight });
        }
    }

    /// Whether what stands in a node's place must hold together by itself.
    fn is_tight(&self, node: Node<'t>) -> bool {
        let Some(parent) = node.parent() else { return false };
        match self.program.kind(parent) {
            Some(Kind::Binary | Kind::Not | Kind::Unary | Kind::Attribute) => true,
            Some(Kind::Index) => parent.named_child(0) == Some(node),
            Some(Kind::Call) => parent.child_by_field_name("function") == Some(node),
            _ => {
                matches!(parent.kind(), "reference_expression" | "type_cast_expression" | "await" | "await_expression")
            }
        }
    }
}

/// Whether an expression holds together wherever it is put: a name, a literal, a call, something in brackets.
fn is_closed(text: &str) -> bool {
    let mut depth = 0usize;
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, '-' | '!') if at == 0 => return false,
            (None, c) if depth == 0 && !(c.is_alphanumeric() || matches!(c, '_' | '.' | ':')) => return false,
            _ => {}
        }
    }
    true
}

/// One step of indentation as the text has it.
fn indent(text: &str) -> &str {
    let indented = text.lines().filter(|line| line.starts_with([' ', '\t']) && !line.trim().is_empty());
    let starts = indented.map(|line| &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]);
    starts.min_by_key(|start| start.len()).unwrap_or("    ")
}

/// Fills a pattern's `$a` and `$b`.
fn fill(pattern: &str, a: &str, b: &str) -> String {
    pattern.replace("$a", a).replace("$b", b)
}

#[cfg(test)]
mod tests;
