//! The token that every request must bring: made once, readable by its owner alone.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The shortest that is taken from a file: what can be guessed is no token.
const LEAST: usize = 20;

/// A token, and whether it was made just now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub text: String,
    pub is_new: bool,
}

impl Token {
    /// The one in this file, which is made if it is not there. An error says what to do.
    pub fn at(path: &Path) -> Result<Self, String> {
        let wrong = |what: &str| format!("{} {what}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| wrong(&format!("cannot be made: {error}")))?;
        }
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(mut file) => {
                let text = fresh();
                let written = file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n"));
                written.map_err(|error| wrong(&format!("cannot be written: {error}")))?;
                Ok(Self { text, is_new: true })
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let found = fs::metadata(path).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
                if found.mode() & 0o077 != 0 {
                    return Err(wrong(
                        "can be read by others than its owner: chmod 600, or remove it to get a new token",
                    ));
                }
                let text = fs::read_to_string(path).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
                let text = text.trim().to_owned();
                if text.len() < LEAST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err(wrong(&format!(
                        "holds no token of at least {LEAST} letters; remove it to get a new one"
                    )));
                }
                Ok(Self { text, is_new: false })
            }
            Err(error) => Err(wrong(&format!("cannot be made: {error}"))),
        }
    }
}

/// 256 bits from the system.
fn fresh() -> String {
    let bytes: [u8; 32] = rand::random();
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("baton-{digits}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_made_once_for_its_owner_alone() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("state/serve-token");
        let first = Token::at(&path).expect("made");
        assert!(first.is_new && first.text.len() == 70);
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
        assert_eq!(Token::at(&path), Ok(Token { text: first.text, is_new: false }));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
        assert!(Token::at(&path).expect_err("others read it").contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
        fs::write(&path, "short\n").expect("ours");
        assert!(Token::at(&path).expect_err("too short").contains("at least 20"));
    }
}
