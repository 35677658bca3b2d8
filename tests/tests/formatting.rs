//! A patch is laid out as the project's formatter does it, but only in a file that was so before.

use baton_tests::openai::{Act, block};
use baton_tests::{OpenAi, Project};

const NEAT: &str = "pub fn double(x: i32) -> i32 {\n    x + 1\n}\n\npub fn same(x: i32) -> i32 {\n    x\n}\n";
const TESTS: &str = "#[test]\nfn doubles() {\n    assert_eq!(layout::double(4), 8);\n}\n";

/// The file after a model's careless fix of it.
fn fixed(source: &str) -> String {
    let reply = block("src/lib.rs", "    x + 1", "      x*2");
    let server = OpenAi::start([Act::Say(reply)]);
    let project = Project::new(&[
        ("Cargo.toml", "[package]\nname = \"layout\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
        ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"layout\"\nversion = \"0.1.0\"\n"),
        ("src/lib.rs", source),
        ("tests/layout.rs", TESTS),
    ]);
    project.configure(&format!("[repair]\nenabled = false\n{}", server.worker("careless", "")));
    let (code, reply) = project.json(&["fix", "src/lib.rs:2", "--apply"]);
    assert_eq!(code, 0, "{reply:#}");
    project.read("src/lib.rs")
}

#[test]
fn a_file_that_was_formatted_stays_so() {
    assert_eq!(fixed(NEAT), NEAT.replace("x + 1", "x * 2"));
}

#[test]
fn a_file_that_was_not_formatted_is_changed_only_where_the_patch_says() {
    let own_style = NEAT.replace("    x\n", "  x\n");
    assert_eq!(fixed(&own_style), own_style.replace("    x + 1", "      x*2"));
}
