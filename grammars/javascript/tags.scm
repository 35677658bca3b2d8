(function_declaration name: (identifier) @name) @definition.function
(generator_function_declaration name: (identifier) @name) @definition.function
(class_declaration name: (identifier) @name) @definition.type
(method_definition name: [(property_identifier) (private_property_identifier)] @name) @definition.method
(field_definition property: [(property_identifier) (private_property_identifier)] @name) @definition.field
(program (lexical_declaration (variable_declarator name: (identifier) @name) @definition.constant))
(program (variable_declaration (variable_declarator name: (identifier) @name) @definition.constant))
(program
  (export_statement
    declaration: (lexical_declaration (variable_declarator name: (identifier) @name) @definition.constant)))
(variable_declarator
  name: (identifier) @name
  value: [(arrow_function) (function_expression)]) @definition.function
(field_definition
  property: [(property_identifier) (private_property_identifier)] @name
  value: [(arrow_function) (function_expression)]) @definition.method

(call_expression function: (identifier) @name) @reference.call
(call_expression function: (member_expression property: (property_identifier) @name)) @reference.call
(new_expression constructor: (identifier) @name) @reference.call
(new_expression constructor: (member_expression property: (property_identifier) @name)) @reference.call
(class_heritage (identifier) @name) @reference.type
(import_specifier name: (identifier) @name) @reference.use
(export_specifier name: (identifier) @name) @reference.use
(import_clause (identifier) @name) @reference.use
(namespace_import (identifier) @name) @reference.module
(import_statement source: (string (string_fragment) @name)) @reference.module
(export_statement source: (string (string_fragment) @name)) @reference.module
((jsx_opening_element name: (identifier) @name) @reference.use
  (#match? @name "^[A-Z]"))
((jsx_self_closing_element name: (identifier) @name) @reference.use
  (#match? @name "^[A-Z]"))
