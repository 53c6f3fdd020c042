; What TypeScript adds to JavaScript: types, which no edit touches, and parameters that have them.

[
  (type_annotation) (type_arguments) (type_parameters) (interface_declaration) (type_alias_declaration) (ambient_declaration)
  (function_signature) (method_signature) (abstract_method_signature) (implements_clause) (accessibility_modifier) (enum_declaration)
] @type
(as_expression (_) . "as" . (_) @type)
(satisfies_expression (_) . "satisfies" . (_) @type)
[(required_parameter) (optional_parameter)] @typed_parameter
(public_field_definition name: (_) @field.left) @initialiser
(public_field_definition value: (_) @field.right)
(public_field_definition value: [(arrow_function) (function_expression)] @function_definition)
(abstract_class_declaration) @class_definition
