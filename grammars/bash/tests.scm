; shunit2 and bashunit.
((function_definition name: (word) @_name) @test
  (#match? @_name "^(test([_A-Z]|$)|(setUp|tearDown|oneTimeSetUp|oneTimeTearDown|set_up|tear_down)(_|$))"))
