; Items: what a code action can be about. @item is the whole, @name its name.
(function_definition name: (identifier) @name) @function
(class_definition name: (identifier) @name) @type
