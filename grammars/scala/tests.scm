; ScalaTest, munit, specs2, ZIO Test, ScalaCheck.
((class_definition extend: (extends_clause type: (_) @_base)) @test
  (#match? @_base "(Suite|Spec|TestCase|Specification|Properties|(Fun|Flat|Word|Free|Feature|Prop)Spec\\w*)$"))
((object_definition extend: (extends_clause type: (_) @_base)) @test
  (#match? @_base "(Suite|Spec|ZIOSpecDefault|TestSuite|Specification)$"))
((object_definition extend: (extends_clause arguments: (_)) @_extends) @test
  (#match? @_extends "\\bProperties\\("))
((function_definition (annotation name: (_) @_annotation)) @test
  (#match? @_annotation "^(Test|ParameterizedTest|(Before|After)(Each|All|Class)?)$"))
