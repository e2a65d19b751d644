(trait_definition name: (identifier) @name) @trait
(class_definition name: (identifier) @name) @class
(object_definition name: (identifier) @name) @object
(enum_definition name: (identifier) @name) @enum
(simple_enum_case name: (identifier) @name) @enumerator
(full_enum_case name: (identifier) @name) @enumerator
(type_definition name: (type_identifier) @name) @type
(given_definition name: (identifier) @name) @constant
(template_body (function_definition name: (_) @name) @method)
(template_body (function_declaration name: (_) @name) @method)
(extension_definition (function_definition name: (_) @name) @method)
(compilation_unit (function_definition name: (_) @name) @function)
(template_body (val_definition pattern: (identifier) @name) @constant)
(template_body (val_declaration name: (identifier) @name) @constant)
(template_body (var_definition pattern: (identifier) @name) @variable)
(template_body (var_declaration name: (identifier) @name) @variable)
(compilation_unit (val_definition pattern: (identifier) @name) @constant)
(compilation_unit (var_definition pattern: (identifier) @name) @variable)
(class_parameter name: (identifier) @name) @field
