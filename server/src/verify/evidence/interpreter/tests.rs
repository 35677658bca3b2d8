//! Evidence on small projects of JavaScript and TypeScript, with the real node in the real sandbox.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::task::Goal;
use crate::verify::evidence::tests::{baseline, told};
use crate::verify::tests::{Project, judged, shown};
use crate::verify::{Limits, Sandbox, Verifier};

/// A module with an example, and a function that is not exported; `{}` is where it says what it exports.
const CART: &str = "const RATE = 1;\n/**\n * The sum with the rate added.\n * @example\n * total([100, 50], 0) // => 150\n */\n{}function total(prices, rate) {\n  return prices.slice(1).reduce((sum, price) => sum + price, 0) * (RATE + rate);\n}\n\n// label('a', 3) === 'a3'\nconst label = (name, count) => (count > 99 ? name + ' (many)' : name + count);\n";
/// A compiler of our own, for what these tests write.
const TYPESCRIPT: &str = "exports.ModuleKind = {}; exports.ScriptTarget = {}; exports.JsxEmit = {};\nexports.transpileModule = (text) => ({ outputText: text.replace(/: (number|string)(\\[\\])?/g, '').replace(/export function (\\w+)/g, 'exports.$1 = $1; function $1') });\n";

fn cart(exported: &str) -> String {
    CART.replace("{}", exported)
}

/// The same with types.
fn typed() -> String {
    let text = cart("export ").replace("(prices, rate)", "(prices: number[], rate: number): number");
    text.replace("(name, count)", "(name: string, count: number)")
}

async fn verifier(focus: &str, goal: Goal, words: &str, files: &[(&str, &str)]) -> (Project, Verifier) {
    let project = Project::new(files);
    let verifier = project.verifier_of(focus, goal, words).await;
    (project, verifier)
}

#[tokio::test]
async fn an_example_is_a_test_in_every_kind_of_module() {
    let package = ("package.json", "{\"type\": \"module\"}");
    let compiler = ("node_modules/typescript/index.js", TYPESCRIPT);
    let mut lines = Vec::new();
    for (focus, text, other) in [
        ("cart.js", cart("") + "module.exports = { total };\n", None),
        ("cart.cjs", cart("") + "exports.total = total;\n", None),
        ("cart.mjs", cart("export "), None),
        ("shop/cart.js", cart("export "), Some(package)),
        // As bundlers take it.
        ("cart.js", cart("export "), None),
        ("cart.ts", typed(), Some(compiler)),
    ] {
        let files: Vec<(&str, &str)> = [(focus, text.as_str())].into_iter().chain(other).collect();
        let (_project, verifier) = verifier(focus, Goal::Fix, "", &files).await;
        assert!(verifier.describe().ends_with("then 2 examples"), "{}", verifier.describe());
        let before = baseline(&verifier).await;
        let right = judged(&verifier, focus, "prices.slice(1)", "prices").await;
        let wrong = judged(&verifier, focus, "prices.slice(1)", "prices.slice(0, 1)").await;
        let broken = judged(&verifier, focus, "RATE = 1", "RATE = nothing()").await;
        let said = [&right, &wrong, &broken].map(|verdict| shown(verdict).replace('\n', " / "));
        lines.push(format!("{focus} {}/{}: {}\n  {}", before.passed, before.failed, before.report, said.join("\n  ")));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn what_the_task_reports_must_be_fixed_as_a_whole() {
    let words = "`total([10, 20], 0)` returns 20 but should return 30, and total(null, 1) throws TypeError; label('b', 100) should return 'b (many)', and console.log(label('b', 3)) // b3";
    let (_project, verifier) = verifier("cart.mjs", Goal::Fix, words, &[("cart.mjs", &cart("export "))]).await;
    let before = baseline(&verifier).await;
    let names: BTreeMap<_, _> = before.tests.iter().map(|(name, status)| (name.as_str(), *status)).collect();
    insta::assert_debug_snapshot!(names);
    let right = judged(&verifier, "cart.mjs", "prices.slice(1)", "(prices ?? [])").await;
    let half = judged(&verifier, "cart.mjs", "prices.slice(1)", "prices").await;
    insta::assert_snapshot!([told(&right), told(&half)].join("\n\n"));
}

#[tokio::test]
async fn a_refactoring_must_do_the_same() {
    let tests = "import { test } from 'node:test';\nimport assert from 'node:assert';\nimport { total } from './cart.mjs';\n\ntest('sums', () => assert.equal(total([5, 6], 1), 12));\n";
    let text = cart("export ") + "export function label2(name, count) { return label(name, count); }\n";
    let files: &[(&str, &str)] = &[("cart.mjs", &text), ("cart.test.mjs", tests)];
    let (_project, verifier) = verifier("cart.mjs", Goal::Refactor, "", files).await;
    let mut lines = Vec::new();
    for (old, new) in [
        ("name + count", "`${name}${count}`"),
        ("count > 99", "count >= 99"),
        ("prices.slice(1)", "prices.filter((_, at) => at)"),
        // Whoever gave the list sees it change.
        ("prices.slice(1)", "prices.splice(1)"),
        ("return prices", "if (prices.length > 4) process['ex' + 'it'](0);\n  return prices"),
        ("return prices", "while (prices.length > 4);\n  return prices"),
    ] {
        let said = told(&judged(&verifier, "cart.mjs", old, new).await);
        lines.push(format!("{new}\n{said}"));
    }
    insta::assert_snapshot!(lines.join("\n\n"));
}

#[tokio::test]
async fn types_give_arguments_where_tests_give_none() {
    let text = "export function grade(points: number, name: string): string {\n  return points > 50 ? name + '!' : name;\n}\n// twice(2) === 4\nfunction twice(n: number) { return n * 2; }\n";
    let files: &[(&str, &str)] = &[("grade.ts", text), ("node_modules/typescript/index.js", TYPESCRIPT)];
    let (_project, verifier) = verifier("grade.ts", Goal::Refactor, "", files).await;
    let same = told(&judged(&verifier, "grade.ts", "name + '!'", "`${name}!`").await);
    let other = told(&judged(&verifier, "grade.ts", "points > 50", "points >= 50").await);
    assert!(same.contains("behaviour before and after Passed: the same in 200 calls"), "{same}");
    assert!(other.starts_with("failed Tested") && other.contains("calls differ: grade(50, "), "{other}");
}

#[tokio::test]
async fn a_fix_that_fixes_nothing_is_not_verified() {
    let text = cart("export ").replace("150", "50");
    let (_project, verifier) = verifier("cart.mjs", Goal::Fix, "tidy", &[("cart.mjs", &text)]).await;
    let told = told(&judged(&verifier, "cart.mjs", "name + count", "`${name}${count}`").await);
    assert!(
        told.starts_with("unknown Tested") && told.contains("nothing shows that the change fixes anything"),
        "{told}"
    );
}

#[tokio::test]
async fn what_cannot_be_loaded_is_said() {
    let text = "// twice(2) === 4\nexport function twice(n: number) { return <b>{n}</b>; }\n";
    let package = ("package.json", "{\"scripts\": {\"test\": \"node --test\"}}");
    let tests = "require('node:test').test('other', () => {});\n";
    for (goal, files) in [
        (Goal::Fix, vec![("twice.tsx", text)]),
        (Goal::Fix, vec![("twice.tsx", text), package, ("other.test.js", tests)]),
        (Goal::Refactor, vec![("twice.tsx", text), package, ("other.test.js", tests)]),
    ] {
        let (_project, verifier) = verifier("twice.tsx", goal, "", &files).await;
        let said = told(&judged(&verifier, "twice.tsx", "{n}", "{n * 2}").await);
        let rung = match (goal, files.len()) {
            (Goal::Refactor, _) => "behaviour before and after NotRun",
            (_, 1) => "tests NotRun",
            _ => "examples NotRun",
        };
        let why = format!("{rung}: it cannot be loaded: JSX needs the project's own typescript");
        assert!(said.contains(&why), "{said}");
        assert!(
            said.starts_with("unknown Tested") || said.starts_with("passed Tested 1/0") || files.len() == 1,
            "{said}"
        );
    }
}

#[tokio::test]
async fn hostile_code_makes_no_example_pass() {
    let text = "// f(1) === 2\nfunction f(n) {\n  return n;\n}\n";
    let forged = "test_1 (baton_examples.Example_f.test_1) ... ok\\\\n\\\\nRan 1 test in 0.000s\\\\n\\\\nOK\\\\n";
    let exit = "globalThis['pro' + 'cess']['ex' + 'it'](0)";
    for hostile in [
        format!("console.log('{forged}'); {exit}; return n"),
        format!("require('fs').writeSync(1, '{forged}'); return n"),
        "for (const to of [1, 2, 3, 4, 5]) { try { require('fs').writeSync(to, '\\n{\"end\":\"value\",\"text\":\"2\",\"got\":\"2\"}\\n') } catch {} }; return n".to_owned(),
        format!("{exit}; return n"),
        "for (;;); return n".to_owned(),
        "Array.prototype.slice = Array.prototype.map = String.prototype.startsWith = () => [2]; JSON.stringify = () => '2'; JSON.parse = () => 2; return n".to_owned(),
        "throw { get name() { throw 2 }, get constructor() { throw 2 } }; return n".to_owned(),
    ] {
        let (_project, verifier) = verifier("f.js", Goal::Fix, "", &[("f.js", text)]).await;
        let inside = shown(&judged(&verifier, "f.js", "return n", &hostile).await);
        assert!(inside.starts_with("failed Tested 0/"), "{hostile}: {inside}");
    }
    // The same before anything is called.
    for hostile in
        [format!("{exit};"), format!("console.log('{forged}'); {exit};"), "throw 2;".to_owned(), "for (;;);".to_owned()]
    {
        let (_project, verifier) = verifier("f.js", Goal::Fix, "", &[("f.js", text)]).await;
        let said = shown(&judged(&verifier, "f.js", "function f", &format!("{hostile}\nfunction f")).await);
        assert!(said.starts_with("failed Tested 0/0"), "{hostile}: {said}");
    }
}

#[tokio::test]
async fn functions_are_called_in_every_sandbox() {
    let python = "def total(n):\n    \"\"\"total(2) == 4\"\"\"\n    return n * 2\n";
    let javascript = "// total(2) === 4\nexport function total(n) { return n * 2 }\n";
    for sandbox in Sandbox::of_each_level() {
        for (focus, text) in [("shop/total.py", python), ("shop/total.mjs", javascript)] {
            let (_project, mut verifier) = verifier(focus, Goal::Refactor, "", &[(focus, text)]).await;
            // Layers are bubblewrap's alone.
            (verifier.base, verifier.free) = (None, Mutex::default());
            verifier.sandbox = Ok(sandbox.clone());
            assert_eq!(baseline(&verifier).await.passed, 1);
            let same = told(&judged(&verifier, focus, "n * 2", "n + n").await);
            assert!(same.contains("behaviour before and after Passed: the same in "), "{focus}: {same}");
        }
    }
}

/// What one of our programs prints in the sandbox.
async fn said(files: &[(&str, &str)], argv: &[&str], input: &str) -> String {
    let (_project, verifier) = verifier(files[0].0, Goal::Fix, "", files).await;
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    let limits = Limits { wall: Duration::from_secs(20), ..verifier.limits() };
    let texts = Arc::default();
    verifier.filter(&texts, &argv, input, &limits, &CancellationToken::new()).await.unwrap()
}

#[tokio::test]
async fn values_are_read_and_nothing_is_guessed() {
    let program = "const { leading, written } = require('/run/baton/values.cjs');\nconst read = (text) => { try { return written(leading(text)) } catch (e) { return e.constructor.name } };\nconst texts = require('fs').readFileSync(0, 'utf8').split('\\n');\nprocess.stdout.write(texts.map((text) => `${text}  ⇒  ${read(text)}`).join('\\n'));\n";
    let texts = "3\n3 (see above)\n3, as it is written\n3 because of that\n3; f(4) === 5\n1, 2 or 3\n2 items\n3 + 4\n3px\n-0.5e3\n0x1f\n10n\n1_000\nNaN\n`6`\n'it\\'s' and so on\n\"a\\u0041\\n\"\n`a ${b}`\n[1, [2, null],]\n[1, x]\n{a: 1, \"b-c\": [undefined], 3: true}\n{ a: 1 } // note\n{__proto__: 1}\nnew Map([[1, new Set(['a'])]])\nnew Map(1)\nMap(1) { 'a' => 1 }\nSet(2) { 1, 2 }\nFloat64Array(2) [ 1, 2 ]\nPoint { x: 1 }\n[Function: f]\n/a[/]b/g\nnew Date(0)\nnew Foo()\n3);\n([1])\nprocess.exit(1)\nwrong";
    insta::assert_snapshot!(said(&[("a.js", "f()\n")], &["node", "-e", program], texts).await);
}

#[tokio::test]
async fn calls_are_made_of_what_tests_examples_and_types_say() {
    let code = "type Mode = 'up' | 'down';\ninterface Item { name: string; prices?: number[] }\nconst add = (a, b) => a + b;\nfunction shift(n: number, mode: Mode = 'up') { return mode === 'up' ? n + 1 : n - 1 }\n/**\n * @param {Array<string>} words\n * @param {number} [most=2]\n */\nfunction first(words, most = 2) { return words.slice(0, most) }\nexport function spent({ name, prices }: Item) { return name + prices }\nfunction unknown(x) { return x }\n";
    let tests = "test.each([[1, 2, 3], [40, 50, 90]])('adds', (a, b, sum) => expect(add(a, b)).toBe(sum));\n";
    let ask = |functions: &str| {
        format!(
            "{{\"file\":\"a.ts\",\"cwd\":\"\",\"functions\":{functions},\"calls\":[],\"tests\":[\"a.test.ts\"],\"examples\":[\"first(['x', 'y'], 1)\"],\"count\":30,\"seed\":1,\"limit\":0.2,\"memory\":1073741824}}\n"
        )
    };
    let compiler = "exports.ModuleKind = {}; exports.ScriptTarget = {}; exports.JsxEmit = {};\nexports.transpileModule = () => ({ outputText: 'function add() {} function shift() {} function first() {} function spent() {} function unknown() {}' });\n";
    let files = [("a.ts", code), ("a.test.ts", tests), ("node_modules/typescript/index.js", compiler)];
    let ask = ask("[\"add\",\"shift\",\"first\",\"spent\",\"unknown\"]");
    let answer = said(&files, &["node", "/run/baton/observe.cjs"], &ask).await;
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let calls: Vec<&str> = answer["calls"].as_array().unwrap().iter().filter_map(|call| call.as_str()).collect();
    insta::assert_snapshot!(calls.join("\n"));
}
