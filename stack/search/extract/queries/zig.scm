(source_file (function_declaration name: (identifier) @name) @function)
(struct_declaration (function_declaration name: (identifier) @name) @method)
(enum_declaration (function_declaration name: (identifier) @name) @method)
(union_declaration (function_declaration name: (identifier) @name) @method)
(variable_declaration . (identifier) @name (struct_declaration)) @struct
(variable_declaration . (identifier) @name (enum_declaration)) @enum
(variable_declaration . (identifier) @name (union_declaration)) @union
(variable_declaration . (identifier) @name (error_set_declaration)) @enum
(source_file (variable_declaration "const" . (identifier) @name) @constant)
(source_file (variable_declaration "var" . (identifier) @name) @variable)
(struct_declaration (variable_declaration "const" . (identifier) @name) @constant)
(struct_declaration (container_field name: (identifier) @name) @field)
(union_declaration (container_field name: (identifier) @name) @field)
(enum_declaration (container_field name: (identifier) @name) @enumerator)
(error_set_declaration (identifier) @name @enumerator)
(test_declaration (string (string_content) @name)) @test
