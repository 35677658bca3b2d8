//! What each template offers: a line of a program in, the lines it may become out.

use super::*;
use crate::patch::apply;
use crate::repair::judge::TestTrace;

/// Every text that `template` makes of `text`, as the lines that are not in the original.
fn offers(language: &str, text: &str, template: &str, trace: &Trace) -> Vec<String> {
    let language = baton_grammars::by_id(language).unwrap();
    let weights = vec![1.0; text.lines().count()];
    let found = candidates(text, language, &weights, trace).unwrap();
    let changed = |new: String| {
        let lines: Vec<&str> =
            new.lines().filter(|line| !text.lines().any(|old| old == *line)).map(str::trim).collect();
        if lines.is_empty() { format!("= {new}") } else { lines.join(" / ") }
    };
    let of_template = found.iter().filter(|candidate| candidate.template == template);
    of_template.map(|candidate| changed(apply(text, &candidate.edits).unwrap())).collect()
}

#[track_caller]
fn offered(language: &str, text: &str, template: &str, expected: &[&str]) {
    let found = offers(language, text, template, &Trace::default());
    for line in expected {
        assert!(found.iter().any(|offer| offer == line), "{template} does not offer `{line}` but {found:#?}");
    }
}

fn kinds(pairs: &[(&str, &str)]) -> Trace {
    let kinds = pairs.iter().map(|(name, kind)| ((*name).to_owned(), [(*kind).to_owned()].into())).collect();
    Trace { tests: vec![TestTrace::default()], kinds, ..Trace::default() }
}

const PYTHON: &str = "\
def area(width, height, boxes):
    total = 0
    seen = set()
    for box in boxes:
        if box.left < width and not box.hidden:
            total += scale(box.left * 2, height)
            width = grow(total)
    return total - width
";

#[test]
fn operators() {
    offered("python", PYTHON, "comparison", &["if box.left <= width and not box.hidden:"]);
    offered("python", PYTHON, "logic", &["if box.left < width or not box.hidden:"]);
    offered("python", PYTHON, "negate", &["if box.left < width and box.hidden:"]);
    offered("python", PYTHON, "assignment operator", &["total -= scale(box.left * 2, height)"]);
    offered("python", PYTHON, "arithmetic", &["return total + width"]);
    offered("python", PYTHON, "operand order", &["return width - total"]);
    offered("python", PYTHON, "drop operand", &["return total", "if box.left < width:"]);
    offered("python", "def f(a):\n    return len(a) == 0\n", "bound", &["return len(a) <= 1"]);
}

#[test]
fn names() {
    offered("python", PYTHON, "name", &["for box in width:", "return total - height"]);
    offered("python", PYTHON, "target", &["height = grow(total)"]);
    offered("python", PYTHON, "attribute", &["if box.left < width and not box.left:"]);
    offered("python", PYTHON, "off by one", &["return total - (width + 1)", "width = grow(total - 1)"]);
    offered("python", PYTHON, "combine", &["width = grow(total - height)", "width = grow(total * total)"]);
    offered("python", PYTHON, "expression", &["width = seen", "for box in grow(total):"]);
}

#[test]
fn attributes_that_only_a_trace_shows_are_offered() {
    let trace = Trace { attributes: ["shown".to_owned()].into(), ..Trace::default() };
    let found = offers("python", PYTHON, "attribute", &trace);
    assert!(found.contains(&"if box.left < width and not box.shown:".to_owned()), "{found:#?}");
}

#[test]
fn calls() {
    offered("python", PYTHON, "argument order", &["total += scale(height, box.left * 2)"]);
    offered("python", PYTHON, "callee", &["total += grow(box.left * 2, height)"]);
    offered("python", PYTHON, "unwrap call", &["width = total", "total += height"]);
    offered("python", PYTHON, "drop argument", &["total += scale(height)", "total += scale(box.left * 2)"]);
    offered("python", PYTHON, "wrap call", &["return total - grow(width)", "for box in list(boxes):"]);
    offered("python", PYTHON, "extreme", &["width = max(width, grow(total))", "width = min(0, grow(total))"]);
    offered("python", "def f(a):\n    return any(a)\n", "callee", &["return all(a)"]);
    offered(
        "python",
        "def f(a, b):\n    return range(a)\n",
        "add argument",
        &["return range(a, b)", "return range(1, a)"],
    );
}

#[test]
fn ranges() {
    let text = "def f(a, i, j):\n    return a[i, j] + a[1:] + (i, j)\n";
    offered("python", text, "element order", &["return a[j, i] + a[1:] + (i, j)", "return a[i, j] + a[1:] + (j, i)"]);
    offered("python", text, "slice", &["return a[i, j] + a[:1] + (i, j)", "return a[i, j] + a[i:] + (i, j)"]);
    let found = offers("python", "def f(a, n):\n    return g(a)\n", "slice", &kinds(&[("a", "list"), ("n", "int")]));
    assert!(
        found.contains(&"return g(a[n:])".to_owned()) && !found.contains(&"return g(n[1:])".to_owned()),
        "{found:#?}"
    );
}

#[test]
fn conditions() {
    let text = "def f(node, stop):\n    while node.next is None:\n        node = stop\n    return True\n";
    offered("python", text, "guard", &["while node is None or node.next is None:"]);
    offered("python", text, "negate", &["while not (node.next is None):"]);
    offered("python", text, "widen condition", &["while node.next is None and not stop:"]);
    offered("python", text, "condition", &["while not stop:", "while False:"]);
    offered("python", text, "truth", &["return False", "return stop == 0", "return not node"]);
}

#[test]
fn literals() {
    offered("python", "def f(a):\n    return a + 1\n", "literal", &["return a + 2", "return a + 0", "return a + (-1)"]);
    offered("python", "def f(a):\n    return []\n", "container", &["return [[]]", "return [a]"]);
    offered("python", "def f(a):\n    return g(None)\n", "literal", &["return g(a)"]);
}

#[test]
fn statements() {
    let text = "def f(a, queue):\n    last = a\n    queue.append(last)\n    for b in a:\n        g(b)\n        last = b\n    return last\n";
    offered(
        "python",
        text,
        "insert copy",
        &[
            "= def f(a, queue):\n    last = a\n    queue.append(last)\n    for b in a:\n        g(b)\n        last = b\n    queue.append(last)\n    return last\n",
        ],
    );
    offered("python", text, "insert copy", &["g(a)"]);
    offered("python", text, "insert assignment", &["a = last"]);
    offered("python", text, "insert guard", &["if not a: / return last", "if not queue: / break"]);
    offered(
        "python",
        text,
        "delete",
        &[
            "= def f(a, queue):\n    queue.append(last)\n    for b in a:\n        g(b)\n        last = b\n    return last\n",
        ],
    );
    offered(
        "python",
        text,
        "move",
        &[
            "= def f(a, queue):\n    queue.append(last)\n    last = a\n    for b in a:\n        g(b)\n        last = b\n    return last\n",
        ],
    );
    let found = offers("python", text, "insert update", &kinds(&[("queue", "deque")]));
    assert!(found.contains(&"queue.append(b)".to_owned()), "{found:#?}");
    // Out of the loop, and into it.
    let loops = "def f(a):\n    for b in a:\n        g(b)\n        h(a)\n    i(a)\n";
    offered("python", loops, "move", &["h(a)"]);
    offered("python", loops, "move", &["i(a)"]);
}

const JAVASCRIPT: &str = "\
function last(items, limit) {
  let best = items[0];
  for (let i = 0; i < items.length; i++) {
    if (items[i] > limit) {
      best = clamp(limit, items[i]);
    }
  }
  return best;
}
";

#[test]
fn javascript() {
    offered(
        "javascript",
        JAVASCRIPT,
        "comparison",
        &["if (items[i] >= limit) {", "for (let i = 0; i <= items.length; i++) {"],
    );
    offered("javascript", JAVASCRIPT, "argument order", &["best = clamp(items[i], limit);"]);
    offered("javascript", JAVASCRIPT, "negate", &["if (!(items[i] > limit)) {"]);
    offered("javascript", JAVASCRIPT, "name", &["return limit;"]);
    offered("javascript", JAVASCRIPT, "off by one", &["return best - 1;"]);
    offered("javascript", JAVASCRIPT, "literal", &["let best = items[1];"]);
    offered("javascript", JAVASCRIPT, "insert guard", &["if (!items) { / return best;"]);
    offered(
        "typescript",
        &JAVASCRIPT.replacen("limit)", "limit: number)", 1),
        "comparison",
        &["if (items[i] >= limit) {"],
    );
}

const RUST: &str = "\
fn clamp(value: i32, low: i32, high: i32) -> i32 {
    let mut kept = value;
    if value < low {
        kept = high.min(low);
    }
    for i in 0..kept {
        kept += i;
    }
    kept
}

#[cfg(test)]
mod tests {
    fn inside(a: i32) -> i32 {
        a + 1
    }
}
";

#[test]
fn rust() {
    offered("rust", RUST, "comparison", &["if value <= low {"]);
    offered("rust", RUST, "arithmetic", &["for i in 0..=kept {"]);
    offered("rust", RUST, "callee", &["kept = high.max(low);"]);
    offered("rust", RUST, "name", &["if value < high {", "kept = low.min(low);"]);
    offered("rust", RUST, "assignment operator", &["kept -= i;"]);
    offered("rust", RUST, "negate", &["if !(value < low) {"]);
}

#[test]
fn tests_in_the_file_are_left_alone() {
    let inside = |language: &str, text: &str, word: &str| {
        let at = text.find(word).unwrap();
        let weights = vec![1.0; text.lines().count()];
        let found = candidates(text, baton_grammars::by_id(language).unwrap(), &weights, &Trace::default()).unwrap();
        assert!(!found.is_empty());
        found.iter().flat_map(|candidate| &candidate.edits).filter(|edit| edit.range.end > at).count()
    };
    assert_eq!(inside("rust", RUST, "#[cfg(test)]"), 0);
    let python =
        "def f(a):\n    return a\n\ndef test_f():\n    assert f(1) == 1\n\nif __name__ == \"__main__\":\n    f(2)\n";
    assert_eq!(inside("python", python, "def test_f"), 0);
    let javascript = "function f(a) {\n  return a + 1;\n}\ntest(\"f\", () => {\n  assert(f(1) === 1);\n});\n";
    assert_eq!(inside("javascript", javascript, "test(\"f\""), 0);
}

#[test]
fn likelier_edits_come_first_and_none_comes_twice() {
    let text = "def f(a, b):\n    if a < b:\n        return a\n    return b\n";
    let language = baton_grammars::by_id("python").unwrap();
    let found = candidates(text, language, &[0.0, 1.0, 0.1, 0.1], &Trace::default()).unwrap();
    assert_eq!(found[0].edits, [Edit { range: 22..23, text: "<=".to_owned() }]);
    assert!(found.windows(2).all(|pair| pair[0].chance >= pair[1].chance));
    let mut texts: Vec<String> = found.iter().map(|one| format!("{:?}", one.edits)).collect();
    let count = texts.len();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), count);
}

#[test]
fn every_template_has_a_prior() {
    let trace = kinds(&[("queue", "list"), ("seen", "set")]);
    let all = [("python", PYTHON), ("javascript", JAVASCRIPT), ("rust", RUST)];
    for (language, text) in all {
        let weights = vec![1.0; text.lines().count()];
        let found = candidates(text, baton_grammars::by_id(language).unwrap(), &weights, &trace).unwrap();
        for candidate in found {
            assert!(PRIORS.iter().any(|(name, _)| *name == candidate.template), "{}", candidate.template);
        }
    }
}
