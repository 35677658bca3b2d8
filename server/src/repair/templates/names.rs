//! Names, attributes and whole expressions: another one that is in scope, or the same one combined.

use super::Draft;
use crate::repair::dialect::Kind;
use crate::repair::scope::{Name, Scope};
use crate::repair::sites::{Role, Site};

pub(super) fn draft<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    if site.role == Role::Callee {
        return;
    }
    match site.kind {
        Kind::Name => {
            rename(draft, site);
            if site.role == Role::Value {
                to_expression(draft, site);
                combine(draft, site);
            }
        }
        Kind::Attribute | Kind::Index | Kind::Call | Kind::Binary => {
            if site.kind == Kind::Attribute {
                attribute(draft, site);
            }
            if site.role == Role::Value {
                to_name(draft, site);
                combine(draft, site);
            }
            to_expression(draft, site);
        }
        Kind::Comprehension | Kind::List if site.role == Role::Value => combine(draft, site),
        _ => {}
    }
}

/// How well one name could stand for another.
fn likeness(scope: &Scope, own: &str, other: &Name, at: usize) -> f32 {
    let known = scope.names.iter().find(|name| name.text == own).map(|name| &name.kinds);
    let kinds = match known {
        Some(kinds) if !kinds.is_empty() && !other.kinds.is_empty() => {
            if kinds.is_disjoint(&other.kinds) {
                0.3
            } else {
                1.5
            }
        }
        _ => 1.0,
    };
    let order = if other.first <= at { 1.0 } else { 0.4 };
    let stem = own.len().min(other.text.len()).min(3);
    let alike = own.get(..stem).is_some_and(|start| stem > 1 && other.text.starts_with(start));
    kinds * order * neglect(other) * if alike { 1.5 } else { 1.0 }
}

/// A variable that is set and never used was meant to be used somewhere.
fn neglect(name: &Name) -> f32 {
    if name.is_read { 1.0 } else { 4.0 }
}

fn rename<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    let scope = draft.scope(site);
    let own = draft.text(site.node);
    let template = if site.role == Role::Target { "target" } else { "name" };
    let beside = site
        .node
        .parent()
        .and_then(|parent| draft.program.operands(parent))
        .map(|(left, _, right)| draft.text(if left == site.node { right } else { left }));
    for other in &scope.names {
        // `a < a` says nothing.
        let sense = if beside == Some(other.text.as_str()) { 0.1 } else { 1.0 };
        let weight = sense * likeness(scope, own, other, site.node.start_byte());
        draft.replace(template, site.node, other.text.as_str(), weight);
    }
}

fn to_name<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    let own = draft.text(site.node);
    for other in &draft.scope(site).names {
        if other.first <= site.node.start_byte() {
            let weight = if own.contains(&other.text) { 1.0 } else { 0.6 };
            draft.replace("expression", site.node, other.text.as_str(), weight * neglect(other));
        }
    }
}

fn to_expression<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    let own = draft.text(site.node);
    let start: String = own.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    for other in &draft.scope(site).expressions {
        if other.kind == Kind::Tuple
            || (site.role == Role::Target && !matches!(other.kind, Kind::Index | Kind::Attribute))
        {
            continue;
        }
        // What contains the place itself is a combination, and comes from elsewhere.
        let weight = match (site.kind == other.kind, other.text.starts_with(&start) && !start.is_empty()) {
            _ if other.text == own => 0.0,
            (true, true) => 1.2,
            (true, false) => 0.8,
            (false, true) => 0.5,
            (false, false) => 0.25,
        };
        let template = if site.role == Role::Target { "target" } else { "expression" };
        draft.embed(template, site.node, &other.text, weight);
    }
}

fn attribute<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    let Some((object, name)) = draft.program.attribute(site.node) else { return };
    for other in &draft.scope(site).attributes {
        draft.replace("attribute", name, other.as_str(), 1.0);
    }
    if draft.program.kind(object) == Some(Kind::Name) {
        draft.replace("attribute", site.node, draft.text(object), 0.5);
    }
}

/// The expression with one more operand: plus or minus one or a variable, doubled, squared.
fn combine<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    let scope = draft.scope(site);
    let own = draft.text(site.node);
    if own.len() > 60 || own.contains('\n') {
        return;
    }
    let is_number = |kinds: &std::collections::BTreeSet<String>| {
        kinds.is_empty() || kinds.iter().any(|kind| matches!(kind.as_str(), "int" | "float" | "number" | "bool"))
    };
    let is_sequence = |kinds: &std::collections::BTreeSet<String>| {
        kinds.iter().any(|kind| matches!(kind.as_str(), "list" | "str" | "tuple" | "Array" | "string"))
    };
    let known = scope.names.iter().find(|name| name.text == own);
    let is_list = matches!(site.kind, Kind::Comprehension | Kind::List);
    let numeric = !is_list && known.is_none_or(|name| is_number(&name.kinds));
    if numeric {
        // A call's or an element's value is a number less often than a counter is.
        let weight = match site.kind {
            Kind::Name => 1.0,
            Kind::Call | Kind::Index => 0.8,
            _ => 0.5,
        };
        draft.embed("off by one", site.node, &format!("{own} + 1"), weight);
        draft.embed("off by one", site.node, &format!("{own} - 1"), weight);
        if matches!(site.kind, Kind::Name | Kind::Attribute | Kind::Index) {
            draft.embed("combine", site.node, &format!("{own} * {own}"), 0.8);
            draft.embed("combine", site.node, &format!("{own} * 2"), 0.4);
        }
    }
    for other in scope.names.iter().filter(|name| name.first <= site.node.start_byte() && name.text != own) {
        let name = &other.text;
        if is_sequence(&other.kinds) {
            if known.is_none_or(|known| !known.kinds.is_disjoint(&other.kinds)) {
                draft.embed("combine", site.node, &format!("{own} + {name}"), 0.5);
                draft.embed("combine", site.node, &format!("{name} + {own}"), 0.5);
            }
        } else if numeric && is_number(&other.kinds) {
            draft.embed("combine", site.node, &format!("{own} + {name}"), 0.5);
            draft.embed("combine", site.node, &format!("{own} - {name}"), 0.5);
            draft.embed("combine", site.node, &format!("{own} * {name}"), 0.2);
        }
    }
}
