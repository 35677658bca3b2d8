((function_definition declarator: (function_declarator declarator: (identifier) @_name)) @test
  (#match? @_name "^(test_|setUp$|tearDown$)|_test$"))

; Criterion, Check, GoogleTest, Catch2, doctest, Boost: a macro writes the head of a function. With two words
; in it the grammar takes it for a function …
((function_definition !type declarator: (function_declarator declarator: (identifier) @_name)) @test
  (#match? @_name "^(\\w+_)?(TEST|TEST_[A-Z_]*|Test|ParameterizedTest|Theory|TYPED_TEST(_P)?|START_TEST|BENCHMARK|SCENARIO)$"))
; … else for a call, and what it is the head of stands after it.
(translation_unit
  ((expression_statement (call_expression function: (identifier) @_name)) @mark @attribute
    (#match? @_name "^(\\w+_)?(TEST|TEST_[A-Z_]*|Test|ParameterizedTest|Theory|TYPED_TEST(_P)?|START_TEST|BENCHMARK|SCENARIO)$")))
