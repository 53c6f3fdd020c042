; Java: which node is what, in the words of Python's grammar.
; A capture names a kind, `field.x` a field, `role.x` a role; `inline` puts a node's children in its own place.
; Of two kinds for one node the one that this file names later counts, `inline` before any.

(program) @module
(constructor_body) @block
[(line_comment) (block_comment)] @comment
[(package_declaration) (import_declaration)] @import_statement
[
  (integral_type) (floating_point_type) (boolean_type) (void_type) (type_identifier) (generic_type) (array_type) (scoped_type_identifier)
  (annotated_type) (type_arguments) (type_parameters) (superclass) (super_interfaces) (throws) (modifiers) (catch_formal_parameter)
  (switch_label)
] @type
[(class_declaration) (interface_declaration) (enum_declaration) (record_declaration)] @class_definition
[(method_declaration) (constructor_declaration)] @function_definition
[(formal_parameters) (inferred_parameters)] @parameters
[(formal_parameter) (spread_parameter)] @typed_parameter
(formal_parameter name: (identifier) @role.param)
(inferred_parameters (identifier) @role.param)
(lambda_expression) @lambda
(lambda_expression parameters: (identifier) @role.param)

(if_statement condition: (parenthesized_expression (_) @field.condition) @inline)
(while_statement condition: (parenthesized_expression (_) @field.condition) @inline)
(enhanced_for_statement name: (_) @field.left value: (_) @field.right) @for_statement
(throw_statement) @raise_statement

[(local_variable_declaration) (field_declaration)] @declaration
(variable_declarator name: (_) @field.left) @initialiser
(variable_declarator value: (_) @field.right)
(assignment_expression operator: "=") @assignment
(assignment_expression operator: [
  "+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>=" ">>>="
]) @augmented_assignment
(update_expression ["++" "--"] @field.operator) @step
(update_expression (identifier) @role.store)

(binary_expression operator: ["==" "!=" "<" "<=" ">" ">="]) @comparison_operator
(binary_expression operator: ["&&" "||"]) @boolean_operator
(binary_expression operator: ["+" "-" "*" "/" "%" "&" "|" "^" "<<" ">>" ">>>"]) @binary_operator
(unary_expression operator: "!" operand: (_) @field.argument) @not_operator
(unary_expression operator: ["-" "+" "~"] operand: (_) @field.argument) @unary_operator
(ternary_expression) @conditional_expression
(array_access array: (_) @field.value index: (_) @field.subscript) @subscript
(field_access field: (_) @field.attribute) @attribute
(method_invocation) @call
(method_invocation !object name: (identifier) @field.function)

(decimal_integer_literal) @integer
(decimal_floating_point_literal) @float
(string_literal) @string
(null_literal) @none
