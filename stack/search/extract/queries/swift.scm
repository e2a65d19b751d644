(class_declaration declaration_kind: "class" name: (type_identifier) @name) @class
(class_declaration declaration_kind: "actor" name: (type_identifier) @name) @class
(class_declaration declaration_kind: "struct" name: (type_identifier) @name) @struct
(class_declaration declaration_kind: "enum" name: (type_identifier) @name) @enum
(class_declaration declaration_kind: "extension" name: (user_type) @name) @implementation
(protocol_declaration name: (type_identifier) @name) @interface
(typealias_declaration name: (type_identifier) @name) @type
(associatedtype_declaration name: (type_identifier) @name) @type
(enum_entry name: (simple_identifier) @name) @enumerator
(source_file (function_declaration name: (simple_identifier) @name) @function)
(class_body (function_declaration name: (simple_identifier) @name) @method)
(enum_class_body (function_declaration name: (simple_identifier) @name) @method)
(protocol_function_declaration name: (simple_identifier) @name) @method
(class_body (init_declaration "init" @name) @constructor)
(enum_class_body (init_declaration "init" @name) @constructor)
(class_body (property_declaration name: (pattern (simple_identifier) @name)) @property)
(enum_class_body (property_declaration name: (pattern (simple_identifier) @name)) @property)
(protocol_property_declaration name: (pattern (simple_identifier) @name)) @property
(source_file (property_declaration name: (pattern (simple_identifier) @name)) @variable)
