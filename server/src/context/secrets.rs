//! Text that looks like a secret, found by its shape and kept out of every prompt.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// What it is, and its shape; where there is a group, only the group is the secret.
const SHAPES: &[(&str, &str)] = &[
    (
        "a private key",
        r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
    ),
    ("an AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})"),
    ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    (
        "an API key",
        r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{20,}|\bAIza[0-9A-Za-z_-]{35}|\bhf_[A-Za-z0-9]{30,}|\bnpm_[A-Za-z0-9]{36}",
    ),
    ("a Slack token", r"\bxox[abeprs]-[A-Za-z0-9-]{10,}"),
    ("a signed token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    ("a password in a URL", r"://[^/\s:@'\x22]+:([^@\s/'\x22]{3,})@"),
    (
        ASSIGNED,
        r#"(?i)\b[a-z0-9_.-]*(?:key|token|secret|passw(?:or)?d|credential)s?["']?\s*(?::|=|:=|=>)\s*["']([^"'\s]{16,})["']"#,
    ),
    (ASSIGNED, r"(?m)^\s*(?:export\s+)?[A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD)=([A-Za-z0-9+/=_.~-]{16,})\s*$"),
];
const ASSIGNED: &str = "a secret value";

static FINDERS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let compile = |shape: &str| Regex::new(shape).unwrap_or_else(|error| unreachable!("the shape is ours: {error}"));
    SHAPES.iter().map(|(what, shape)| (*what, compile(shape))).collect()
});

/// Makes the shapes ready.
pub(super) fn warm() {
    LazyLock::force(&FINDERS);
}

/// The part `shown` of `text` with everything secret in it replaced; `withheld` gets a line for each.
pub(super) fn masked(text: &str, shown: Range<usize>, name: &str, withheld: &mut Vec<String>) -> String {
    let mut clean = String::with_capacity(shown.len());
    let mut at = shown.start;
    for (range, what) in secrets(text) {
        let (start, end) = (range.start.max(at), range.end.min(shown.end));
        if start >= end {
            continue;
        }
        let line = text[..range.start].matches('\n').count() + 1;
        withheld.push(format!("{name} line {line}: {what}"));
        clean.push_str(&text[at..start]);
        clean.push_str("[withheld]");
        at = end;
    }
    clean.push_str(&text[at..shown.end]);
    clean
}

fn secrets(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut found = Vec::new();
    for (what, finder) in FINDERS.iter() {
        for captures in finder.captures_iter(text) {
            if let Some(secret) = captures.get(1).or(captures.get(0))
                && (*what != ASSIGNED || random(secret.as_str()))
            {
                found.push((secret.range(), *what));
            }
        }
    }
    found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    found
}

/// Whether a value looks drawn rather than written: digits among letters, and as varied as keys are.
fn random(value: &str) -> bool {
    let mut counts = std::collections::BTreeMap::<char, f64>::new();
    for c in value.chars() {
        *counts.entry(c).or_default() += 1.0;
    }
    let length = value.chars().count() as f64;
    let entropy: f64 = counts.values().map(|count| -(count / length) * (count / length).log2()).sum();
    value.chars().any(|c| c.is_ascii_digit()) && value.chars().any(char::is_alphabetic) && entropy >= 3.3
}

#[cfg(test)]
mod tests {
    use super::masked;

    fn clean(text: &str) -> (String, Vec<String>) {
        let mut withheld = Vec::new();
        (masked(text, 0..text.len(), "f", &mut withheld), withheld)
    }

    #[test]
    fn secrets_are_known_by_their_shape() {
        // Put together here so that no scanner takes this file for a leak.
        let random = "Zk3xQ9vT7mB2cW8pL5nR4dY6";
        for (text, what) in [
            (format!("id = 'AKIA{}'", "ABCDEFGHIJKLMNOP"), "an AWS access key"),
            (format!("t = 'ghp_{random}{random}'"), "a GitHub token"),
            (format!("k: sk-proj-{random}"), "an API key"),
            (format!("-----BEGIN RSA {0}-----\nabc\n-----END RSA {0}-----", "PRIVATE KEY"), "a private key"),
            (format!("-----BEGIN {}-----\nabc", "PRIVATE KEY"), "a private key"),
            (format!("db = 'postgres://me:{random}@host/db'"), "a password in a URL"),
            (format!("STRIPE_SECRET={random}"), "a secret value"),
            (format!("\"api_key\": \"{random}\""), "a secret value"),
            (format!("x = 'xoxb-{random}'"), "a Slack token"),
        ] {
            let (shown, withheld) = clean(&text);
            assert!(shown.contains("[withheld]") && !shown.contains(random), "{shown}");
            assert!(!shown.contains("abc\n"), "{shown}");
            assert_eq!(withheld, [format!("f line 1: {what}")], "{text}");
        }
    }

    #[test]
    fn ordinary_code_is_left_alone() {
        let code = "sort_key = compute_default_key_for_items\ntoken = 'aaaaaaaaaaaaaaaaaaaaaa1'\nkey = \"description-of-column\"\n\
                    url = 'https://example.org/a:b'\nmask = 0x1f2e3d4c5b6a79880f1e2d3c4b5a6978\nrisk-free\n";
        assert_eq!(clean(code), (code.to_owned(), vec![]));
    }

    #[test]
    fn a_secret_that_reaches_into_the_shown_part_is_masked_too() {
        let text = format!("a\n-----BEGIN {}-----\nabc\ndef\nghi", "PRIVATE KEY");
        let at = text.find("def").expect("there");
        assert_eq!(masked(&text, at..text.len(), "f", &mut Vec::new()), "[withheld]");
    }
}
