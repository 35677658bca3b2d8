(section (atx_heading heading_content: (inline) @name)) @definition.section
(setext_heading heading_content: (paragraph (inline) @name)) @definition.section
((link_reference_definition (link_label) @name) @definition.constant
  (#set! trim "[]"))

(link_reference_definition (link_destination) @name) @reference.module
