((block_mapping_pair key: (_) @name) @section
  (#set! trim "\"'"))
((flow_pair key: (_) @name) @section
  (#set! trim "\"'"))

(comment) @doc
