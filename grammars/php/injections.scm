((text) @content
  (#set! language "html"))
