; A template whose tag names a language, and that nothing is put into: css`…`, html`…`.
(call_expression
  function: (identifier) @language
  arguments: (template_string . (string_fragment) @content .))
