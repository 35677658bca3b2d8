//! What the templates must know of a language: its node kinds and its words. One table a language.

use baton_grammars::Language;

/// What a node is, in terms that the templates understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A named function or method.
    Function,
    /// Parameters of a function; defaults in them are not changed.
    Parameters,
    /// Statements in order.
    Block,
    /// Two operands (or a chain of them) with operators between.
    Binary,
    /// Logical negation.
    Not,
    /// Another prefix operator.
    Unary,
    /// A call; its parts are the fields `function` and `arguments`.
    Call,
    /// `object.name`.
    Attribute,
    /// `object[index]`.
    Index,
    /// `from:to` in an index, or a range.
    Slice,
    /// A variable's name.
    Name,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Float,
    /// A string.
    Text,
    /// True or false.
    Truth,
    /// The absence of a value.
    Nothing,
    /// A list or an array.
    List,
    /// A tuple, with or without parentheses.
    Tuple,
    /// An expression in parentheses.
    Parens,
    /// `a if condition else b`.
    Conditional,
    /// An assignment or a declaration with a value.
    Assign,
    /// An assignment that also computes, such as `+=`.
    Augmented,
    /// `return value`.
    Return,
    /// `yield value`.
    Yield,
    /// A statement (or expression) with a `condition`: if, while.
    Branch,
    /// The condition at the end of a comprehension.
    Guard,
    /// A loop over a value.
    For,
    /// An expression as a statement.
    Statement,
    /// A comprehension or generator.
    Comprehension,
    /// `name=value` among arguments.
    Keyword,
    /// Nothing in here is changed: comments, imports, types.
    Skip,
}

/// One language.
pub(super) struct Dialect {
    /// Node kinds of the grammar.
    pub kinds: &'static [(&'static str, Kind)],
    /// Operators that may stand for one another; neighbours in a family are the likelier mistakes.
    pub families: &'static [&'static [&'static str]],
    /// Pairs of operators that are confused most.
    pub close: &'static [(&'static str, &'static str)],
    /// Operators that compare.
    pub compare: &'static [&'static str],
    /// Logical operators: and, or.
    pub logic: [&'static str; 2],
    /// What negates an expression, before it.
    pub not: &'static str,
    /// True and false.
    pub truth: [&'static str; 2],
    /// Absence of a value, and what follows a value to test for it and for its opposite; empty where unused.
    pub nothing: [&'static str; 3],
    /// Functions and methods that are confused.
    pub callees: &'static [(&'static str, &'static str)],
    /// Functions that may wrap any value.
    pub wrappers: &'static [&'static str],
    /// The larger and the smaller of two values; `$a` and `$b` are the values.
    pub extremes: &'static [&'static str],
    /// Methods that add an element, with the (runtime) types of collections that have them.
    pub adders: &'static [(&'static str, &'static [&'static str])],
    /// Slices of a value `$a` from and up to a bound `$b`.
    pub slices: &'static [&'static str],
    /// Names that begin like this are tests or their parts.
    pub tests: &'static [&'static str],
    /// A guard clause: `$c` is the condition, `$s` the statement.
    pub guard: &'static str,
    /// What ends a statement.
    pub end: &'static str,
    /// Statements that leave a block.
    pub leave: &'static [&'static str],
}

impl Dialect {
    /// The table of a language, or why there is none.
    pub fn of(language: &Language) -> Result<&'static Self, String> {
        match language.id {
            "python" => Ok(&PYTHON),
            "javascript" | "typescript" | "tsx" => Ok(&JAVASCRIPT),
            "rust" => Ok(&RUST),
            _ => Err(format!("repair has no templates for {}", language.facts.name)),
        }
    }

    /// What a node of the grammar is.
    pub fn kind(&self, name: &str) -> Option<Kind> {
        self.kinds.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// The family of an operator.
    pub fn family(&self, operator: &str) -> Option<&'static [&'static str]> {
        self.families.iter().copied().find(|family| family.contains(&operator))
    }

    /// Whether two operators are often confused.
    pub fn is_close(&self, one: &str, other: &str) -> bool {
        self.close.iter().any(|(a, b)| (*a == one && *b == other) || (*a == other && *b == one))
    }
}

use Kind::*;

static PYTHON: Dialect = Dialect {
    kinds: &[
        ("function_definition", Function),
        ("parameters", Parameters),
        ("lambda_parameters", Parameters),
        ("block", Block),
        ("module", Block),
        ("binary_operator", Binary),
        ("boolean_operator", Binary),
        ("comparison_operator", Binary),
        ("not_operator", Not),
        ("unary_operator", Unary),
        ("call", Call),
        ("attribute", Attribute),
        ("subscript", Index),
        ("slice", Slice),
        ("identifier", Name),
        ("integer", Integer),
        ("float", Float),
        ("string", Text),
        ("true", Truth),
        ("false", Truth),
        ("none", Nothing),
        ("list", List),
        ("tuple", Tuple),
        ("expression_list", Tuple),
        ("parenthesized_expression", Parens),
        ("conditional_expression", Conditional),
        ("assignment", Assign),
        ("augmented_assignment", Augmented),
        ("return_statement", Return),
        ("yield", Yield),
        ("if_statement", Branch),
        ("elif_clause", Branch),
        ("while_statement", Branch),
        ("if_clause", Guard),
        ("for_statement", For),
        ("for_in_clause", For),
        ("expression_statement", Statement),
        ("list_comprehension", Comprehension),
        ("set_comprehension", Comprehension),
        ("dictionary_comprehension", Comprehension),
        ("generator_expression", Comprehension),
        ("keyword_argument", Keyword),
        ("comment", Skip),
        ("import_statement", Skip),
        ("import_from_statement", Skip),
        ("future_import_statement", Skip),
        ("global_statement", Skip),
        ("nonlocal_statement", Skip),
        ("decorator", Skip),
        ("type", Skip),
    ],
    families: &[
        &["<", "<=", ">", ">=", "==", "!="],
        &["is", "is not", "=="],
        &["in", "not in"],
        &["+", "-", "*", "//", "/", "%", "**"],
        &["&", "|", "^", "<<", ">>"],
        &["and", "or"],
        &["+=", "-=", "*=", "//=", "/=", "%=", "="],
        &["&=", "|=", "^=", "<<=", ">>="],
    ],
    close: CLOSE,
    compare: &["<", "<=", ">", ">=", "==", "!=", "is", "is not", "in", "not in"],
    logic: ["and", "or"],
    not: "not ",
    truth: ["True", "False"],
    nothing: ["None", " is None", " is not None"],
    callees: &[
        ("any", "all"),
        ("min", "max"),
        ("append", "extend"),
        ("append", "appendleft"),
        ("pop", "popleft"),
        ("add", "update"),
        ("sorted", "reversed"),
        ("sorted", "list"),
        ("int", "float"),
        ("int", "round"),
        ("floor", "ceil"),
        ("str", "repr"),
        ("upper", "lower"),
        ("startswith", "endswith"),
        ("lstrip", "rstrip"),
        ("strip", "rstrip"),
        ("find", "rfind"),
        ("find", "index"),
        ("keys", "values"),
        ("keys", "items"),
        ("values", "items"),
        ("union", "intersection"),
        ("issubset", "issuperset"),
        ("difference", "symmetric_difference"),
        ("isalpha", "isalnum"),
        ("isdigit", "isalnum"),
        ("len", "sum"),
        ("enumerate", "range"),
    ],
    wrappers: &["list", "len", "sorted", "abs", "set", "str", "int", "reversed", "sum"],
    extremes: &["max($b, $a)", "min($b, $a)"],
    adders: &[("append", &["list", "deque"]), ("add", &["set"]), ("appendleft", &["deque"]), ("push", &[])],
    slices: &["$a[$b:]", "$a[:$b]"],
    tests: &["test_", "Test", "__main__"],
    guard: "if $c:\n$i$s",
    end: "",
    leave: &["break", "continue", "return"],
};

static JAVASCRIPT: Dialect = Dialect {
    kinds: &[
        ("function_declaration", Function),
        ("function_expression", Function),
        ("generator_function_declaration", Function),
        ("generator_function", Function),
        ("method_definition", Function),
        ("arrow_function", Function),
        ("formal_parameters", Parameters),
        ("statement_block", Block),
        ("program", Block),
        ("binary_expression", Binary),
        ("unary_expression", Unary),
        ("call_expression", Call),
        ("member_expression", Attribute),
        ("subscript_expression", Index),
        ("identifier", Name),
        ("number", Integer),
        ("string", Text),
        ("template_string", Text),
        ("true", Truth),
        ("false", Truth),
        ("null", Nothing),
        ("undefined", Nothing),
        ("array", List),
        ("parenthesized_expression", Parens),
        ("ternary_expression", Conditional),
        ("assignment_expression", Assign),
        ("variable_declarator", Assign),
        ("augmented_assignment_expression", Augmented),
        ("return_statement", Return),
        ("yield_expression", Yield),
        ("if_statement", Branch),
        ("while_statement", Branch),
        ("do_statement", Branch),
        ("for_statement", Branch),
        ("for_in_statement", For),
        ("expression_statement", Statement),
        ("comment", Skip),
        ("import_statement", Skip),
        ("type_annotation", Skip),
        ("type_arguments", Skip),
        ("type_parameters", Skip),
        ("type_alias_declaration", Skip),
        ("interface_declaration", Skip),
        ("decorator", Skip),
    ],
    families: &[
        &["<", "<=", ">", ">=", "===", "!==", "==", "!="],
        &["+", "-", "*", "/", "%", "**"],
        &["&", "|", "^", "<<", ">>", ">>>"],
        &["&&", "||", "??"],
        &["+=", "-=", "*=", "/=", "%=", "="],
        &["&=", "|=", "^=", "<<=", ">>=", ">>>="],
        &["++", "--"],
    ],
    close: CLOSE,
    compare: &["<", "<=", ">", ">=", "===", "!==", "==", "!=", "in", "instanceof"],
    logic: ["&&", "||"],
    not: "!",
    truth: ["true", "false"],
    nothing: ["null", " == null", " != null"],
    callees: &[
        ("some", "every"),
        ("min", "max"),
        ("floor", "ceil"),
        ("floor", "round"),
        ("floor", "trunc"),
        ("push", "unshift"),
        ("pop", "shift"),
        ("slice", "splice"),
        ("map", "filter"),
        ("map", "flatMap"),
        ("find", "findIndex"),
        ("find", "filter"),
        ("indexOf", "lastIndexOf"),
        ("includes", "startsWith"),
        ("startsWith", "endsWith"),
        ("trimStart", "trimEnd"),
        ("toUpperCase", "toLowerCase"),
        ("keys", "values"),
        ("keys", "entries"),
        ("values", "entries"),
        ("parseInt", "parseFloat"),
        ("reduce", "reduceRight"),
    ],
    wrappers: &["Math.abs", "Math.floor", "Number", "String"],
    extremes: &["Math.max($b, $a)", "Math.min($b, $a)"],
    adders: &[("push", &["Array"]), ("add", &["Set"]), ("unshift", &["Array"])],
    slices: &["$a.slice($b)", "$a.slice(0, $b)"],
    tests: &["test", "it", "describe", "suite"],
    guard: "if ($c) {\n$i$s\n$o}",
    end: ";",
    leave: &["break;", "continue;", "return;"],
};

static RUST: Dialect = Dialect {
    kinds: &[
        ("function_item", Function),
        ("parameters", Parameters),
        ("closure_parameters", Parameters),
        ("block", Block),
        ("binary_expression", Binary),
        ("unary_expression", Unary),
        ("call_expression", Call),
        ("field_expression", Attribute),
        ("index_expression", Index),
        ("range_expression", Slice),
        ("identifier", Name),
        ("integer_literal", Integer),
        ("float_literal", Float),
        ("string_literal", Text),
        ("char_literal", Text),
        ("boolean_literal", Truth),
        ("array_expression", List),
        ("tuple_expression", Tuple),
        ("parenthesized_expression", Parens),
        ("assignment_expression", Assign),
        ("let_declaration", Assign),
        ("compound_assignment_expr", Augmented),
        ("return_expression", Return),
        ("if_expression", Branch),
        ("while_expression", Branch),
        ("for_expression", For),
        ("expression_statement", Statement),
        ("line_comment", Skip),
        ("block_comment", Skip),
        ("use_declaration", Skip),
        ("attribute_item", Skip),
        ("inner_attribute_item", Skip),
        ("macro_definition", Skip),
        ("type_arguments", Skip),
        ("type_parameters", Skip),
        ("primitive_type", Skip),
        ("type_identifier", Skip),
        ("reference_type", Skip),
        ("generic_type", Skip),
        ("scoped_identifier", Skip),
    ],
    families: &[
        &["<", "<=", ">", ">=", "==", "!="],
        &["+", "-", "*", "/", "%"],
        &["&", "|", "^", "<<", ">>"],
        &["&&", "||"],
        &["+=", "-=", "*=", "/=", "%=", "="],
        &["&=", "|=", "^=", "<<=", ">>="],
        &["..", "..="],
    ],
    close: CLOSE,
    compare: &["<", "<=", ">", ">=", "==", "!="],
    logic: ["&&", "||"],
    not: "!",
    truth: ["true", "false"],
    nothing: ["", "", ""],
    callees: &[
        ("any", "all"),
        ("min", "max"),
        ("floor", "ceil"),
        ("floor", "round"),
        ("push", "extend"),
        ("push_back", "push_front"),
        ("pop_back", "pop_front"),
        ("first", "last"),
        ("skip", "take"),
        ("skip_while", "take_while"),
        ("map", "filter_map"),
        ("map", "flat_map"),
        ("find", "position"),
        ("find", "rfind"),
        ("position", "rposition"),
        ("keys", "values"),
        ("is_some", "is_none"),
        ("is_ok", "is_err"),
        ("starts_with", "ends_with"),
        ("trim_start", "trim_end"),
        ("to_uppercase", "to_lowercase"),
        ("to_ascii_uppercase", "to_ascii_lowercase"),
        ("saturating_sub", "saturating_add"),
        ("wrapping_sub", "wrapping_add"),
        ("checked_sub", "checked_add"),
        ("min_by_key", "max_by_key"),
        ("min_by", "max_by"),
        ("sum", "product"),
        ("union", "intersection"),
        ("is_alphabetic", "is_alphanumeric"),
        ("is_numeric", "is_alphanumeric"),
    ],
    wrappers: &[],
    extremes: &["$a.max($b)", "$a.min($b)"],
    adders: &[("push", &["Vec"]), ("insert", &["HashSet"]), ("push_back", &["VecDeque"])],
    slices: &["$a[$b..]", "$a[..$b]"],
    tests: &["test", "tests"],
    guard: "if $c {\n$i$s\n$o}",
    end: ";",
    leave: &["break;", "continue;"],
};

/// The operators that people confuse, whatever the language.
const CLOSE: &[(&str, &str)] = &[
    ("<", "<="),
    (">", ">="),
    ("<", ">"),
    ("<=", ">="),
    ("==", "!="),
    ("===", "!=="),
    ("==", "<="),
    ("==", ">="),
    ("+", "-"),
    ("//", "/"),
    ("/", "%"),
    ("//", "%"),
    ("*", "**"),
    ("&", "|"),
    ("^", "&"),
    ("^", "|"),
    ("<<", ">>"),
    ("and", "or"),
    ("&&", "||"),
    ("||", "??"),
    ("is", "is not"),
    ("in", "not in"),
    ("+=", "-="),
    ("+=", "="),
    ("+=", "*="),
    ("&=", "^="),
    ("&=", "|="),
    ("..", "..="),
    ("++", "--"),
];
