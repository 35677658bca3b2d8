((class_declaration
  (inheritance_specifier inherits_from: (user_type (type_identifier) @_base))) @test
  (#match? @_base "(XCTestCase|QuickSpec|AsyncSpec)$"))
((class_declaration (modifiers (attribute (user_type (type_identifier) @_attribute)))) @test
  (#eq? @_attribute "Suite"))
((function_declaration (modifiers (attribute (user_type (type_identifier) @_attribute)))) @test
  (#eq? @_attribute "Test"))
