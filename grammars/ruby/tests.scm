; RSpec and Minitest's specs.
((call method: (identifier) @_name block: (_)) @test
  (#match? @_name "^([fx]?(describe|context|it|specify|feature|scenario)|shared_examples(_for)?|shared_context|let!?)$"))
((class superclass: (superclass (_) @_base)) @test
  (#match? @_base "(Minitest::Test|Minitest::Spec|TestCase|IntegrationTest)$"))
((method name: (identifier) @_name) @test
  (#match? @_name "^test_"))
