
; Beyond C: fixtures, and tests inside a namespace.
((class_specifier (base_class_clause (_) @_base)) @test
  (#match? @_base "(testing::Test|testing::TestWithParam<.*>|TestFixture|TestCase)$"))
((struct_specifier (base_class_clause (_) @_base)) @test
  (#match? @_base "(testing::Test|testing::TestWithParam<.*>|TestFixture|TestCase)$"))
(declaration_list
  ((expression_statement (call_expression function: (identifier) @_name)) @mark @attribute
    (#match? @_name "^(\\w+_)?(TEST|TEST_[A-Z_]*|BENCHMARK|SCENARIO)$")))
