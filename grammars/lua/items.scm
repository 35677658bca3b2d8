(function_declaration name: (identifier) @name) @function
(function_declaration name: (dot_index_expression) @name) @function
(function_declaration name: (method_index_expression) @name) @method
(assignment_statement
  (variable_list . name: (_) @name .)
  (expression_list . value: (function_definition) .)) @function

(variable_declaration (assignment_statement) @wrapped) @wrapper
(comment) @doc
