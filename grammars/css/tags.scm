(rule_set (selectors) @name) @definition.section
(keyframes_statement (keyframes_name) @name) @definition.section
((declaration (property_name) @name) @definition.constant
  (#match? @name "^--"))
(class_selector (class_name) @name) @reference.use
(id_selector (id_name) @name) @reference.use
((call_expression (function_name) @_function (arguments (plain_value) @name)) @reference.use
  (#eq? @_function "var"))
(call_expression (function_name) @name) @reference.call
(import_statement (string_value (string_content) @name)) @reference.module
