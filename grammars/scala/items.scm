(function_definition name: (_) @name) @function
(function_declaration name: (_) @name) @function
(class_definition name: (identifier) @name) @type
(trait_definition name: (identifier) @name) @type
(object_definition name: (identifier) @name) @type
(enum_definition name: (identifier) @name) @type
(given_definition name: (identifier) @name) @type

(comment) @doc
(block_comment) @doc
