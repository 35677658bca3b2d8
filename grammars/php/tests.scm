((class_declaration (base_clause (_) @_base)) @test
  (#match? @_base "TestCase$"))
((method_declaration name: (name) @_name) @test
  (#match? @_name "^test([A-Z_]|$)"))
((method_declaration
  attributes: (attribute_list (attribute_group (attribute . (_) @_attribute)))) @test
  (#match? @_attribute "(^|\\\\)(Test|DataProvider|Before|After|BeforeClass|AfterClass)$"))
; Pest.
((expression_statement (function_call_expression function: (name) @_name)) @test
  (#match? @_name "^(describe|it|test|beforeEach|afterEach|beforeAll|afterAll|dataset)$"))
((expression_statement
  (member_call_expression object: (function_call_expression function: (name) @_name))) @test
  (#match? @_name "^(describe|it|test)$"))
