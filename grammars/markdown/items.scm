(section (atx_heading heading_content: (inline) @name)) @section
; The grammar gives a section to headings that begin with `#` only.
(setext_heading heading_content: (paragraph (inline) @name)) @section
