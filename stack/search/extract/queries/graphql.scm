(object_type_definition . (description)? . "type" . (name) @name) @type
(object_type_extension (name) @name) @type
(interface_type_definition (name) @name) @interface
(interface_type_extension (name) @name) @interface
(enum_type_definition (name) @name) @enum
(union_type_definition (name) @name) @union
(input_object_type_definition (name) @name) @struct
(scalar_type_definition (name) @name) @type
(directive_definition (name) @name) @directive
(field_definition (name) @name) @field
(input_object_type_definition (input_fields_definition (input_value_definition (name) @name) @field))
(enum_value_definition (enum_value (name) @name)) @enumerator
(operation_definition (operation_type) (name) @name) @function
(fragment_definition (fragment_name (name) @name)) @function
