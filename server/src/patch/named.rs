//! The file that a reply names for an edit, told from the prose around it.

/// The file named by the last lines before an edit: alone on its line, or after the opening of a fence.
pub(super) fn path_before(lines: &[&str]) -> Option<String> {
    for line in lines.iter().rev().take(3) {
        let bare = line.trim();
        let fence = bare.trim_start_matches(['`', '~']);
        if bare.len() - fence.len() >= 3 {
            // Behind a fence stands its language, and perhaps the file.
            let named =
                fence.split_whitespace().filter(|word| word.contains(['.', '/'])).filter_map(as_path).next_back();
            if named.is_some() {
                return named;
            }
        } else if !bare.is_empty() && !bare.starts_with('<') {
            return as_path(bare);
        }
    }
    None
}

/// `written` without the marks that models put around a file name, if it looks like one.
fn as_path(written: &str) -> Option<String> {
    let bare = written.trim_start_matches(['#', '*', '-', ' ']).trim_end_matches([':', '*', ' ']);
    let bare = bare.trim_matches(['`', '*', '"', '\'']).trim_end_matches(':').trim();
    let bare = bare.strip_prefix("File:").or(bare.strip_prefix("file:")).unwrap_or(bare).trim().trim_matches('`');
    let is_path = !bare.is_empty()
        && !bare.contains(char::is_whitespace)
        && bare.chars().any(char::is_alphanumeric)
        && !bare.ends_with('.')
        && !bare.contains(['<', '>', '(', ')', '=', '|', ';'])
        && (bare.contains(['.', '/', '\\']) || bare.ends_with("file") && bare.starts_with(char::is_uppercase));
    is_path.then(|| bare.to_owned())
}

#[cfg(test)]
mod tests {
    use super::as_path;

    #[test]
    fn names_are_told_from_prose() {
        for (written, path) in [
            ("src/a.py", Some("src/a.py")),
            ("**`src/a.py`**:", Some("src/a.py")),
            ("### a.rs", Some("a.rs")),
            ("File: `x/Makefile`", Some("x/Makefile")),
            ("../../etc/passwd", Some("../../etc/passwd")),
            ("Here is the fix:", None),
            ("Dockerfile", Some("Dockerfile")),
            ("dockerfile", None),
            ("Done.", None),
            ("python", None),
        ] {
            assert_eq!(as_path(written).as_deref(), path, "{written}");
        }
    }
}
