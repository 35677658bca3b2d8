(fenced_code_block
  (info_string (language) @language)
  (code_fence_content) @content)

((html_block) @content
  (#set! language "html"))
((minus_metadata) @content
  (#set! language "yaml"))
((plus_metadata) @content
  (#set! language "toml"))

; The grammar of Markdown comes in two: blocks, and the text within them.
((inline) @content
  (#set! language "markdown_inline"))
((pipe_table_cell) @content
  (#set! language "markdown_inline"))
