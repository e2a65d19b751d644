(class_declaration name: (identifier) @name) @class
(interface_declaration name: (identifier) @name) @interface
(annotation_type_declaration name: (identifier) @name) @interface
(enum_declaration name: (identifier) @name) @enum
(enum_constant name: (identifier) @name) @enumerator
(constructor_declaration name: (identifier) @name) @constructor
(class_body (method_declaration name: (identifier) @name) @method)
(interface_body (method_declaration name: (identifier) @name) @method)
(program (method_declaration name: (identifier) @name) @function)
(class_body (field_declaration declarator: (variable_declarator name: (identifier) @name)) @field)
