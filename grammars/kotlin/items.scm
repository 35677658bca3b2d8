(function_declaration name: (identifier) @name) @function
(secondary_constructor "constructor" @name) @function
(class_declaration name: (identifier) @name) @type
(object_declaration name: (identifier) @name) @type
(type_alias type: (identifier) @name) @type

(line_comment) @doc
(block_comment) @doc
