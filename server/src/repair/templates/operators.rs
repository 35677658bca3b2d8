//! Operators: one for another, operands swapped or dropped.

use super::Draft;
use crate::patch::Edit;
use crate::repair::dialect::Kind;
use crate::repair::sites::{Site, operators};

pub(super) fn draft<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    match site.kind {
        Kind::Binary => binary(draft, site),
        Kind::Augmented | Kind::Slice | Kind::Unary => swap(draft, site),
        Kind::Not => draft.replace("negate", site.node, draft.text(site.node.named_child(0).unwrap_or(site.node)), 1.0),
        _ => {}
    }
}

fn swap<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    for operator in operators(site.node) {
        let written = draft.text(operator);
        let Some(family) = draft.dialect.family(written) else { continue };
        let template = match site.kind {
            Kind::Augmented => "assignment operator",
            _ if draft.dialect.compare.contains(&written) => "comparison",
            _ if draft.dialect.logic.contains(&written) => "logic",
            _ => "arithmetic",
        };
        for other in family.iter().filter(|other| **other != written) {
            let weight = if draft.dialect.is_close(written, other) { 2.0 } else { 0.5 };
            draft.replace(template, operator, *other, weight);
        }
    }
}

fn binary<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    swap(draft, site);
    let program = draft.program;
    let Some((left, operator, right)) = program.operands(site.node) else { return };
    let (a, op, b) = (draft.text(left), draft.text(operator), draft.text(right));
    if draft.dialect.compare.contains(&op) {
        // A wrong bound is often wrong by the operator and by one: `== 0` for `<= 1`.
        if program.kind(right) == Some(Kind::Integer)
            && let Ok(number) = b.parse::<i64>()
        {
            for other in ["<", "<=", ">", ">="].iter().filter(|other| **other != op) {
                for near in [number + 1, number - 1].into_iter().filter(|near| *near >= 0) {
                    draft.embed("bound", site.node, &format!("{a} {other} {near}"), 1.0);
                }
            }
        }
        return;
    }
    let is_logic = draft.dialect.logic.contains(&op);
    if op != "*" {
        let edits = vec![
            Edit { range: left.byte_range(), text: b.to_owned() },
            Edit { range: right.byte_range(), text: a.to_owned() },
        ];
        draft.edit("operand order", site.node.start_position().row, edits, if is_logic { 0.2 } else { 1.0 });
    }
    draft.replace("drop operand", site.node, a, 1.0);
    draft.replace("drop operand", site.node, b, 1.0);
}
