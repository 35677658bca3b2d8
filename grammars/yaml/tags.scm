((block_mapping_pair key: (_) @name) @definition.section
  (#set! trim "\"'"))
((flow_pair key: (_) @name) @definition.section
  (#set! trim "\"'"))
(anchor (anchor_name) @name) @definition.constant

(alias (alias_name) @name) @reference.use
