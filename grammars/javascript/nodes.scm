; What JavaScript has and TypeScript writes otherwise.

(formal_parameters (assignment_pattern right: (_) @field.value) @default_parameter)
(field_definition property: (_) @field.left) @initialiser
(field_definition value: (_) @field.right)
(field_definition value: [(arrow_function) (function_expression)] @function_definition)
