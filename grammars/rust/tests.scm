; An attribute marks what it stands before: `#[test]`, `#[tokio::test(…)]`, `#[rstest]`.
((attribute_item) @mark
  (#match? @mark "(?s)test\\s*(\\(.*\\))?\\s*\\]$"))
((attribute_item) @mark
  (#match? @mark "^#\\s*\\[\\s*(\\w+\\s*::\\s*)*(test_case|test_matrix|case|bench|quickcheck|fixture)\\b"))
; What is compiled for tests only, `cfg(all(test, …))` too; a bare `cfg(not(test))` is the opposite.
((attribute_item) @mark
  (#match? @mark "(?s)\\bcfg\\s*\\(.*test")
  (#not-match? @mark "^#\\s*\\[\\s*cfg\\s*\\(\\s*not\\s*\\(\\s*test\\s*\\)\\s*\\)\\s*\\]$"))
(attribute_item) @attribute

; The same from within.
((source_file (inner_attribute_item) @_inner) @test
  (#match? @_inner "(?s)\\bcfg\\s*\\(.*test")
  (#not-match? @_inner "^#\\s*!\\s*\\[\\s*cfg\\s*\\(\\s*not\\s*\\(\\s*test\\s*\\)\\s*\\)\\s*\\]$"))
((mod_item body: (declaration_list (inner_attribute_item) @_inner)) @test
  (#match? @_inner "(?s)\\bcfg\\s*\\(.*test")
  (#not-match? @_inner "^#\\s*!\\s*\\[\\s*cfg\\s*\\(\\s*not\\s*\\(\\s*test\\s*\\)\\s*\\)\\s*\\]$"))

; Tests that a macro writes.
((macro_invocation (token_tree) @_body) @test
  (#match? @_body "#\\s*\\[\\s*test\\s*\\]"))
