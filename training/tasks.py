"""Descriptions of tasks out of nothing, as `conductor::describe` makes them: goals, languages, phrasings, and wishes of how to work."""

import numpy as np

LANGUAGES = {
    "python": ("py", "def {f}({a}):\n    return {a}"),
    "rust": ("rs", "pub fn {f}({a}: &str) -> usize {{ {a}.len() }}"),
    "javascript": ("js", "export function {f}({a}) {{ return {a} }}"),
    "typescript": ("ts", "export const {f} = ({a}: string) => {a}.trim()"),
    "tsx": ("tsx", "export const {F} = ({{ {a} }}: Props) => <p>{{{a}}}</p>"),
    "go": ("go", "func {F}({a} []int) int {{ return len({a}) }}"),
    "java": ("java", "public int {f}(List<String> {a}) {{ return {a}.size(); }}"),
    "kotlin": ("kt", "fun {f}({a}: List<Int>) = {a}.sum()"),
    "csharp": ("cs", "public int {F}(string {a}) => {a}.Length;"),
    "c": ("c", "int {f}(const char *{a}) {{ return {a}[0]; }}"),
    "cpp": ("cpp", "int {f}(const std::string& {a}) {{ return {a}.size(); }}"),
    "ruby": ("rb", "def {f}({a})\n  {a}.map(&:to_s)\nend"),
    "php": ("php", "function {f}(array ${a}): int {{ return count(${a}); }}"),
    "scala": ("scala", "def {f}({a}: Seq[Int]): Int = {a}.sum"),
    "swift": ("swift", "func {f}(_ {a}: [Int]) -> Int {{ {a}.count }}"),
    "lua": ("lua", "local function {f}({a}) return #{a} end"),
    "bash": ("sh", "{f}() {{ echo \"${a}\"; }}"),
    "sql": ("sql", "SELECT {a} FROM {f} WHERE {a} IS NOT NULL;"),
    "html": ("html", "<section id=\"{f}\"><p>{a}</p></section>"),
    "css": ("css", ".{f} {{ margin: 0; }}"),
    "json": ("json", "{{\"{f}\": [\"{a}\"]}}"),
    "yaml": ("yaml", "{f}:\n  - {a}"),
    "toml": ("toml", "[{f}]\n{a} = 1"),
    "markdown": ("md", "# {F}\n\nHow {a} works."),
}

VERBS = "parse read write sort merge split count find load save sum hash render format check send open close fetch cache".split()
NOUNS = "list tree path row user order page node token key date price line word file graph queue state event index".split()
OPENINGS = {"fix": "Fix a bug.", "edit": "Change code.", "refactor": "Refactor code.", "ask": "Answer a question."}

WORDS = {
    "fix": [
        "{f} gives the wrong result when {a} is empty",
        "{f} fails for the last {a}",
        "the test of {f} fails",
        "fix {f}",
        "make what fails here pass",
        "off by one in {f}?",
        "{f} crashes on negative numbers, please repair it",
        "why does {f} return None here, and mend it",
        "it hangs in {f} once {a} repeats",
        "",
        "resolve this error in {f}",
        "regression: {f} no longer keeps the order of {a}",
    ],
    "edit": [
        "let {f} take an optional {a}",
        "add a function that gives the longest {a}",
        "{f} should also accept a list of {a}",
        "add validation of {a} to {f}",
        "write {f}: given {a}, return how often each occurs",
        "support {a} with a time zone in {f}",
        "log every call of {f}",
        "make {f} stop after the first {a}",
    ],
    "refactor": [
        "extract the loop of {f} into a function",
        "rename {a} to something telling",
        "simplify {f}",
        "inline {f}",
        "replace the nested ifs in {f} by early returns",
        "split {f} into two",
        "make {f} easier to read",
        "remove what is written twice in {f}",
    ],
    "ask": [
        "what does {f} do?",
        "why is {a} copied in {f}?",
        "is {f} safe to call from two threads?",
        "how is {a} used here?",
        "explain {f}",
        "where could {f} fail?",
    ],
}

DIAGNOSTICS = [
    "error: cannot find `{a}` in this scope",
    "error: mismatched types: expected int, found str",
    "warning: `{a}` is never used",
    "AssertionError: {n} != {m}",
    "FAILED test_{f}: expected {n}, got {m}",
    "TypeError: {a} is not a function",
    "panicked at index out of bounds: the len is {n} but the index is {m}",
]

# What a user may wish of how it is done, and the phrases for it.
WISHES = {
    "think": [
        "Think it through first.",
        "Plan before you change anything.",
        "First find out why, then change it.",
        "Analyse the cause before writing code.",
        "Think first.",
    ],
    "review": [
        "Have it reviewed by another model.",
        "Let a second one check the change.",
        "Get a second opinion on it before you are done.",
        "Double-check the result with somebody else.",
        "Review it afterwards.",
    ],
    "twice": [
        "Have two models try it independently.",
        "Try it twice, independently of each other.",
        "Ask two at once and take what passes.",
        "Two independent attempts, please.",
    ],
    "once": [
        "One attempt only.",
        "Ask one model and no other.",
        "Do not try more than once.",
        "Just one try.",
    ],
}


def described(dice: np.random.Generator, goal: str, wish: str | None) -> str:
    """A description of a task with this goal, in any language; `wish`: one of `WISHES` that it expresses."""

    def one(of):
        return of[int(dice.integers(len(of)))]

    verb, noun, other = one(VERBS), one(NOUNS), one(NOUNS)
    snake = dice.random() < 0.5
    names = {
        "f": f"{verb}_{noun}" if snake else verb + noun.title(),
        "F": verb.title() + noun.title(),
        "a": other + "s" if dice.random() < 0.5 else other,
        "n": int(dice.integers(100)),
        "m": int(dice.integers(100)),
    }
    ending, code = LANGUAGES[one(list(LANGUAGES))]
    words = one(WORDS[goal]).format(**names)
    if wish:
        phrase = one(WISHES[wish])
        words = f"{words}. {phrase}" if dice.random() < 0.7 else f"{phrase} {words}"
    lines = [f"{OPENINGS[goal]} {words}", f"{one(['src', 'lib', 'app', 'core', noun])}/{noun}.{ending}"]
    if goal == "fix":
        lines += [one(DIAGNOSTICS).format(**names) for _ in range(int(dice.integers(0, 3)))]
    return "\n".join([*lines, code.format(**names)]) + "\n"


def wished(dice: np.random.Generator, text: str, wish: str) -> str:
    """A recorded text with a wish at its head, where it is seen."""
    phrases = WISHES[wish]
    return f"{phrases[int(dice.integers(len(phrases)))]} {text}"
