(method_declaration name: (identifier) @name) @definition.method
(constructor_declaration name: (identifier) @name) @definition.method
(local_function_statement name: (identifier) @name) @definition.function
(class_declaration name: (identifier) @name) @definition.type
(struct_declaration name: (identifier) @name) @definition.type
(record_declaration name: (identifier) @name) @definition.type
(interface_declaration name: (identifier) @name) @definition.type
(enum_declaration name: (identifier) @name) @definition.type
(delegate_declaration name: (identifier) @name) @definition.type
(property_declaration name: (identifier) @name) @definition.field
(field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @definition.field
(event_field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @definition.field
(enum_member_declaration name: (identifier) @name) @definition.field
(namespace_declaration name: [(identifier) @name (qualified_name name: (identifier) @name)]) @definition.module
(file_scoped_namespace_declaration
  name: [(identifier) @name (qualified_name name: (identifier) @name)]) @definition.module

(invocation_expression function: (identifier) @name) @reference.call
(invocation_expression function: (generic_name . (identifier) @name)) @reference.call
(invocation_expression function: (member_access_expression name: (identifier) @name)) @reference.call
(invocation_expression
  function: (member_access_expression name: (generic_name . (identifier) @name))) @reference.call
(object_creation_expression type: (identifier) @name) @reference.call
(object_creation_expression type: (generic_name . (identifier) @name)) @reference.call
(attribute name: [(identifier) @name (qualified_name name: (identifier) @name)]) @reference.type
(base_list [(identifier) @name (generic_name . (identifier) @name)]) @reference.type
(parameter type: [(identifier) @name (generic_name . (identifier) @name)]) @reference.type
(variable_declaration type: [(identifier) @name (generic_name . (identifier) @name)]) @reference.type
(method_declaration returns: [(identifier) @name (generic_name . (identifier) @name)]) @reference.type
(property_declaration type: [(identifier) @name (generic_name . (identifier) @name)]) @reference.type
(type_argument_list (identifier) @name) @reference.type
(using_directive (qualified_name name: (identifier) @name)) @reference.module
(using_directive !name (identifier) @name) @reference.module
