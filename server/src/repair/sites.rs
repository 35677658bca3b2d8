//! The places of a program where an edit could be made: a walk over the tree, in the words of the [`Dialect`].

use baton_grammars::{Node, Tree};

use super::dialect::{Dialect, Kind};

/// How an expression is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It is read.
    Value,
    /// It is called.
    Callee,
    /// It is assigned to.
    Target,
}

/// One place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'t> {
    /// The node.
    pub node: Node<'t>,
    /// What it is.
    pub kind: Kind,
    /// How it is used.
    pub role: Role,
    /// Whether its truth decides something.
    pub is_condition: bool,
    /// The function around it: an index into [`Program::functions`]; 0 is the file itself.
    pub function: usize,
}

/// A function; the first one is the file itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function<'t> {
    /// Its node.
    pub node: Node<'t>,
    /// The function around it.
    pub outer: Option<usize>,
}

/// A statement in a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement<'t> {
    /// Its node.
    pub node: Node<'t>,
    /// The block.
    pub block: Node<'t>,
    /// The function around it.
    pub function: usize,
    /// Whether it holds no other statement.
    pub is_simple: bool,
}

/// A program as a list of places.
pub(super) struct Program<'t> {
    pub text: &'t str,
    pub dialect: &'static Dialect,
    pub sites: Vec<Site<'t>>,
    pub functions: Vec<Function<'t>>,
    pub statements: Vec<Statement<'t>>,
}

#[derive(Clone, Copy)]
struct Context {
    role: Role,
    is_condition: bool,
    function: usize,
}

impl<'t> Program<'t> {
    /// Reads a tree of `text`. Tests inside the file are left out.
    pub fn new(text: &'t str, tree: &'t Tree, dialect: &'static Dialect) -> Self {
        let functions = vec![Function { node: tree.root_node(), outer: None }];
        let mut program = Self { text, dialect, sites: Vec::new(), functions, statements: Vec::new() };
        let context = Context { role: Role::Value, is_condition: false, function: 0 };
        program.visit(tree.root_node(), context, 0);
        program
    }

    /// The text of a node.
    pub fn text_of(&self, node: Node<'_>) -> &'t str {
        &self.text[node.byte_range()]
    }

    /// What a node is.
    pub fn kind(&self, node: Node<'_>) -> Option<Kind> {
        self.dialect.kind(node.kind())
    }

    /// The parts of a binary expression with exactly two operands.
    pub fn operands(&self, node: Node<'t>) -> Option<(Node<'t>, Node<'t>, Node<'t>)> {
        let (left, right) = (node.named_child(0)?, node.named_child(1)?);
        if node.named_child_count() != 2 {
            return None;
        }
        let operator = operators(node).next()?;
        Some((left, operator, right))
    }

    /// The arguments of a call, without comments and keywords.
    pub fn arguments(&self, call: Node<'t>) -> Vec<Node<'t>> {
        let Some(list) = call.child_by_field_name("arguments") else { return Vec::new() };
        if self.kind(list) == Some(Kind::Comprehension) {
            return vec![list];
        }
        children(list).filter(|node| self.kind(*node) != Some(Kind::Skip)).collect()
    }

    /// The object and the name of an attribute.
    pub fn attribute(&self, node: Node<'t>) -> Option<(Node<'t>, Node<'t>)> {
        let object = node.child_by_field_name("object").or_else(|| node.child_by_field_name("value"))?;
        let name = ["attribute", "property", "field"].iter().find_map(|field| node.child_by_field_name(field))?;
        Some((object, name))
    }

    /// The byte where the line of `byte` starts, and the indentation there.
    pub fn line_start(&self, byte: usize) -> (usize, &'t str) {
        let start = self.text[..byte].rfind('\n').map_or(0, |at| at + 1);
        let line = &self.text[start..];
        (start, &line[..line.len() - line.trim_start_matches([' ', '\t']).len()])
    }

    /// The text of a condition without the parentheses that some languages want around it.
    fn condition(&self, node: Node<'t>) -> Option<Node<'t>> {
        let condition = match self.kind(node) {
            Some(Kind::Guard) => node.named_child(0)?,
            // Python's has no field names: value, condition, alternative.
            Some(Kind::Conditional) => node.child_by_field_name("condition").or_else(|| node.named_child(1))?,
            _ => node.child_by_field_name("condition")?,
        };
        let bare = if self.kind(condition) == Some(Kind::Parens) { condition.named_child(0)? } else { condition };
        Some(bare)
    }

    fn visit(&mut self, node: Node<'t>, context: Context, depth: usize) {
        if depth > 200 || node.is_error() || node.is_missing() || self.is_test(node) {
            return;
        }
        let kind = self.kind(node);
        let mut inside = Context { is_condition: false, role: Role::Value, ..context };
        match kind {
            Some(Kind::Skip | Kind::Parameters) => return,
            Some(Kind::Function) => {
                self.functions.push(Function { node, outer: Some(context.function) });
                inside.function = self.functions.len() - 1;
            }
            Some(kind) => self.sites.push(Site {
                node,
                kind,
                role: context.role,
                is_condition: context.is_condition,
                function: context.function,
            }),
            None => {}
        }
        let condition = match kind {
            Some(Kind::Branch | Kind::Guard | Kind::Conditional) => self.condition(node),
            _ => None,
        };
        let target = match kind {
            Some(Kind::Assign | Kind::Augmented | Kind::For) => {
                ["left", "name", "pattern"].iter().find_map(|field| node.child_by_field_name(field))
            }
            _ => None,
        };
        if matches!(kind, None | Some(Kind::Tuple | Kind::List)) && context.role == Role::Target {
            inside.role = Role::Target;
        }
        let callee = (kind == Some(Kind::Call)).then(|| node.child_by_field_name("function")).flatten();
        // Names that are declared or that label something are not expressions.
        let labels = ["name", "attribute", "property", "field", "macro", "parameter", "type", "return_type"]
            .map(|field| node.child_by_field_name(field).filter(|child| target != Some(*child)));
        let mut cursor = node.walk();
        let below: Vec<Node<'t>> = node.named_children(&mut cursor).collect();
        for child in below {
            if labels.contains(&Some(child)) {
                continue;
            }
            let mut context = inside;
            if kind == Some(Kind::Block) && self.kind(child) != Some(Kind::Skip) {
                let is_simple = !self.holds_block(child, 0);
                self.statements.push(Statement { node: child, block: node, function: context.function, is_simple });
            }
            if condition == Some(child) {
                context.is_condition = true;
            } else if self.kind(child) == Some(Kind::Parens) && condition.is_some_and(|c| c.parent() == Some(child)) {
                // `if (condition)`: the parentheses belong to the statement.
                let bare = condition.expect("looked at in this arm");
                self.visit(bare, Context { is_condition: true, ..context }, depth + 2);
                continue;
            }
            if target == Some(child) {
                context.role = Role::Target;
            }
            if callee == Some(child) {
                context.role = Role::Callee;
            }
            self.visit(child, context, depth + 1);
        }
    }

    /// Whether a node is a test within the program's own file, or its entry point.
    fn is_test(&self, node: Node<'_>) -> bool {
        let tests = self.dialect.tests;
        let named = |name: &str| tests.iter().any(|test| name == *test || (test.len() > 4 && name.starts_with(test)));
        if self.kind(node) == Some(Kind::Function) || node.kind().starts_with("class") || node.kind() == "mod_item" {
            if node.child_by_field_name("name").is_some_and(|name| named(self.text_of(name))) {
                return true;
            }
            let before = node.prev_named_sibling().filter(|before| before.kind() == "attribute_item");
            return before.is_some_and(|attribute| self.text_of(attribute).contains("test"));
        }
        if node.kind() == "if_statement" {
            let condition = node.child_by_field_name("condition");
            return condition.is_some_and(|condition| self.text_of(condition).contains("__main__"));
        }
        if self.kind(node) == Some(Kind::Call) {
            let callee = node.child_by_field_name("function");
            return callee.is_some_and(|callee| self.kind(callee) == Some(Kind::Name) && named(self.text_of(callee)));
        }
        false
    }

    fn holds_block(&self, node: Node<'t>, depth: usize) -> bool {
        if depth > 12 {
            return false;
        }
        matches!(self.kind(node), Some(Kind::Block | Kind::Function))
            || children(node).any(|child| self.holds_block(child, depth + 1))
    }
}

/// The operator tokens of an expression.
pub(super) fn operators<'t>(node: Node<'t>) -> impl Iterator<Item = Node<'t>> {
    (0..node.child_count())
        .filter_map(move |at| node.child(at))
        .filter(|child| !child.is_named() && !matches!(child.kind(), "(" | ")" | "," | "[" | "]" | ":" | ";"))
}

/// The named children of a node.
pub(super) fn children<'t>(node: Node<'t>) -> impl Iterator<Item = Node<'t>> {
    (0..node.named_child_count() as u32).filter_map(move |at| node.named_child(at))
}
