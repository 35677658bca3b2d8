(function_definition name: (word) @name) @definition.function
(program (variable_assignment name: (variable_name) @name) @definition.constant)
(program (declaration_command (variable_assignment name: (variable_name) @name)) @definition.constant)

(command name: (command_name (word) @name)) @reference.call
((command
  name: (command_name) @_name
  argument: [(word) @name (string (string_content) @name) (raw_string) @name]) @reference.module
  (#match? @_name "^(source|\\.)$")
  (#set! trim "'"))
(simple_expansion (variable_name) @name) @reference.use
(expansion (variable_name) @name) @reference.use
