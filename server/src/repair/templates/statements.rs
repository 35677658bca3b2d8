//! Statements: inserted (copied from elsewhere, or an update that is missing), moved, deleted.

use baton_grammars::Node;

use super::Draft;
use super::conditions::tests;
use crate::patch::Edit;
use crate::repair::dialect::Kind;
use crate::repair::scope::Scope;
use crate::repair::sites::{Statement, children};

pub(super) fn draft(draft: &mut Draft<'_, '_>) {
    let statements = draft.program.statements.clone();
    for (at, statement) in statements.iter().enumerate() {
        if statement.function == 0 || is_documentation(draft, statement) {
            continue;
        }
        insert(draft, &statements, statement, Side::Before);
        let is_last = children(statement.block).last() == Some(statement.node);
        if is_last && !is_leaving(draft, statement.node) {
            insert(draft, &statements, statement, Side::After);
        }
        delete(draft, statement);
        shift(draft, &statements, at);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Before,
    After,
}

fn is_documentation(draft: &Draft<'_, '_>, statement: &Statement<'_>) -> bool {
    let only = statement.node.named_child(0);
    draft.program.kind(statement.node) == Some(Kind::Statement)
        && only.is_some_and(|only| draft.program.kind(only) == Some(Kind::Text))
}

fn is_leaving(draft: &Draft<'_, '_>, node: Node<'_>) -> bool {
    let text = draft.text(node);
    ["return", "break", "continue", "raise", "throw"].iter().any(|word| text.starts_with(word))
}

/// The edit that puts lines beside a statement, indented as it is.
fn beside(draft: &Draft<'_, '_>, statement: &Statement<'_>, side: Side, lines: &str) -> Option<Edit> {
    let (start, indent) = draft.program.line_start(statement.node.start_byte());
    if start + indent.len() != statement.node.start_byte() {
        return None;
    }
    let lines = lines.replace('\n', &format!("\n{indent}"));
    Some(match side {
        Side::Before => Edit { range: start..start, text: format!("{indent}{lines}\n") },
        Side::After => {
            let end = statement.node.end_byte();
            let end = end + draft.program.text[end..].find('\n').unwrap_or(draft.program.text.len() - end);
            Edit { range: end..end, text: format!("\n{indent}{lines}") }
        }
    })
}

fn insert<'t>(draft: &mut Draft<'_, 't>, statements: &[Statement<'t>], here: &Statement<'t>, side: Side) {
    let scope = draft.scope_of(here.function);
    let at = here.node.start_byte();
    let line = here.node.start_position().row;
    let mut offers: Vec<(&'static str, String, f32)> = Vec::new();
    for other in statements.iter().filter(|other| other.function == here.function && other.is_simple) {
        let text = draft.text(other.node);
        if other.node == here.node || text.contains('\n') || text.len() > 100 || is_leaving(draft, other.node) {
            continue;
        }
        offers.push(("insert copy", text.to_owned(), 1.0));
        for (changed, weight) in renamed(draft, scope, other.node, at) {
            offers.push(("insert copy", changed, weight));
        }
    }
    updates(draft, scope, at, &mut offers);
    assignments(draft, scope, at, &mut offers);
    if side == Side::Before {
        guards(draft, statements, here, &mut offers);
    }
    for (template, text, weight) in offers {
        if let Some(edit) = beside(draft, here, side, &text) {
            draft.edit(template, line, vec![edit], weight);
        }
    }
}

/// A statement with one of its names exchanged.
fn renamed<'t>(draft: &Draft<'_, 't>, scope: &Scope, node: Node<'t>, at: usize) -> Vec<(String, f32)> {
    let text = draft.text(node);
    let mut found = Vec::new();
    let sites = draft.program.sites.iter().filter(|site| {
        site.kind == Kind::Name
            && node.start_byte() <= site.node.start_byte()
            && site.node.end_byte() <= node.end_byte()
    });
    for site in sites {
        for name in scope.names.iter().filter(|name| name.first <= at && name.text != draft.text(site.node)) {
            let (start, end) = (site.node.start_byte() - node.start_byte(), site.node.end_byte() - node.start_byte());
            found.push((format!("{}{}{}", &text[..start], name.text, &text[end..]), 0.15));
        }
    }
    found
}

/// A collection that should have got an element.
fn updates(draft: &Draft<'_, '_>, scope: &Scope, at: usize, offers: &mut Vec<(&'static str, String, f32)>) {
    for (method, kinds) in draft.dialect.adders {
        let is_used = scope.methods.iter().any(|used| used == method);
        for collection in scope.names.iter().filter(|name| name.first <= at) {
            let known = collection.kinds.iter().any(|kind| kinds.contains(&kind.as_str()));
            if !(known || is_used && collection.kinds.is_empty()) {
                continue;
            }
            for value in scope.names.iter().filter(|name| name.first <= at && name.text != collection.text) {
                let text = format!("{}.{method}({}){}", collection.text, value.text, draft.dialect.end);
                offers.push(("insert update", text, if known { 1.0 } else { 0.3 }));
            }
        }
    }
}

/// A variable that should have been set.
fn assignments(draft: &Draft<'_, '_>, scope: &Scope, at: usize, offers: &mut Vec<(&'static str, String, f32)>) {
    let names: Vec<_> = scope.names.iter().filter(|name| name.first <= at).collect();
    for target in &names {
        for value in names.iter().filter(|value| value.text != target.text) {
            let alike = target.kinds.is_empty() || value.kinds.is_empty() || !target.kinds.is_disjoint(&value.kinds);
            let text = format!("{} = {}{}", target.text, value.text, draft.dialect.end);
            offers.push(("insert assignment", text, if alike { 1.0 } else { 0.2 }));
        }
    }
}

/// An early way out: a return (or another way to leave) that stands elsewhere, or the plainest, under a condition.
fn guards<'t>(
    draft: &Draft<'_, 't>,
    statements: &[Statement<'t>],
    here: &Statement<'t>,
    offers: &mut Vec<(&'static str, String, f32)>,
) {
    let dialect = draft.dialect;
    let scope = draft.scope_of(here.function);
    let step = crate::repair::templates::indent(draft.program.text);
    let mut exits: Vec<String> = Vec::new();
    for other in statements.iter().filter(|other| other.function == here.function) {
        let text = draft.text(other.node);
        if text.starts_with("return") && !text.contains('\n') && text.len() < 60 && !exits.iter().any(|e| e == text) {
            exits.push(text.to_owned());
        }
    }
    exits.truncate(3);
    let is_first = children(here.block).find(|node| draft.program.kind(*node) != Some(Kind::Skip)) == Some(here.node);
    let in_loop = std::iter::successors(here.node.parent(), |node| node.parent())
        .take_while(|node| draft.program.kind(*node) != Some(Kind::Function))
        .any(|node| draft.program.kind(node) == Some(Kind::For) || node.kind().starts_with("while"));
    if in_loop {
        exits.extend(dialect.leave.iter().take(2).map(|word| (*word).to_owned()));
    }
    for name in scope.names.iter().filter(|name| name.first <= here.node.start_byte()).take(6) {
        if is_first || !in_loop {
            exits.push(format!("return {}{}", name.text, dialect.end));
        }
    }
    for constant in [dialect.truth[0], dialect.truth[1], "0", "1", "[]"] {
        if is_first && !in_loop {
            exits.push(format!("return {constant}{}", dialect.end));
        }
    }
    for (condition, weight) in tests(scope, here.node.start_byte(), dialect.not, dialect.nothing) {
        if weight < 0.3 {
            continue;
        }
        for exit in &exits {
            let text =
                dialect.guard.replace("$c", &condition).replace("$s", exit).replace("$i", step).replace("$o", "");
            offers.push(("insert guard", text, weight));
        }
    }
}

fn delete(draft: &mut Draft<'_, '_>, statement: &Statement<'_>) {
    let (start, indent) = draft.program.line_start(statement.node.start_byte());
    let end = statement.node.end_byte();
    let rest = &draft.program.text[end..];
    let line = statement.node.start_position().row;
    if start + indent.len() == statement.node.start_byte() && rest.starts_with('\n') && statement.is_simple {
        draft.edit("delete", line, vec![Edit { range: start..end + 1, text: String::new() }], 1.0);
    }
}

/// A statement changes places with the next one, or goes in or out of the block before it.
fn shift(draft: &mut Draft<'_, '_>, statements: &[Statement<'_>], at: usize) {
    let here = statements[at];
    let line = here.node.start_position().row;
    let text = draft.program.text;
    let Some(next) = statements[at + 1..].iter().find(|other| other.block == here.block) else {
        dedent(draft, &here);
        return;
    };
    if here.is_simple && next.is_simple {
        let edits = vec![
            Edit { range: here.node.byte_range(), text: draft.text(next.node).to_owned() },
            Edit { range: next.node.byte_range(), text: draft.text(here.node).to_owned() },
        ];
        draft.edit("move", line, edits, 1.0);
    } else if next.is_simple && draft.program.kind(here.node) != Some(Kind::Function) {
        // Into the block that ends just before it.
        let inner = statements.iter().rev().find(|inner| {
            inner.is_simple
                && inner.node.end_byte() <= here.node.end_byte()
                && inner.node.start_byte() > here.node.start_byte()
        });
        let (start, indent) = draft.program.line_start(next.node.start_byte());
        if let Some(inner) = inner
            && start + indent.len() == next.node.start_byte()
            && text[next.node.end_byte()..].starts_with('\n')
            && let Some(insert) = beside(draft, inner, Side::After, draft.text(next.node))
        {
            let remove = Edit { range: start..next.node.end_byte() + 1, text: String::new() };
            if insert.range.end <= remove.range.start {
                draft.edit("move", next.node.start_position().row, vec![insert, remove], 1.0);
            }
        }
    }
}

/// The last statement of a block goes behind the statement that the block belongs to.
fn dedent(draft: &mut Draft<'_, '_>, here: &Statement<'_>) {
    let text = draft.program.text;
    let (start, indent) = draft.program.line_start(here.node.start_byte());
    let outer = draft.program.statements.iter().rev().find(|outer| {
        !outer.is_simple
            && outer.node.start_byte() < here.node.start_byte()
            && here.node.end_byte() <= outer.node.end_byte()
    });
    let Some(outer) = outer.copied().filter(|outer| outer.function == here.function && here.is_simple) else { return };
    let end = here.node.end_byte();
    let has_company = children(here.block).filter(|node| draft.program.kind(*node) != Some(Kind::Skip)).count() > 1;
    if !has_company || start + indent.len() != here.node.start_byte() {
        return;
    }
    let line_end = end + text[end..].find('\n').map_or(text.len() - end, |at| at + 1);
    let remove = Edit { range: start..line_end, text: String::new() };
    if let Some(mut insert) = beside(draft, &outer, Side::After, draft.text(here.node)) {
        let line = here.node.start_position().row;
        if insert.range.start < line_end {
            // The block ends with the outer statement: only the indentation changes.
            let (_, outer_indent) = draft.program.line_start(outer.node.start_byte());
            insert = Edit { range: start..here.node.start_byte(), text: outer_indent.to_owned() };
            draft.edit("move", line, vec![insert], 1.0);
        } else {
            draft.edit("move", line, vec![remove, insert], 1.0);
        }
    }
}
