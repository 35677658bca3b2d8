((attribute (attribute_name) @_key (quoted_attribute_value (attribute_value) @name)) @definition.section
  (#match? @_key "^(?i)id$"))
((attribute (attribute_name) @_key (quoted_attribute_value (attribute_value) @name)) @reference.module
  (#match? @_key "^(?i)(src|href)$"))
((attribute (attribute_name) @_key (quoted_attribute_value (attribute_value) @name)) @reference.use
  (#match? @_key "^(?i)(for|class)$"))
