(function_declaration name: (identifier) @name) @function
(method_declaration name: (field_identifier) @name) @method
(type_spec name: (type_identifier) @name) @type
(type_alias name: (type_identifier) @name) @type

(type_declaration . [(type_spec) (type_alias)] @wrapped .) @wrapper
(comment) @doc
