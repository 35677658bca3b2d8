//! What a command printed, made safe to keep and to show: capped while it comes, without control sequences.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The beginning and the end of a stream of any length.
pub(super) struct Capped {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    head_cap: usize,
    tail_cap: usize,
    dropped: u64,
}

impl Capped {
    /// Keeps at most `cap` bytes.
    pub(super) fn new(cap: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), head_cap: cap / 4, tail_cap: cap - cap / 4, dropped: 0 }
    }

    /// Reads to the end; an error counts as the end.
    pub(super) async fn read_all(&mut self, stream: &mut (impl AsyncRead + Unpin)) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count) = stream.read(&mut buffer).await {
            if count == 0 {
                break;
            }
            self.push(&buffer[..count]);
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let to_head = bytes.len().min(self.head_cap - self.head.len());
        self.head.extend_from_slice(&bytes[..to_head]);
        self.tail.extend(&bytes[to_head..]);
        let excess = self.tail.len().saturating_sub(self.tail_cap);
        self.tail.drain(..excess);
        self.dropped += excess as u64;
    }

    /// The text that was kept, cleaned; it says how much was left out, and where.
    pub(super) fn into_text(self) -> String {
        let mut bytes = self.head;
        if self.dropped > 0 {
            bytes.extend_from_slice(format!("\n[{} bytes of output left out]\n", self.dropped).as_bytes());
        }
        bytes.extend(self.tail);
        clean(&String::from_utf8_lossy(&bytes))
    }
}

/// The text without escape sequences, control characters and characters that reorder a line.
pub(super) fn clean(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => plain.push(c),
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    plain.push('\n');
                }
            }
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_until_final(&mut chars),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => {}
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => skip_until_final(chars),
        // A string sequence (title, hyperlink) ends with BEL or ESC \; an unfinished one must not eat the output.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = chars.peek().copied() {
                if c == '\n' {
                    return;
                }
                chars.next();
                if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                    return;
                }
            }
        }
        Some('(' | ')' | '*' | '+' | '#' | ' ') => {
            chars.next();
        }
        _ => {}
    }
}

fn skip_until_final(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while let Some(c) = chars.next_if(|c| ('\u{20}'..='\u{7e}').contains(c)) {
        if ('\u{40}'..='\u{7e}').contains(&c) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Capped, clean};

    #[test]
    fn the_beginning_and_the_end_of_a_flood_are_kept() {
        let mut kept = Capped::new(40);
        for n in 0..1000 {
            kept.push(format!("{n:04}\n").as_bytes());
        }
        let text = kept.into_text();
        assert!(text.starts_with("0000\n0001\n"), "{text}");
        assert!(text.ends_with("0998\n0999\n"), "{text}");
        assert!(text.contains("[4960 bytes of output left out]"), "{text}");
    }

    #[test]
    fn what_a_terminal_would_obey_is_gone() {
        for (printed, plain) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link", "link"),
            ("\u{1b}]unfinished\nnext", "\nnext"),
            ("50%\r100%\r\ndone", "50%\n100%\ndone"),
            ("a\u{202e}b\u{0}c\u{8}", "abc"),
            ("\u{1b}(Bplain\ttab", "plain\ttab"),
        ] {
            assert_eq!(clean(printed), plain, "{printed:?}");
        }
    }
}
