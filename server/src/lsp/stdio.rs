//! Standard input and output for the protocol, so that neither can hold the other up.
//!
//! A client that does not read must not stop the server from reading: output goes to a queue without
//! a bound, which a thread of its own drains.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::sync::mpsc as blocking;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

/// Bytes of stack for a thread that only waits and copies.
pub const STACK: usize = 64 * 1024;
/// Bytes that are read at once.
const BUFFER: usize = 64 * 1024;
/// Messages that may wait; a client that writes faster waits itself.
const WAITING: usize = 256;
/// How long the end of the program waits for a client that reads slowly.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Reads standard input; gives the bodies of the messages.
pub fn input() -> io::Result<mpsc::Receiver<Vec<u8>>> {
    let (sender, bodies) = mpsc::channel(WAITING);
    thread::Builder::new().name("stdin".into()).stack_size(STACK).spawn(move || {
        let mut input = BufReader::with_capacity(BUFFER, io::stdin().lock());
        while let Ok(Some(body)) = read_body(&mut input) {
            if sender.blocking_send(body).is_err() {
                break;
            }
        }
    })?;
    Ok(bodies)
}

/// The body of the next message; `None` at the end of the input. Headers other than the length say
/// nothing that matters, and a block of them without a length is an empty message.
fn read_body(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut length = 0;
    let mut header = Vec::new();
    loop {
        header.clear();
        if input.read_until(b'\n', &mut header)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&header);
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.trim().eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    // Grows with what comes: a wrong length must not allocate what it says.
    let mut body = Vec::new();
    input.take(length).read_to_end(&mut body)?;
    Ok((body.len() as u64 == length).then_some(body))
}

/// What goes to the client.
pub struct Output {
    queue: blocking::Sender<Vec<u8>>,
    drained: blocking::Receiver<()>,
}

impl Output {
    /// Starts to write to standard output.
    pub fn open() -> io::Result<Self> {
        let (queue, messages) = blocking::channel::<Vec<u8>>();
        let (done, drained) = blocking::channel();
        // Not through `Stdout`, which would cut every message at its last line break and write twice.
        let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        thread::Builder::new().name("stdout".into()).stack_size(STACK).spawn(move || {
            for message in messages {
                if output.write_all(&message).is_err() {
                    break;
                }
            }
            let _ = done.send(());
        })?;
        Ok(Self { queue, drained })
    }

    /// Queues a message. Without a client that reads it is lost, as everything after it.
    pub fn send(&self, body: &[u8]) {
        let mut message = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        message.extend_from_slice(body);
        let _ = self.queue.send(message);
    }

    /// Waits until everything is written, but not for ever.
    pub fn finish(self) {
        drop(self.queue);
        let _ = self.drained.recv_timeout(LAST_WORDS);
    }
}

#[cfg(test)]
mod tests {
    use super::read_body;

    #[test]
    fn messages_are_found_by_their_length() {
        let text = "Content-Length: 2\r\n\r\n{}content-length:3\r\nContent-Type: x\r\n\r\n[1]X: y\r\n\r\nContent-Length: 9\r\n\r\n{";
        let mut input = text.as_bytes();
        let mut bodies = Vec::new();
        while let Some(body) = read_body(&mut input).unwrap() {
            bodies.push(String::from_utf8(body).unwrap());
        }
        assert_eq!(bodies, ["{}", "[1]", ""]);
    }
}
