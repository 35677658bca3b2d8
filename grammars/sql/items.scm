(create_table (object_reference name: (identifier) @name)) @type
(create_view (object_reference name: (identifier) @name)) @type
(create_materialized_view (object_reference name: (identifier) @name)) @type
(create_type (object_reference name: (identifier) @name)) @type
(create_function (object_reference name: (identifier) @name)) @function
(create_trigger . (_) . (object_reference name: (identifier) @name)) @function
(create_index column: (identifier) @name) @section

(comment) @doc
(marginalia) @doc
