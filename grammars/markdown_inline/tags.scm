(link_destination) @name @reference.module
((uri_autolink) @name @reference.module
  (#set! trim "<>"))
((link_label) @name @reference.use
  (#set! trim "[]"))
