(pair key: (string (string_content) @name)) @section

(comment) @doc
