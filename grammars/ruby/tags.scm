(method name: (_) @name) @definition.function
(class body: (body_statement (method name: (_) @name) @definition.method))
(module body: (body_statement (method name: (_) @name) @definition.method))
(singleton_method name: (_) @name) @definition.method
(class name: [(constant) @name (scope_resolution name: (constant) @name)]) @definition.type
(module name: [(constant) @name (scope_resolution name: (constant) @name)]) @definition.module
(assignment left: (constant) @name) @definition.constant
((call
  method: (identifier) @_method
  arguments: (argument_list (simple_symbol) @name)) @definition.field
  (#match? @_method "^attr_(reader|writer|accessor)$")
  (#set! trim ":"))

(constant) @name @reference.use
(call method: [(identifier) (constant)] @name) @reference.call
(superclass [(constant) @name (scope_resolution name: (constant) @name)]) @reference.type
((call
  method: (identifier) @_method
  arguments: (argument_list (string (string_content) @name))) @reference.module
  (#match? @_method "^(require|require_relative|load)$"))
