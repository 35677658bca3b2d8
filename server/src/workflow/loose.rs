//! Reads values as models write them: JSON or Python literals, with single quotes, comments and commas too many.
//! Bounded in depth; what cannot be read is `None`, never an error.

use serde_json::{Map, Number, Value};

/// Lists in lists that are followed.
const DEPTH: usize = 16;

/// The value at the beginning of `text`, white space before it passed over, and where it ends.
pub(super) fn value(text: &str) -> Option<(Value, usize)> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(DEPTH)?;
    Some((value, reader.at))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Passes over white space and comments.
    fn skip(&mut self) {
        loop {
            self.at += self.rest().len() - self.rest().trim_start().len();
            let comment = self.rest().starts_with('#') || self.rest().starts_with("//");
            if !comment {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn takes(&mut self, word: &str) -> bool {
        let taken = self.rest().starts_with(word);
        if taken {
            self.at += word.len();
        }
        taken
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.skip();
        match self.rest().chars().next()? {
            '[' => self.list("[", "]", depth.checked_sub(1)?),
            '(' => self.list("(", ")", depth.checked_sub(1)?),
            '{' => self.object(depth.checked_sub(1)?),
            '"' | '\'' => self.strings(),
            _ => self.word(),
        }
    }

    fn list(&mut self, open: &str, close: &str, depth: usize) -> Option<Value> {
        self.takes(open);
        let mut items = Vec::new();
        loop {
            self.skip();
            if self.takes(close) {
                return Some(Value::Array(items));
            }
            items.push(self.value(depth)?);
            self.skip();
            if !self.takes(",") && !self.rest().starts_with(close) {
                return None;
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.takes("{");
        let mut fields = Map::new();
        loop {
            self.skip();
            if self.takes("}") {
                return Some(Value::Object(fields));
            }
            let Value::String(name) = self.value(0)? else { return None };
            self.skip();
            if !self.takes(":") {
                return None;
            }
            let value = self.value(depth)?;
            fields.insert(name, value);
            self.skip();
            if !self.takes(",") && !self.rest().starts_with('}') {
                return None;
            }
        }
    }

    /// Texts that stand one after the other are one, as in Python.
    fn strings(&mut self) -> Option<Value> {
        let mut text = String::new();
        while self.rest().starts_with(['"', '\'']) {
            text.push_str(&self.string()?);
            self.skip();
        }
        Some(Value::String(text))
    }

    fn string(&mut self) -> Option<String> {
        let quotes = ["\"\"\"", "'''", "\"", "'"];
        let quote = quotes.into_iter().find(|quote| self.takes(quote))?;
        let mut text = String::new();
        loop {
            if self.takes(quote) {
                return Some(text);
            }
            let letter = self.rest().chars().next()?;
            self.at += letter.len_utf8();
            match letter {
                '\\' => self.escape(&mut text)?,
                // A text of one line whose end was forgotten would swallow what follows.
                '\n' if quote.len() == 1 && self.rest().starts_with('\n') => return None,
                _ => text.push(letter),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Option<()> {
        let letter = self.rest().chars().next()?;
        self.at += letter.len_utf8();
        match letter {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' | 'b' | 'f' | '\n' => {}
            'u' => {
                let digits = self.rest().get(..4)?;
                let code = u32::from_str_radix(digits, 16).ok()?;
                self.at += 4;
                text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            other => text.push(other),
        }
        Some(())
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.rest().find(|c: char| !(c.is_alphanumeric() || "+-._".contains(c))).unwrap_or(self.rest().len());
        let word = &self.text[self.at..self.at + end];
        self.at += end;
        match word {
            "" => None,
            "true" | "True" => Some(Value::Bool(true)),
            "false" | "False" => Some(Value::Bool(false)),
            "null" | "None" => Some(Value::Null),
            _ => match word.parse::<i64>() {
                Ok(number) => Some(Value::Number(number.into())),
                // A name without quotes.
                Err(_) => {
                    Some(word.parse().ok().and_then(Number::from_f64).map_or(Value::String(word.into()), Value::Number))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn value(text: &str) -> Option<Value> {
        Some(super::value(text)?.0)
    }

    #[test]
    fn json_and_python_are_both_read() {
        for (text, read) in [
            (r#" {"a": [1, "b\n", null, true]}"#, json!({"a": [1, "b\n", null, true]})),
            ("{'a': ['it\\'s', \"two\"],}", json!({"a": ["it's", "two"]})),
            ("[ # all\n 0, // one\n 'x' 'y', ]", json!([0, "xy"])),
            ("('''a\nb''', None, False)", json!(["a\nb", null, false])),
            ("[all, none, -3, 0.5]", json!(["all", "none", -3, 0.5])),
            ("{steps: []} and more", json!({"steps": []})),
        ] {
            assert_eq!(value(text), Some(read), "{text}");
        }
        for text in ["", "[1, 2", "{'a' 1}", "'open", "[1 2]", "{1: 2}", &"[".repeat(10_000)] {
            assert_eq!(value(text), None, "{text:.40}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"[\[\]{}()'",:#/\\ua0é\n -]{0,60}"#) {
            let _ = value(&text);
        }

        #[test]
        fn what_serde_writes_is_read_as_it_was(texts in proptest::collection::vec("\\PC{0,20}", 0..5), number: i64) {
            let written: Value = json!({"texts": texts, "n": [number, null, true]});
            prop_assert_eq!(value(&written.to_string()), Some(written));
        }
    }
}
