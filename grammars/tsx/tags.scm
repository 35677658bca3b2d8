((jsx_opening_element name: (identifier) @name) @reference.use
  (#match? @name "^[A-Z]"))
((jsx_self_closing_element name: (identifier) @name) @reference.use
  (#match? @name "^[A-Z]"))
