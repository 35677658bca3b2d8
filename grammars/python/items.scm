(function_definition name: (identifier) @name) @function
(class_definition name: (identifier) @name) @type

(decorated_definition definition: (_) @wrapped) @wrapper
(decorator) @doc
(comment) @doc

(function_definition body: (block . (expression_statement . (string) @docstring))) @documented
(class_definition body: (block . (expression_statement . (string) @docstring))) @documented
