//! Calls: another callee, arguments swapped, dropped and added, a call put around a value or taken away.

use super::{Draft, fill};
use crate::patch::Edit;
use crate::repair::dialect::Kind;
use crate::repair::sites::{Role, Site};

pub(super) fn draft<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    match (site.kind, site.role) {
        (Kind::Call, _) => call(draft, site),
        (Kind::Name | Kind::Attribute, Role::Callee) => callee(draft, site),
        _ => {}
    }
    let is_value = matches!(
        site.kind,
        Kind::Name | Kind::Call | Kind::Attribute | Kind::Index | Kind::Comprehension | Kind::Binary
    );
    if is_value && site.role == Role::Value {
        wrap(draft, site);
    }
}

fn callee<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    let program = draft.program;
    let scope = draft.scope(site);
    let (name, others) = match program.attribute(site.node) {
        Some((_, name)) if site.kind == Kind::Attribute => (name, &scope.methods),
        _ => (site.node, &scope.callees),
    };
    let written = draft.text(name);
    for (one, other) in draft.dialect.callees {
        if *one == written {
            draft.replace("callee", name, *other, 2.0);
        } else if *other == written {
            draft.replace("callee", name, *one, 2.0);
        }
    }
    for other in others {
        draft.replace("callee", name, other.as_str(), 0.6);
    }
}

fn call<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    let program = draft.program;
    let arguments = program.arguments(site.node);
    let line = site.node.start_position().row;
    for (at, one) in arguments.iter().enumerate() {
        for other in &arguments[at + 1..] {
            let edits = vec![
                Edit { range: one.byte_range(), text: draft.text(*other).to_owned() },
                Edit { range: other.byte_range(), text: draft.text(*one).to_owned() },
            ];
            draft.edit("argument order", line, edits, if arguments.len() == 2 { 1.0 } else { 0.7 });
        }
        let text = draft.text(*one);
        if program.kind(*one) != Some(Kind::Keyword) {
            draft.embed("unwrap call", site.node, text, if arguments.len() == 1 { 1.0 } else { 0.5 });
        }
        if arguments.len() > 1 {
            let range = match arguments.get(at + 1) {
                Some(next) => one.start_byte()..next.start_byte(),
                None => arguments[at - 1].end_byte()..one.end_byte(),
            };
            draft.edit("drop argument", line, vec![Edit { range, text: String::new() }], 1.0);
        }
        if arguments.len() <= 2 && program.kind(*one) != Some(Kind::Comprehension) {
            for extra in draft.scope(site).names.iter().filter(|name| name.first < site.node.start_byte()) {
                for text in [format!("{}, {text}", extra.text), format!("{text}, {}", extra.text)] {
                    draft.replace("add argument", *one, text, 0.3);
                }
            }
            draft.replace("add argument", *one, format!("1, {text}"), 0.4);
        }
    }
    if let Some(function) = site.node.child_by_field_name("function")
        && let Some((object, _)) = program.attribute(function)
        && program.kind(function) == Some(Kind::Attribute)
    {
        draft.replace("unwrap call", site.node, draft.text(object), 0.7);
    }
}

fn wrap<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    let own = draft.text(site.node);
    if own.len() > 80 || own.contains('\n') {
        return;
    }
    let scope = draft.scope(site);
    for wrapper in draft.dialect.wrappers {
        let weight = if scope.callees.iter().any(|callee| callee == wrapper) { 1.0 } else { 0.4 };
        draft.replace("wrap call", site.node, format!("{wrapper}({own})"), weight);
    }
    for callee in scope.callees.iter().filter(|callee| !draft.dialect.wrappers.contains(&callee.as_str())) {
        draft.replace("wrap call", site.node, format!("{callee}({own})"), 0.3);
    }
    for method in &scope.methods {
        if super::is_closed(own) {
            draft.replace("wrap call", site.node, format!("{own}.{method}()"), 0.1);
        }
    }
    // A value that is assigned or returned is kept within a bound.
    let parent = site.node.parent().and_then(|parent| Some((parent, draft.program.kind(parent)?)));
    if let Some((parent, Kind::Assign | Kind::Return)) = parent {
        let target = ["left", "name", "pattern"].iter().find_map(|field| parent.child_by_field_name(field));
        let target = target.map(|target| draft.text(target));
        let names =
            scope.names.iter().filter(|name| name.first < site.node.start_byte()).map(|name| name.text.as_str());
        for bound in ["0", "1"].into_iter().chain(names).filter(|bound| *bound != own) {
            for pattern in draft.dialect.extremes {
                let weight = if Some(bound) == target || bound == "0" { 1.0 } else { 0.2 };
                let text = if pattern.starts_with("$a") && !super::is_closed(own) {
                    fill(pattern, &format!("({own})"), bound)
                } else {
                    fill(pattern, own, bound)
                };
                draft.replace("extreme", site.node, text, weight);
            }
        }
    }
}
