; describe(…), it(…), test(…) as statements, also with .only, .skip, .each(…).
((expression_statement (call_expression function: (identifier) @_name)) @test
  (#match? @_name "^(describe|it|test|suite|specify|context|before|beforeEach|beforeAll|after|afterEach|afterAll|[fx](it|describe|test))$"))
((expression_statement
  (call_expression function: (member_expression object: (identifier) @_name))) @test
  (#match? @_name "^(describe|it|test|suite|specify|context|[fx](it|describe|test))$"))
((expression_statement
  (call_expression
    function: (call_expression function: (member_expression object: (identifier) @_name)))) @test
  (#match? @_name "^(describe|it|test|suite|specify|context|[fx](it|describe|test))$"))
((expression_statement
  (call_expression
    function: (member_expression object: (identifier) @_object property: (property_identifier) @_name))) @test
  (#any-of? @_object "Deno" "QUnit")
  (#any-of? @_name "test" "bench" "module"))
; The same, waited for or returned: `await test(…)`.
((expression_statement (await_expression (call_expression function: (identifier) @_name))) @test
  (#match? @_name "^(describe|it|test|suite)$"))
