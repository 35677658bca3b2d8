((function_declaration
  (modifiers
    (annotation
      [(user_type (identifier) @_annotation .)
       (constructor_invocation (user_type (identifier) @_annotation .))]))) @test
  (#match? @_annotation "^(Test|ParameterizedTest|RepeatedTest|TestFactory|Property|(Before|After)(Each|All|Class|Test)?)$"))
((class_declaration
  (delegation_specifiers
    (delegation_specifier (constructor_invocation (user_type (identifier) @_base .))))) @test
  (#match? @_base "(Spec|TestCase)$"))
((class_declaration
  (modifiers
    (annotation
      [(user_type (identifier) @_annotation .)
       (constructor_invocation (user_type (identifier) @_annotation .))]))) @test
  (#match? @_annotation "^(\\w*Test|Nested|RunWith|ExtendWith)$"))
