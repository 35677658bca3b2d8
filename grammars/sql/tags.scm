(create_table (object_reference name: (identifier) @name)) @definition.type
(create_view (object_reference name: (identifier) @name)) @definition.type
(create_materialized_view (object_reference name: (identifier) @name)) @definition.type
(create_type (object_reference name: (identifier) @name)) @definition.type
(create_function (object_reference name: (identifier) @name)) @definition.function
(create_index column: (identifier) @name) @definition.section
(column_definition name: (identifier) @name) @definition.field

(object_reference name: (identifier) @name) @reference.type
(invocation (object_reference name: (identifier) @name)) @reference.call
(field name: (identifier) @name) @reference.use
