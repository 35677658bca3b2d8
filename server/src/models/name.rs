//! What a model on a hub is called. Names come from the command line and from servers; both become paths here, so
//! only what cannot lead anywhere else is a name.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Longest part of a name, in bytes; file systems take 255 and an ending is added.
const LONGEST: usize = 200;
/// Most folders that a file can be in.
const DEEPEST: usize = 4;

/// A repository, `owner/name`, and what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    owner: String,
    repository: String,
    /// A path in the repository, or a word that stands in exactly one; `None`: its only model.
    wanted: Option<String>,
}

impl FromStr for Name {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` names no model; write OWNER/NAME or OWNER/NAME:FILE", written.escape_debug());
        let (repository, wanted) = written.split_once(':').map_or((written, None), |(of, file)| (of, Some(file)));
        let (owner, repository) = repository.split_once('/').ok_or_else(wrong)?;
        let wanted_is_plain = wanted.is_none_or(is_path);
        if !(is_part(owner) && is_part(repository) && wanted_is_plain) {
            return Err(wrong());
        }
        let (owner, repository) = (owner.to_owned(), repository.to_owned());
        Ok(Self { owner, repository, wanted: wanted.map(str::to_owned) })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.repository)
    }
}

impl Name {
    /// The parts of its address on a hub.
    pub fn parts(&self) -> [&str; 2] {
        [&self.owner, &self.repository]
    }

    /// The file that was named whole.
    pub fn file(&self) -> Option<&str> {
        self.wanted.as_deref().filter(|wanted| is_model(wanted))
    }

    /// The one file of those that the repository has that was meant; an error says between which to choose.
    pub fn choose<'a>(&self, files: &'a [String]) -> Result<&'a str, String> {
        let models = files.iter().map(String::as_str).filter(|file| is_model(file) && is_path(file));
        let word = self.wanted.as_deref().unwrap_or_default().to_lowercase();
        let fitting: Vec<&str> = models.filter(|file| file.to_lowercase().contains(&word)).collect();
        match fitting[..] {
            [file] => Ok(file),
            [] if word.is_empty() => Err(format!("{self} has no GGUF file")),
            [] => Err(format!("{self} has no GGUF file with `{word}` in its name")),
            _ => {
                let shown = fitting.iter().take(40).copied().collect::<Vec<_>>().join(", ");
                let more = fitting.len().saturating_sub(40);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                Err(format!("{self} has several models; add one of them after a colon: {shown}{more}"))
            }
        }
    }

    /// Where a file of it is kept, below the folder of models.
    pub fn place(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("{}--{}", self.owner, self.repository)).join(file)
    }
}

fn is_model(file: &str) -> bool {
    file.to_lowercase().ends_with(".gguf")
}

/// A relative path that stays below where it begins.
fn is_path(path: &str) -> bool {
    path.split('/').count() <= DEEPEST + 1 && path.split('/').all(is_part)
}

/// Letters, digits and three signs; not hidden, and nothing that a path could mean otherwise.
fn is_part(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=LONGEST).contains(&part.len()) && part.chars().all(plain) && !part.starts_with('.') && !part.contains("..")
}

#[cfg(test)]
mod tests {
    use super::Name;

    fn files(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_what_leads_nowhere_else_is_a_name() {
        for written in ["o/n", "o/n:m.gguf", "Qwen/Qwen2.5-0.5B-Instruct-GGUF:q4/m-00001-of-2.GGUF", "o/n:Q4_K_M"] {
            assert!(written.parse::<Name>().is_ok(), "{written}");
        }
        let long = format!("o/{}", "n".repeat(201));
        for written in [
            "",
            "n",
            "o/",
            "/n",
            "o/n/m",
            "../n",
            "o/..",
            ".o/n",
            "o/n:",
            "o/n:../m.gguf",
            "o/n:/m.gguf",
            "o/n:a/../m.gguf",
            "o/n:a//m.gguf",
            "o/n:m.gguf/",
            "o/n:.m.gguf",
            "o/n:m\\.gguf",
            "o/n:m%2f.gguf",
            "o/n:a:b.gguf",
            "o/n?x",
            "o/n#x",
            "o/n m",
            "o/ü",
            "o/n\n",
            "https://x/y",
            "o/n:a/b/c/d/e/m.gguf",
            &long,
        ] {
            assert!(written.parse::<Name>().is_err(), "{written:?}");
        }
    }

    #[test]
    fn one_file_is_meant_or_the_user_is_asked() {
        let all = files(&["README.md", "m-Q4_K_M.gguf", "m-Q8_0.gguf", "../evil-Q2.gguf", ".hidden.gguf"]);
        let choose = |written: &str, files: &[String]| {
            let name = written.parse::<Name>().expect("a name");
            name.choose(files).map(str::to_owned)
        };
        assert_eq!(choose("o/n:q4_k_m", &all), Ok("m-Q4_K_M.gguf".into()));
        assert_eq!(choose("o/n", &all[..2]), Ok("m-Q4_K_M.gguf".into()));
        let asked = choose("o/n", &all).expect_err("two");
        assert_eq!(asked, "o/n has several models; add one of them after a colon: m-Q4_K_M.gguf, m-Q8_0.gguf");
        assert!(choose("o/n:q2", &all).expect_err("hostile").contains("no GGUF file with `q2`"));
        assert!(choose("o/n", &all[..1]).expect_err("none").contains("no GGUF file"));
        let many: Vec<String> = (0..50).map(|number| format!("{number}.gguf")).collect();
        assert!(choose("o/n", &many).expect_err("many").ends_with("39.gguf and 10 more"));
    }
}
