//! Conditions: negated, widened, narrowed, guarded against what is absent, or another one.

use super::{Draft, is_closed};
use crate::repair::dialect::Kind;
use crate::repair::scope::{Name, Scope};
use crate::repair::sites::{Role, Site, children};

pub(super) fn draft<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>) {
    if !site.is_condition || site.role != Role::Value {
        return;
    }
    let own = draft.text(site.node);
    if own.contains('\n') || own.len() > 120 {
        return;
    }
    let dialect = draft.dialect;
    let scope = draft.scope(site);
    let is_logic = draft
        .program
        .operands(site.node)
        .is_some_and(|(_, operator, _)| site.kind == Kind::Binary && dialect.logic.contains(&draft.text(operator)));
    if site.kind != Kind::Not {
        let negated = if is_closed(own) { format!("{}{own}", dialect.not) } else { format!("{}({own})", dialect.not) };
        draft.replace("negate", site.node, negated, 1.0);
    }
    let [and, or] = dialect.logic;
    // `a or b and c` is read as people mean it only with parentheses.
    let joined = |operator: &str| if is_logic && !own.contains(operator) { format!("({own})") } else { own.to_owned() };
    guard(draft, site, &joined(and), &joined(or));
    for (extra, weight) in tests(scope, site.node.start_byte(), dialect.not, dialect.nothing) {
        if extra == own {
            continue;
        }
        draft.replace("widen condition", site.node, format!("{} {or} {extra}", joined(or)), weight);
        draft.replace("widen condition", site.node, format!("{} {and} {extra}", joined(and)), weight);
        draft.replace("condition", site.node, extra, weight);
    }
    for other in scope.expressions.iter().filter(|other| other.is_condition && other.text != own) {
        let compound = dialect.logic.iter().any(|operator| other.text.contains(operator));
        let extra = if compound { format!("({})", other.text) } else { other.text.clone() };
        draft.replace("widen condition", site.node, format!("{} {or} {extra}", joined(or)), 0.5);
        draft.replace("widen condition", site.node, format!("{} {and} {extra}", joined(and)), 0.5);
        draft.replace("condition", site.node, other.text.as_str(), 0.5);
    }
    if site.kind != Kind::Truth {
        draft.replace("condition", site.node, dialect.truth[0], 0.2);
        draft.replace("condition", site.node, dialect.truth[1], 0.2);
    }
}

/// What could be asked of the variables in scope, with how likely each question is.
pub(super) fn tests(scope: &Scope, at: usize, not: &str, nothing: [&str; 3]) -> Vec<(String, f32)> {
    let mut tests = Vec::new();
    let names: Vec<&Name> = scope.names.iter().filter(|name| name.first <= at).collect();
    let is = |name: &Name, kinds: &[&str]| {
        name.kinds.is_empty() || name.kinds.iter().any(|kind| kinds.contains(&kind.as_str()))
    };
    let numbers = ["int", "float", "number"];
    for name in &names {
        let text = &name.text;
        // Where truth is of any type, a variable is a condition by itself.
        if !nothing[0].is_empty() {
            let weight = if is(name, &numbers) && !name.kinds.is_empty() { 0.4 } else { 1.0 };
            tests.push((text.clone(), weight));
            tests.push((format!("{not}{text}"), weight));
            if !is(name, &["int", "float", "list", "dict", "set", "str"]) || name.kinds.is_empty() {
                tests.push((format!("{text}{}", nothing[1]), 0.5));
                tests.push((format!("{text}{}", nothing[2]), 0.5));
            }
        }
        if is(name, &numbers) {
            for test in ["== 0", "> 0", "< 0", "== 1"] {
                tests.push((format!("{text} {test}"), 0.3));
            }
        }
    }
    let numeric: Vec<&&Name> = names.iter().filter(|name| is(name, &numbers)).take(8).collect();
    for one in &numeric {
        for other in numeric.iter().filter(|other| other.text != one.text) {
            for operator in ["<", "<=", "=="] {
                tests.push((format!("{} {operator} {}", one.text, other.text), 0.15));
            }
        }
    }
    tests
}

/// What is looked into must be there: `x is None or …`, `x is not None and …`.
fn guard<'t>(draft: &mut Draft<'_, 't>, site: &Site<'t>, and_own: &str, or_own: &str) {
    let dialect = draft.dialect;
    let [_, absent, present] = dialect.nothing;
    if absent.is_empty() {
        return;
    }
    let mut objects: Vec<&str> = Vec::new();
    let mut waiting = vec![site.node];
    while let Some(node) = waiting.pop() {
        let object = match draft.program.kind(node) {
            Some(Kind::Attribute) => draft.program.attribute(node).map(|(object, _)| object),
            Some(Kind::Index) => node.named_child(0),
            _ => None,
        };
        if let Some(object) = object.map(|object| draft.text(object)).filter(|object| !objects.contains(object)) {
            objects.push(object);
        }
        waiting.extend(children(node));
    }
    let [and, or] = dialect.logic;
    for object in objects {
        draft.replace("guard", site.node, format!("{object}{absent} {or} {or_own}"), 1.0);
        draft.replace("guard", site.node, format!("{object}{present} {and} {and_own}"), 1.0);
        draft.replace("guard", site.node, format!("{}{object} {or} {or_own}", dialect.not), 0.6);
        draft.replace("guard", site.node, format!("{object} {and} {and_own}"), 0.6);
    }
}
