; C and C++: which node is what, in the words of Python's grammar.
; A capture names a kind, `field.x` a field, `role.x` a role; `inline` puts a node's children in its own place.
; Of two kinds for one node the one that this file names later counts, `inline` before any.

(translation_unit) @module
(compound_statement) @block
[(preproc_include) (preproc_def) (preproc_function_def) (preproc_call)] @import_statement
[
  (primitive_type) (type_identifier) (sized_type_specifier) (type_descriptor) (type_qualifier) (storage_class_specifier)
  (enum_specifier) (type_definition)
] @type
(struct_specifier name: (_) body: (_)) @class_definition
(union_specifier name: (_) body: (_)) @class_definition
(else_clause (compound_statement) @field.body)
(function_declarator declarator: (identifier) @field.name)
(parameter_list) @parameters
(parameter_declaration) @typed_parameter

(declaration declarator: (identifier) @role.store)
(init_declarator declarator: (_) @field.left value: (_) @field.right) @initialiser
(init_declarator declarator: (pointer_declarator) @list_pattern)
(assignment_expression operator: "=") @assignment
(assignment_expression operator: [
  "+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>="
]) @augmented_assignment
(update_expression) @step
(update_expression argument: (identifier) @role.store)

(binary_expression operator: ["==" "!=" "<" "<=" ">" ">="]) @comparison_operator
(binary_expression operator: ["&&" "||"]) @boolean_operator
(binary_expression operator: ["+" "-" "*" "/" "%" "&" "|" "^" "<<" ">>"]) @binary_operator
(unary_expression operator: "!") @not_operator
(unary_expression operator: ["-" "+" "~"]) @unary_operator
(subscript_expression argument: (_) @field.value) @subscript
(field_expression argument: (_) @field.object field: (_) @field.attribute) @attribute
(call_expression) @call

((number_literal) @float (#match? @float "^[0-9]+[.]"))
((number_literal) @integer (#match? @integer "^[0-9]+$"))
(string_literal) @string
(null) @none
