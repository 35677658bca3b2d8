//! The search for a repair on bugs written for it, in three languages: fixed without a model, minimal, tests untouched.

use std::process::Command;

use baton_tests::Project;

struct Sample {
    path: &'static str,
    source: &'static str,
    tests: (&'static str, &'static str),
    more: &'static [(&'static str, &'static str)],
    /// What a person types to run the tests.
    command: &'static [&'static str],
    /// The lines that are right; repair must arrive at one of them.
    fixed: &'static [&'static str],
}

impl Sample {
    fn check(&self) {
        let files = [&[(self.path, self.source), self.tests], self.more].concat();
        let project = Project::new(&files);
        let passes = || {
            let mut command = Command::new(self.command[0]);
            project.at_home(command.args(&self.command[1..])).output().unwrap().status.success()
        };
        assert!(!passes(), "{}: the sample has no bug", self.path);
        let (code, reply) = project.json(&["fix", self.path, "--apply", "--max-seconds", "200"]);
        assert_eq!((code, reply["verdict"]["level"].as_str()), (0, Some("tested")), "{}: {reply:#}", self.path);
        assert_eq!(reply["steps"][0]["worker"], "repair");
        let diff = reply["diff"].as_str().unwrap();
        let added: Vec<&str> = changed(diff, '+').collect();
        assert!(added.len() == 1 && self.fixed.contains(&added[0]), "{}: {diff}", self.path);
        assert!(changed(diff, '-').count() <= 1, "{}: {diff}", self.path);
        assert_eq!(project.read(self.tests.0), self.tests.1);
        assert!(passes(), "{}: {diff}", self.path);
    }
}

/// The lines of a diff that were added or taken away, without indentation.
fn changed(diff: &str, sign: char) -> impl Iterator<Item = &str> {
    let header = String::from(sign).repeat(3);
    diff.lines()
        .filter(move |line| !line.starts_with(&header))
        .filter_map(move |line| line.strip_prefix(sign))
        .map(str::trim)
}

#[test]
fn python() {
    Sample {
        path: "stats.py",
        source: "\
def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2 == 1:
        return ordered[middle]
    return (ordered[middle] + ordered[middle + 1]) / 2
",
        tests: (
            "test_stats.py",
            "\
import unittest
from stats import median

class Median(unittest.TestCase):
    def test_odd(self):
        self.assertEqual(median([3, 1, 2]), 2)
    def test_even(self):
        self.assertEqual(median([4, 1, 3, 2]), 2.5)
        self.assertEqual(median([10, 0]), 5)
",
        ),
        more: &[],
        command: &["python3", "-m", "unittest"],
        fixed: &["return (ordered[middle] + ordered[middle - 1]) / 2", "middle = (len(ordered) - 1) // 2"],
    }
    .check();
}

#[test]
fn javascript() {
    Sample {
        path: "cart.js",
        source: "\
function total(lines, rate) {
  let sum = 0;
  for (const line of lines) {
    if (line.count < 0) continue;
    sum += line.price * line.price;
  }
  return sum * (1 + rate);
}

module.exports = { total };
",
        tests: (
            "cart.test.js",
            "\
const test = require('node:test');
const assert = require('node:assert');
const { total } = require('./cart');

test('lines are multiplied', () => {
  assert.strictEqual(total([{ price: 2, count: 3 }, { price: 5, count: 1 }], 0), 11);
});

test('nothing costs nothing', () => {
  assert.strictEqual(total([], 0.5), 0);
});
",
        ),
        more: &[(
            "package.json",
            "{\"name\": \"cart\", \"version\": \"1.0.0\", \"scripts\": {\"test\": \"node --test\"}}\n",
        )],
        command: &["npm", "test"],
        fixed: &["sum += line.price * line.count;", "sum += line.count * line.price;"],
    }
    .check();
}

#[test]
fn rust() {
    Sample {
        path: "src/lib.rs",
        source: "\
/// How many of the sorted values are below the limit.
pub fn below(values: &[u32], limit: u32) -> usize {
    let (mut low, mut high) = (0, values.len());
    while low < high {
        let middle = (low + high) / 2;
        if values[middle] <= limit {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
",
        tests: (
            "tests/below.rs",
            "\
#[test]
fn values_equal_to_the_limit_do_not_count() {
    assert_eq!(below::below(&[1, 2, 2, 3], 2), 1);
    assert_eq!(below::below(&[1, 2, 2, 3], 3), 3);
}

#[test]
fn the_ends() {
    assert_eq!(below::below(&[], 2), 0);
    assert_eq!(below::below(&[1, 2], 9), 2);
}
",
        ),
        more: &[
            ("Cargo.toml", "[package]\nname = \"below\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
            ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"below\"\nversion = \"0.1.0\"\n"),
        ],
        command: &["cargo", "test", "--offline", "--quiet"],
        fixed: &["if values[middle] < limit {"],
    }
    .check();
}
