(function_item name: (identifier) @name) @function
(struct_item name: (type_identifier) @name) @type
(union_item name: (type_identifier) @name) @type
(enum_item name: (type_identifier) @name) @type
(trait_item name: (type_identifier) @name) @type
(impl_item type: (_) @name) @type
(macro_definition name: (identifier) @name) @function

(attribute_item) @doc
(line_comment) @doc
(block_comment) @doc
