//! Lines of comma-separated values with a head, read strictly: a mistake is a sentence that names file and line.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// A whole file.
pub struct Rows {
    columns: Vec<String>,
    rows: Vec<(usize, Vec<String>)>,
}

/// One line.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// From 1, the head being the first.
    pub line: usize,
    columns: &'a [String],
    fields: &'a [String],
}

impl Rows {
    /// Reads all of it. `path` is for the sentences only.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let mut rows = Vec::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            let fields = fields(line).with_context(|| format!("{} line {}", path.display(), at + 1))?;
            rows.push((at + 1, fields));
        }
        if rows.is_empty() {
            bail!("{} is empty: its first line must name the columns", path.display());
        }
        let (_, columns) = rows.remove(0);
        match rows.iter().find(|(_, fields)| fields.len() != columns.len()) {
            Some((line, fields)) => bail!(
                "{} line {line} has {} fields where the first line names {} columns",
                path.display(),
                fields.len(),
                columns.len()
            ),
            None => Ok(Self { columns, rows }),
        }
    }

    /// Every line but the head.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, fields)| Row { line: *line, columns: &self.columns, fields })
    }

    /// The columns' names.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(String::as_str)
    }

    /// Whether there is such a column.
    pub fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|name| name == column)
    }
}

impl<'a> Row<'a> {
    /// The field of a column; empty where there is no such column.
    pub fn field(&self, column: &str) -> &'a str {
        self.columns.iter().position(|name| name == column).map_or("", |at| &self.fields[at])
    }
}

/// The fields of a line; one that holds a comma or a quote is quoted, and no field holds a line break.
fn fields(line: &str) -> Result<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let mut field = String::new();
        if let Some(mut quoted) = rest.strip_prefix('"') {
            loop {
                let Some((before, after)) = quoted.split_once('"') else { bail!("a quoted field has no end") };
                field += before;
                match after.strip_prefix('"') {
                    Some(more) => (field, quoted) = (field + "\"", more),
                    None => break rest = after,
                }
            }
            if !rest.is_empty() && !rest.starts_with(',') {
                bail!("a quoted field is followed by something else than a comma");
            }
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            (field, rest) = (rest[..end].to_owned(), &rest[end..]);
        }
        fields.push(field);
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Ok(fields),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_split_as_spreadsheets_write_them() {
        assert_eq!(fields("a,,c").unwrap(), ["a", "", "c"]);
        assert_eq!(fields(r#""a,b","say ""x""",c"#).unwrap(), ["a,b", "say \"x\"", "c"]);
        assert!(fields("\"a").is_err() && fields("\"a\"b,c").is_err());
    }

    #[test]
    fn a_line_of_another_length_is_named() {
        let error = Rows::parse(Path::new("x.csv"), "a,b\n1,2\n\n3\n").err().unwrap();
        assert_eq!(error.to_string(), "x.csv line 4 has 1 fields where the first line names 2 columns");
        assert!(Rows::parse(Path::new("x.csv"), "").is_err());
    }
}
