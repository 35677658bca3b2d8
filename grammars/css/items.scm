(rule_set (selectors) @name) @section
(keyframes_statement (keyframes_name) @name) @section
(media_statement . (_) @name) @section
(supports_statement . (_) @name) @section

(comment) @doc
