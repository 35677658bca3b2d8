//! Walks the folders: every language's facts and queries are read, and its sample gives the expected items.

use std::path::Path;

#[test]
fn every_folder_is_a_language() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<String> = std::fs::read_dir(here)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("language.toml").exists())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut known: Vec<&str> = baton_grammars::all().iter().map(|language| language.id).collect();
    known.sort_unstable();
    assert_eq!(folders, known);
}

#[test]
fn samples_give_their_items() {
    for language in baton_grammars::all() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(language.id).join("sample.txt");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let tree = language.parse(&text, None);
        assert_eq!(language.syntax_errors(&tree), [], "{}", language.id);
        let items: Vec<String> = language
            .items(&tree, &text)
            .iter()
            .map(|item| format!("{:?} {} {}..{}", item.kind, item.name, item.range.start, item.range.end))
            .collect();
        insta::assert_snapshot!(language.id, items.join("\n"));
    }
}
