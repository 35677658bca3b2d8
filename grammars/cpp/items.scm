
; Beyond C.
(function_definition
  declarator: (function_declarator
    declarator: [(field_identifier) (operator_name) (destructor_name)] @name)) @method
(function_definition
  declarator: (function_declarator declarator: (operator_cast) @name)) @method
(function_definition
  declarator: (function_declarator
    declarator: (qualified_identifier
      name: [(identifier) (operator_name) (destructor_name) (template_function)] @name))) @method
(function_definition
  declarator: (function_declarator
    declarator: (qualified_identifier
      name: (qualified_identifier
        name: [(identifier) (operator_name) (destructor_name) (template_function)] @name)))) @method
(function_definition
  declarator: [
    (pointer_declarator
      declarator: (function_declarator
        declarator: [(field_identifier) (operator_name)] @name))
    (reference_declarator
      (function_declarator
        declarator: [(identifier) (field_identifier) (operator_name)] @name))
    (pointer_declarator
      declarator: (function_declarator
        declarator: (qualified_identifier name: (_) @name)))
    (reference_declarator
      (function_declarator
        declarator: (qualified_identifier name: (_) @name)))
  ]) @method
(class_specifier name: (_) @name body: (_)) @type
(concept_definition name: (identifier) @name) @type
(alias_declaration name: (type_identifier) @name) @type

(template_declaration
  [(function_definition) (class_specifier) (struct_specifier) (union_specifier)
   (alias_declaration) (concept_definition)] @wrapped) @wrapper
