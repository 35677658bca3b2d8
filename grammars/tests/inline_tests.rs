//! What counts as a test among the code, in the forms that a sample has no room for.

use baton_grammars::by_id;

/// The first lines of the tests that are found.
fn found(language: &str, text: &str) -> Vec<String> {
    let language = by_id(language).unwrap();
    let tests = language.tests(&language.parse(text).unwrap(), text);
    tests.into_iter().map(|range| text[range].lines().next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_form_of_a_rust_attribute() {
    for attribute in [
        "#[test]",
        "# [ test ]",
        "#[core::prelude::v1::test]",
        "#[tokio::test]",
        "#[tokio::test(flavor = \"multi_thread\")]",
        "#[tokio::test(\n    flavor = \"multi_thread\",\n)]",
        "#[rstest]",
        "#[test_case(1; \"one\")]",
        "#[wasm_bindgen_test]",
        "#[sqlx::test(migrations = \"x\")]",
        "#[bench]",
        "#[cfg(test)]",
        "#[cfg(all(test, unix))]",
        "#[cfg(all(not(windows), test))]",
        "#[cfg(any(test, feature = \"x\"))]",
        "#[cfg(not(not(test)))]",
        "#[cfg( test )]",
    ] {
        let first = attribute.lines().next().unwrap();
        for item in
            ["fn f() {}", "mod m { fn f() {} }", "impl S {}", "use a::b;", "const A: u8 = 1;", "static B: u8 = 1;"]
        {
            let text =
                format!("fn real() {{}}\n/// Says.\n{attribute}\n#[ignore]\n// Why.\npub {item}\nfn other() {{}}\n");
            assert_eq!(found("rust", &text), [first], "{text}");
        }
    }
    for attribute in ["#[cfg(not(test))]", "#[cfg(unix)]", "#[derive(Debug)]", "#[allow(dead_code)]", "#[inline]"] {
        assert!(found("rust", &format!("{attribute}\nfn f() {{}}\n")).is_empty(), "{attribute}");
    }
}

#[test]
fn rust_tests_in_unusual_places() {
    let whole = "#![cfg(test)]\nfn f() {}\n";
    assert_eq!(found("rust", whole), ["#![cfg(test)]"]);
    assert_eq!(found("rust", "mod m {\n    #![cfg(test)]\n    fn f() {}\n}\nfn g() {}\n"), ["mod m {"]);
    let deep = "mod a { mod b { fn f() { #[cfg(test)] let x = 1; } } }\nstruct S { #[cfg(test)] a: u8, b: u8 }\n";
    assert_eq!(found("rust", deep), ["#[cfg(test)] let x = 1;", "#[cfg(test)] a: u8"]);
    let arms = "fn f(x: u8) {\n    match x {\n        #[cfg(test)]\n        1 => a(),\n        2 => b(),\n        _ => c(),\n    }\n}\n";
    assert_eq!(found("rust", arms), ["#[cfg(test)]"]);
    // Half-written code keeps its tests.
    let broken = "fn f( {\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn t() {}\n}\n";
    assert!(!found("rust", broken).is_empty());
}

#[test]
fn heads_of_tests_that_a_macro_writes() {
    let c = "int f(void) { return 1; }\nTest(basket, is_empty) {\n    cr_assert(1);\n}\nint g(void) { return 2; }\n";
    assert_eq!(found("c", c), ["Test(basket, is_empty) {"]);
    let cpp = "int f() { return 1; }\nTEST_CASE(\"a\", \"[b]\") {\n    REQUIRE(f() == 1);\n}\n\
               TEST_F(Basket, Total) {\n    EXPECT_EQ(f(), 1);\n}\nint g() { return 2; }\n\
               namespace n {\nTEST_CASE(\"c\") {}\n}\n";
    assert_eq!(found("cpp", cpp), ["TEST_CASE(\"a\", \"[b]\") {", "TEST_F(Basket, Total) {", "TEST_CASE(\"c\") {}"]);
}

#[test]
fn what_only_looks_like_a_test() {
    for (language, text) in [
        ("python", "def attest():\n    pass\n\nclass Testing:\n    def run(self):\n        pass\n"),
        ("javascript", "const ok = /x/.test(text);\nitems.it(1);\nfunction test() {}\n"),
        ("go", "func Testify() {}\nfunc test() {}\n"),
        ("java", "class A { @Override public void test() {} }"),
        ("swift", "struct A { func testConnection() {} }"),
        ("json", "{\"test\": 1}"),
    ] {
        assert!(found(language, text).is_empty(), "{language}: {:?}", found(language, text));
    }
}

#[test]
fn a_large_file_is_read_whole() {
    let rust = baton_grammars::by_id("rust").unwrap();
    let code = "/// Adds.\n#[inline]\npub fn f(a: u8) -> u8 {\n    match a {\n        0 => g(a, 1),\n        _ => a + 1,\n    }\n}\n\n".repeat(3000);
    let large = format!("{code}#[cfg(test)]\nmod tests {{\n    #[test]\n    fn t() {{}}\n}}\n");
    assert_eq!(rust.tests_in(&large), std::iter::once(code.len()..large.len() - 1).collect::<Vec<_>>());
}
