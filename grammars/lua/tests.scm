; busted, then LuaUnit.
((function_call name: (identifier) @_name) @test
  (#match? @_name "^(describe|context|insulate|expose|it|spec|test|pending|setup|teardown|before_each|after_each|lazy_setup|lazy_teardown)$"))
((function_declaration name: [(identifier) @_name (_ field: (identifier) @_name) (_ method: (identifier) @_name)]) @test
  (#match? @_name "^test"))
