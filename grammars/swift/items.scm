(function_declaration name: (simple_identifier) @name) @function
(init_declaration "init" @name) @method
(deinit_declaration "deinit" @name) @method
(protocol_function_declaration name: (simple_identifier) @name) @method
(class_declaration name: [(type_identifier) (user_type)] @name) @type
(protocol_declaration name: (type_identifier) @name) @type

(comment) @doc
(multiline_comment) @doc
