; What C++ adds to C, and writes otherwise.

(if_statement condition: (condition_clause value: (_) @field.condition) @inline)
(while_statement condition: (condition_clause value: (_) @field.condition) @inline)
(subscript_expression indices: (subscript_argument_list . (_) @field.subscript .) @inline)
(for_range_loop declarator: (_) @field.left) @for_statement
(for_range_loop declarator: [(reference_declarator) (structured_binding_declarator)] @list_pattern)
(throw_statement) @raise_statement
(using_declaration) @import_statement
[
  (template_parameter_list) (template_argument_list) (template_type) (placeholder_type_specifier) (qualified_identifier)
  (lambda_capture_specifier) (field_initializer_list)
] @type
(class_specifier name: (_) body: (_)) @class_definition
(function_declarator declarator: [
  (field_identifier) (qualified_identifier) (destructor_name) (operator_name)
] @field.name)
(init_declarator declarator: (reference_declarator) @list_pattern)
(lambda_expression) @lambda
(optional_parameter_declaration default_value: (_) @field.value) @typed_parameter
