(function_declaration name: (identifier) @name) @definition.function
(class_body (function_declaration name: (identifier) @name) @definition.method)
(class_declaration name: (identifier) @name) @definition.type
(object_declaration name: (identifier) @name) @definition.type
(type_alias type: (identifier) @name) @definition.type
(source_file (property_declaration (variable_declaration (identifier) @name)) @definition.constant)
(class_body (property_declaration (variable_declaration (identifier) @name)) @definition.field)
(class_parameter (identifier) @name) @definition.field
(enum_entry (identifier) @name) @definition.field
(package_header (qualified_identifier (identifier) @name .)) @definition.module

(user_type (identifier) @name .) @reference.type
(call_expression . (identifier) @name) @reference.call
(call_expression . (navigation_expression (identifier) @name .)) @reference.call
(constructor_invocation (user_type (identifier) @name .)) @reference.call
(annotation (user_type (identifier) @name .)) @reference.type
(import (qualified_identifier (identifier) @name .)) @reference.use
