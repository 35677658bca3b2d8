; What can be pointed at: elements with an id.
(element
  [(start_tag (attribute (attribute_name) @_key (quoted_attribute_value (attribute_value) @name)))
   (self_closing_tag (attribute (attribute_name) @_key (quoted_attribute_value (attribute_value) @name)))]
  (#match? @_key "^(?i)id$")) @section
(script_element
  (start_tag (attribute (attribute_name) @_key (quoted_attribute_value (attribute_value) @name)))
  (#match? @_key "^(?i)id$")) @section
(style_element
  (start_tag (attribute (attribute_name) @_key (quoted_attribute_value (attribute_value) @name)))
  (#match? @_key "^(?i)id$")) @section

(comment) @doc
