(function_definition name: (_) @name) @definition.function
(function_declaration name: (_) @name) @definition.function
(template_body (function_definition name: (_) @name) @definition.method)
(template_body (function_declaration name: (_) @name) @definition.method)
(class_definition name: (identifier) @name) @definition.type
(trait_definition name: (identifier) @name) @definition.type
(object_definition name: (identifier) @name) @definition.type
(enum_definition name: (identifier) @name) @definition.type
(type_definition name: (type_identifier) @name) @definition.type
(simple_enum_case name: (identifier) @name) @definition.field
(full_enum_case name: (identifier) @name) @definition.field
(compilation_unit (val_definition pattern: (identifier) @name) @definition.constant)
(template_body (val_definition pattern: (identifier) @name) @definition.field)
(template_body (var_definition pattern: (identifier) @name) @definition.field)
(class_parameter name: (identifier) @name) @definition.field
(package_clause name: (package_identifier (identifier) @name .)) @definition.module

(type_identifier) @name @reference.type
(call_expression function: (identifier) @name) @reference.call
(call_expression function: (field_expression field: (identifier) @name)) @reference.call
(call_expression function: (generic_function function: (identifier) @name)) @reference.call
(instance_expression (type_identifier) @name) @reference.call
(instance_expression (generic_type type: (type_identifier) @name)) @reference.call
(import_declaration (identifier) @name .) @reference.use
(namespace_selectors (identifier) @name) @reference.use
(as_renamed_identifier name: (identifier) @name) @reference.use
