((method_declaration
  (modifiers [(marker_annotation name: (_) @_annotation) (annotation name: (_) @_annotation)])) @test
  (#match? @_annotation "(^|\\.)(Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate|Theory|Property|DataProvider|(Before|After)(Each|All|Class|Method|Suite)?)$"))
((class_declaration
  (modifiers [(marker_annotation name: (_) @_annotation) (annotation name: (_) @_annotation)])) @test
  (#match? @_annotation "(^|\\.)(\\w*Test|Nested|RunWith|ExtendWith)$"))
((class_declaration superclass: (superclass (_) @_base)) @test
  (#match? @_base "TestCase$"))
