; A here-document whose end names a language, and that nothing is put into.
(heredoc_redirect
  (heredoc_start) @language
  (heredoc_body) @content)
