(inline_link (link_text) @name) @section
(full_reference_link (link_text) @name) @section
(image (image_description) @name) @section
