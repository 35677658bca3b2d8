//! What an edit can be built from: the names, expressions and statements of the function around it.

use std::collections::{BTreeMap, BTreeSet};

use super::dialect::Kind;
use super::judge::Trace;
use super::sites::{Program, Role, children};

/// A variable.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Name {
    /// As written.
    pub text: String,
    /// The first byte where it stands in the function.
    pub first: usize,
    /// Whether its value is ever used; one that is not was probably meant to be.
    pub is_read: bool,
    /// The types of its values, where a trace shows them.
    pub kinds: BTreeSet<String>,
}

/// An expression of the function.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expression {
    /// As written, on one line.
    pub text: String,
    /// What it is.
    pub kind: Kind,
    /// The first byte where it stands.
    pub first: usize,
    /// Whether its truth decides something somewhere.
    pub is_condition: bool,
}

/// The ingredients of one function.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Scope {
    pub names: Vec<Name>,
    pub expressions: Vec<Expression>,
    /// Names that are called.
    pub callees: Vec<String>,
    /// Names that are called as methods.
    pub methods: Vec<String>,
    /// Names of attributes that are read.
    pub attributes: Vec<String>,
    /// Whole numbers.
    pub integers: Vec<String>,
}

/// Most names and expressions that a scope keeps.
const MOST: usize = 40;

/// The scope of every function of the program.
pub(super) fn scopes(program: &Program<'_>, trace: &Trace) -> Vec<Scope> {
    let mut scopes: Vec<Scope> = (0..program.functions.len()).map(|at| own(program, at, trace)).collect();
    for at in 1..scopes.len() {
        // An inner function sees the outer one's names; the file's only where it already uses them.
        let outer = program.functions[at].outer.unwrap_or(0);
        let (before, after) = scopes.split_at_mut(at);
        let (outer_scope, scope) = (&before[outer], &mut after[0]);
        for callee in &outer_scope.callees {
            add(&mut scope.callees, callee);
        }
        for method in &outer_scope.methods {
            add(&mut scope.methods, method);
        }
        for attribute in &outer_scope.attributes {
            add(&mut scope.attributes, attribute);
        }
        if outer != 0 {
            for name in &outer_scope.names {
                if scope.names.len() < MOST && !scope.names.iter().any(|known| known.text == name.text) {
                    scope.names.push(name.clone());
                }
            }
        }
        for attribute in &trace.attributes {
            if scope.attributes.len() < MOST {
                add(&mut scope.attributes, attribute);
            }
        }
    }
    scopes
}

fn own(program: &Program<'_>, function: usize, trace: &Trace) -> Scope {
    let mut scope = Scope::default();
    let mut names: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    let node = program.functions[function].node;
    if function != 0 {
        if let Some(parameters) = node.child_by_field_name("parameters") {
            parameter_names(program, parameters, &mut names, 0);
        }
        if let Some(name) = node.child_by_field_name("name") {
            add(&mut scope.callees, program.text_of(name));
        }
    } else {
        for function in program.functions.iter().skip(1) {
            if let Some(name) = function.node.child_by_field_name("name") {
                add(&mut scope.callees, program.text_of(name));
            }
        }
    }
    for site in program.sites.iter().filter(|site| site.function == function) {
        let text = program.text_of(site.node);
        match (site.kind, site.role) {
            (Kind::Name, Role::Callee) => add(&mut scope.callees, text),
            (Kind::Name, role) => {
                let (_, is_read) = names.entry(text).or_insert((site.node.start_byte(), false));
                *is_read |= role == Role::Value;
            }
            (Kind::Attribute, role) => {
                if let Some((_, name)) = program.attribute(site.node) {
                    let list = if role == Role::Callee { &mut scope.methods } else { &mut scope.attributes };
                    add(list, program.text_of(name));
                }
            }
            (Kind::Integer, _) => add(&mut scope.integers, text),
            _ => {}
        }
        let is_expression = matches!(
            site.kind,
            Kind::Binary | Kind::Call | Kind::Attribute | Kind::Index | Kind::Not | Kind::List | Kind::Tuple
        );
        let is_short = text.len() <= 60 && !text.contains('\n');
        if is_expression && is_short && site.role != Role::Callee && scope.expressions.len() < MOST {
            match scope.expressions.iter_mut().find(|known| known.text == text) {
                Some(known) => known.is_condition |= site.is_condition,
                None => scope.expressions.push(Expression {
                    text: text.to_owned(),
                    kind: site.kind,
                    first: site.node.start_byte(),
                    is_condition: site.is_condition,
                }),
            }
        }
    }
    let kinds = |name: &str| trace.kinds.get(name).cloned().unwrap_or_default();
    scope.names = names
        .into_iter()
        .map(|(text, (first, is_read))| Name { text: text.to_owned(), first, is_read, kinds: kinds(text) })
        .collect();
    scope.names.sort_by_key(|name| name.first);
    scope.names.truncate(MOST);
    scope
}

fn parameter_names<'t>(
    program: &Program<'t>,
    node: baton_grammars::Node<'t>,
    names: &mut BTreeMap<&'t str, (usize, bool)>,
    depth: usize,
) {
    for child in children(node) {
        if program.kind(child) == Some(Kind::Name) {
            names.entry(program.text_of(child)).or_insert((child.start_byte(), false));
            if node.kind().contains("default") {
                return;
            }
        } else if depth < 3 && !child.kind().contains("type") {
            parameter_names(program, child, names, depth + 1);
        }
    }
}

fn add(list: &mut Vec<String>, text: &str) {
    if list.len() < 2 * MOST && !list.iter().any(|known| known == text) {
        list.push(text.to_owned());
    }
}
