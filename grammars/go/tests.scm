((function_declaration name: (identifier) @_name) @test
  (#match? @_name "^(Test|Benchmark|Example|Fuzz)([^a-z]|$)"))
