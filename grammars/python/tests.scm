((function_definition name: (identifier) @_name) @test
  (#match? @_name "^test"))
((decorated_definition definition: (function_definition name: (identifier) @_name)) @test
  (#match? @_name "^test"))
((decorated_definition (decorator) @_decorator) @test
  (#match? @_decorator "^@\\s*(pytest\\.)?fixture\\b"))

; unittest's classes, and those that pytest collects from.
((class_definition superclasses: (argument_list (_) @_base)) @test
  (#match? @_base "TestCase$"))
((class_definition
  name: (identifier) @_name
  body: (block
    [
      (function_definition name: (identifier) @_method)
      (decorated_definition definition: (function_definition name: (identifier) @_method))
    ])) @test
  (#match? @_name "^Test")
  (#match? @_method "^test"))
((decorated_definition
  definition: (class_definition superclasses: (argument_list (_) @_base))) @test
  (#match? @_base "TestCase$"))
