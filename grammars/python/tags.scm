(function_definition name: (identifier) @name) @definition.function
(class_definition name: (identifier) @name) @definition.type
(class_definition
  body: (block (function_definition name: (identifier) @name) @definition.method))
(class_definition
  body: (block (decorated_definition definition: (function_definition name: (identifier) @name) @definition.method)))
(module (expression_statement (assignment left: (identifier) @name) @definition.constant))
(class_definition
  body: (block (expression_statement (assignment left: (identifier) @name) @definition.field)))
(type_alias_statement left: (type (identifier) @name)) @definition.type

(call function: (identifier) @name) @reference.call
(call function: (attribute attribute: (identifier) @name)) @reference.call
(decorator (identifier) @name) @reference.call
(decorator (attribute attribute: (identifier) @name)) @reference.call
(type (identifier) @name) @reference.type
(type (generic_type (identifier) @name)) @reference.type
(class_definition superclasses: (argument_list (identifier) @name)) @reference.type
(class_definition superclasses: (argument_list (attribute attribute: (identifier) @name))) @reference.type
(import_statement name: (dotted_name (identifier) @name .)) @reference.module
(import_statement name: (aliased_import name: (dotted_name (identifier) @name .))) @reference.module
(import_from_statement module_name: (dotted_name (identifier) @name .)) @reference.module
(import_from_statement name: (dotted_name (identifier) @name .)) @reference.use
(import_from_statement name: (aliased_import name: (dotted_name (identifier) @name .))) @reference.use
