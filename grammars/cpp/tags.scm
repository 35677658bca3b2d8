
; Beyond C.
(function_declarator declarator: [(field_identifier) (operator_name) (destructor_name)] @name) @definition.method
(function_definition
  declarator: (function_declarator
    declarator: [
      (field_identifier) @name
      (operator_name) @name
      (destructor_name) @name
      (qualified_identifier name: (identifier) @name)
    ])) @definition.method
(class_specifier name: (type_identifier) @name body: (_)) @definition.type
(alias_declaration name: (type_identifier) @name) @definition.type
(concept_definition name: (identifier) @name) @definition.type
(namespace_definition name: (namespace_identifier) @name) @definition.module
(call_expression function: (qualified_identifier name: (identifier) @name)) @reference.call
(call_expression function: (template_function name: (identifier) @name)) @reference.call
(call_expression
  function: (qualified_identifier name: (template_function name: (identifier) @name))) @reference.call
(using_declaration (qualified_identifier name: (identifier) @name)) @reference.use
