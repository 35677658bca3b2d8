//! Indices, slices and the order of elements.

use super::{Draft, fill, is_closed};
use crate::patch::Edit;
use crate::repair::dialect::Kind;
use crate::repair::sites::{Role, Site, children};

pub(super) fn draft<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    match site.kind {
        Kind::Index => {
            elements(draft, site, 1);
            if let (Role::Value, Some(object)) = (site.role, site.node.named_child(0)) {
                draft.replace("drop index", site.node, draft.text(object), 1.0);
            }
        }
        Kind::Tuple | Kind::List => elements(draft, site, 0),
        Kind::Slice => bounds(draft, site),
        _ => {}
    }
    if matches!(site.kind, Kind::Name | Kind::Attribute | Kind::Call) && site.role == Role::Value {
        cut(draft, site);
    }
}

/// Neighbouring elements change places.
fn elements<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>, from: usize) {
    let parts: Vec<_> =
        children(site.node).skip(from).filter(|part| draft.program.kind(*part) != Some(Kind::Skip)).collect();
    if parts.len() > 6 {
        return;
    }
    for (at, one) in parts.iter().enumerate() {
        for other in &parts[at + 1..] {
            let edits = vec![
                Edit { range: one.byte_range(), text: draft.text(*other).to_owned() },
                Edit { range: other.byte_range(), text: draft.text(*one).to_owned() },
            ];
            draft.edit("element order", site.node.start_position().row, edits, 1.0);
        }
    }
}

/// A bound goes away or comes.
fn bounds<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    let written = draft.text(site.node);
    let mut parts = written.splitn(3, ':');
    let (Some(from), Some(to), None) = (parts.next(), parts.next(), parts.next()) else { return };
    if from.contains(['(', '[']) || to.contains(['(', '[']) {
        return;
    }
    let (from, to) = (from.trim(), to.trim());
    let mut offer =
        |from: &str, to: &str, weight: f32| draft.replace("slice", site.node, format!("{from}:{to}"), weight);
    offer(to, from, 0.5);
    for (from, to) in [("", to), (from, "")] {
        offer(from, to, 0.7);
    }
    for (from, to) in [("1", to), (from, "-1")] {
        offer(from, to, 0.5);
    }
    for name in draft.scope(site).names.iter().map(|name| name.text.as_str()) {
        for (from, to) in [(name, to), (from, name)] {
            draft.replace("slice", site.node, format!("{from}:{to}"), 0.3);
        }
    }
}

/// Only a part of a sequence.
fn cut<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    let own = draft.text(site.node);
    let scope = draft.scope(site);
    let known = scope.names.iter().find(|name| name.text == own);
    let sliceable = |kind: &String| matches!(kind.as_str(), "list" | "str" | "tuple" | "bytes" | "Array" | "string");
    let weight = match known {
        Some(name) if !name.kinds.is_empty() => {
            if name.kinds.iter().any(sliceable) {
                1.0
            } else {
                0.0
            }
        }
        _ => 0.3,
    };
    if weight == 0.0 || !is_closed(own) || own.contains('\n') {
        return;
    }
    let integers = scope.names.iter().filter(|name| {
        name.first < site.node.start_byte() && name.text != own && (name.kinds.is_empty() || name.kinds.contains("int"))
    });
    let bounds: Vec<&str> = ["1", "-1"].into_iter().chain(integers.map(|name| name.text.as_str())).collect();
    for pattern in draft.dialect.slices {
        for bound in &bounds {
            draft.replace("slice", site.node, fill(pattern, own, bound), weight * 0.8);
        }
    }
    if draft.dialect.slices[0].ends_with(":]") {
        draft.replace("slice", site.node, format!("{own}[::-1]"), weight * 0.4);
        draft.replace("slice", site.node, format!("{own}[:]"), weight * 0.2);
    }
}
