//! Literals: another number, the other truth, a container with an element more, a value in place of a constant.

use super::Draft;
use super::conditions::tests;
use crate::repair::dialect::Kind;
use crate::repair::sites::{Role, Site};

pub(super) fn draft<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    if site.role != Role::Value {
        return;
    }
    let scope = draft.scope(site);
    let own = draft.text(site.node);
    let before = site.node.start_byte();
    let names: Vec<&str> =
        scope.names.iter().filter(|name| name.first < before).map(|name| name.text.as_str()).collect();
    match site.kind {
        Kind::Integer => {
            if let Ok(number) = own.replace('_', "").parse::<i128>() {
                for (other, weight) in [(number + 1, 1.5), (number - 1, 1.5), (0, 0.6), (1, 0.6), (2, 0.4)] {
                    let text = if other < 0 { format!("{other}") } else { other.to_string() };
                    draft.embed("literal", site.node, &text, weight);
                }
                draft.embed("literal", site.node, &format!("-{number}"), 0.4);
            }
            for other in &scope.integers {
                draft.replace("literal", site.node, other.as_str(), 0.5);
            }
            for name in names {
                draft.replace("literal", site.node, name, 0.3);
            }
        }
        Kind::Float => {
            for other in ["0.0", "1.0", "2.0", "0.5"] {
                draft.replace("literal", site.node, other, 0.5);
            }
        }
        Kind::Text => {
            let texts =
                draft.program.sites.iter().filter(|other| other.kind == Kind::Text && other.function == site.function);
            let texts: Vec<&str> =
                texts.map(|other| draft.text(other.node)).filter(|text| text.len() < 40).take(12).collect();
            if own.len() < 40 {
                for other in texts {
                    draft.replace("literal", site.node, other, 0.3);
                }
                draft.replace("literal", site.node, "\"\"", 0.2);
                draft.replace("literal", site.node, "\" \"", 0.2);
            }
        }
        Kind::Truth => truth(draft, site),
        Kind::Nothing => {
            for name in names.into_iter().chain(draft.dialect.truth).chain(["0"]) {
                draft.replace("literal", site.node, name, 0.5);
            }
        }
        Kind::List => container(draft, site, &names),
        _ => {}
    }
}

fn truth<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    let [yes, no] = draft.dialect.truth;
    let own = draft.text(site.node);
    draft.replace("truth", site.node, if own == yes { no } else { yes }, 2.0);
    let scope = draft.scope(site);
    for (test, weight) in tests(scope, site.node.start_byte(), draft.dialect.not, draft.dialect.nothing) {
        draft.replace("truth", site.node, test, weight * 0.5);
    }
    for other in scope.expressions.iter().filter(|other| other.is_condition) {
        draft.replace("truth", site.node, other.text.as_str(), 0.5);
    }
}

fn container<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>, names: &[&str]) {
    let own = draft.text(site.node);
    if own.contains('\n') || own.len() > 60 {
        return;
    }
    let inner = own.trim_start_matches('[').trim_end_matches(']').trim();
    if inner.is_empty() {
        draft.replace("container", site.node, "[[]]", 1.0);
        for name in names {
            draft.replace("container", site.node, format!("[{name}]"), 1.0);
            draft.replace("literal", site.node, *name, 0.4);
        }
        for value in ["0", "1", draft.dialect.nothing[0]].into_iter().filter(|value| !value.is_empty()) {
            draft.replace("container", site.node, format!("[{value}]"), 0.4);
        }
    } else {
        draft.replace("container", site.node, "[]", 0.8);
        draft.replace("container", site.node, format!("[{own}]"), 0.3);
        if site.node.named_child_count() == 1 {
            draft.embed("container", site.node, inner, 0.3);
        }
    }
}
