//! JUnit's XML reports, which most runners can write: vitest, mocha, PHPUnit, bats, busted, Maven, Gradle, sbt, Meson,
//! Swift, and JUnit itself. They stand among what the command printed, so only their own tags are looked for.

use super::super::runner::REPORTS_MARK;
use super::{Results, TestStatus};

pub(super) fn read(output: &str) -> Results {
    let mut results = Results::default();
    let mut depth = 0_usize;
    let mut passed = 0_usize;
    let mut test: Option<(String, TestStatus)> = None;
    let mut rest = output.rsplit_once(REPORTS_MARK).map_or(output, |(_, reports)| reports);
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        if let Some(text) = rest.strip_prefix("<![CDATA[") {
            rest = text.split_once("]]>").map_or("", |(_, after)| after);
            continue;
        }
        let Some((tag, after)) = Tag::read(rest) else {
            rest = &rest[1..];
            continue;
        };
        rest = after;
        match tag.name {
            "testsuite" => {
                // A suite counts those that it holds too.
                if depth == 0 {
                    passed += tag.passed();
                }
                depth += usize::from(!tag.is_whole);
            }
            "/testsuite" => depth = depth.saturating_sub(1),
            "testcase" => {
                end(test.take(), &mut results);
                test = tag.test().map(|name| (name, TestStatus::Passed));
                if tag.is_whole {
                    end(test.take(), &mut results);
                }
            }
            "/testcase" => end(test.take(), &mut results),
            "failure" | "error" => {
                if let Some((name, status)) = &mut test {
                    *status = TestStatus::Failed;
                    let close = format!("</{}>", tag.name);
                    let body =
                        if tag.is_whole { "" } else { after.split_once(close.as_str()).map_or("", |(body, _)| body) };
                    results.say(name, message(&tag, body));
                }
            }
            "skipped" | "warning" => {
                if let Some((_, status)) = &mut test {
                    *status = (*status).max(TestStatus::Skipped);
                }
            }
            _ => {}
        }
    }
    end(test, &mut results);
    results.counted = (!results.tests.is_empty()).then_some(passed);
    if results.tests.is_empty() {
        super::build(output, &mut results);
    }
    results
}

fn end(test: Option<(String, TestStatus)>, results: &mut Results) {
    if let Some((name, status)) = test {
        results.note(name, status);
    }
}

/// What a failure says: its message, or its text without the stack.
fn message(tag: &Tag<'_>, body: &str) -> String {
    if let Some(message) = tag.attribute("message").filter(|message| !message.trim().is_empty()) {
        return message;
    }
    let body = unescaped(body.trim().trim_start_matches("<![CDATA[").trim_end_matches("]]>"));
    let said = body.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("at "));
    said.take(6).collect::<Vec<_>>().join("\n")
}

/// One start or end tag.
struct Tag<'a> {
    name: &'a str,
    attributes: &'a str,
    /// Whether it has no content.
    is_whole: bool,
}

impl<'a> Tag<'a> {
    /// The tag that `text` begins with, if it is one of a report, and what follows it.
    fn read(text: &'a str) -> Option<(Self, &'a str)> {
        let inner = &text[1..];
        let end = inner.find(|c: char| !(c.is_ascii_alphabetic() || c == '/')).filter(|end| *end > 0)?;
        let (name, rest) = inner.split_at(end);
        let known = ["testsuite", "testcase", "failure", "error", "skipped", "warning"];
        if !known.contains(&name.trim_start_matches('/')) {
            let name = name.strip_suffix('/').filter(|name| known.contains(name))?;
            return rest.strip_prefix('>').map(|after| (Self { name, attributes: "", is_whole: true }, after));
        }
        // A `>` may stand in a value.
        let mut quote = None;
        let close = rest.find(|c: char| match quote {
            Some(open) => {
                quote = quote.filter(|_| c != open);
                false
            }
            None => {
                quote = Some(c).filter(|c| ['"', '\''].contains(c));
                c == '>'
            }
        })?;
        let attributes = rest[..close].trim_end();
        let is_whole = attributes.ends_with('/');
        Some((Self { name, attributes: attributes.trim_end_matches('/'), is_whole }, &rest[close + 1..]))
    }

    fn attribute(&self, name: &str) -> Option<String> {
        let mut rest = self.attributes;
        while let Some((key, value)) = rest.split_once('=') {
            let value = value.trim_start();
            let quote = value.chars().next().filter(|c| ['"', '\''].contains(c))?;
            let (value, after) = value[1..].split_once(quote)?;
            if key.trim() == name {
                return Some(unescaped(value));
            }
            rest = after;
        }
        None
    }

    fn number(&self, name: &str) -> usize {
        self.attribute(name).and_then(|number| number.trim().parse().ok()).unwrap_or(0)
    }

    /// How many tests of a suite passed, as it says itself.
    fn passed(&self) -> usize {
        let others = ["failures", "errors", "skipped", "skip", "warnings"];
        self.number("tests").saturating_sub(others.iter().map(|name| self.number(name)).sum())
    }

    /// `class > name`; busted gives the class as a file with a line, which says nothing of the test.
    fn test(&self) -> Option<String> {
        let name = self.attribute("name")?;
        let class = self.attribute("classname").or_else(|| self.attribute("class")).unwrap_or_default();
        let class = match class.rsplit_once(':') {
            Some((file, line)) if line.chars().all(|c| c.is_ascii_digit()) => file,
            _ => &class,
        };
        let name = [class, &name].join(" > ");
        Some(name.trim_start_matches(" > ").split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// The text that XML escapes stand for.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let found = after.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        let (c, after) = found.unwrap_or(('&', after));
        plain.push(c);
        rest = after;
    }
    plain + rest
}

fn character(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            // What came as an escape must not bring back what cleaning the output took away.
            char::from_u32(code).filter(|c| !c.is_control() || *c == '\n' || *c == '\t')
        }
    }
}
