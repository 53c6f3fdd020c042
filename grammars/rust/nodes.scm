; Rust: which node is what, in the words of Python's grammar.
; A capture names a kind, `field.x` a field, `role.x` a role; `inline` puts a node's children in its own place.
; Of two kinds for one node the one that this file names later counts, `inline` before any.

(source_file) @module
[(line_comment) (block_comment)] @comment
[(use_declaration) (extern_crate_declaration)] @import_statement
[(attribute_item) (inner_attribute_item)] @decorator
[
  (type_identifier) (primitive_type) (reference_type) (generic_type) (scoped_type_identifier) (array_type) (tuple_type) (function_type)
  (lifetime) (type_arguments) (type_parameters) (where_clause) (trait_bounds) (scoped_identifier) (macro_invocation) (macro_definition)
  (match_pattern) (self_parameter) (type_item) (shorthand_field_initializer)
] @type
(let_condition pattern: (_) @type)
[(struct_item) (enum_item) (trait_item)] @class_definition
(impl_item type: (_) @field.name) @class_definition
(function_item) @function_definition
(closure_expression) @lambda
(closure_parameters) @lambda_parameters
(closure_parameters (identifier) @role.param)
(parameter) @typed_parameter

(expression_statement [
  (if_expression) (while_expression) (for_expression) (match_expression) (loop_expression)
]) @inline
(if_expression) @if_statement
(else_clause (block) @field.body)
(while_expression) @while_statement
(for_expression pattern: (_) @field.left value: (_) @field.right) @for_statement
(return_expression) @return_statement
(expression_statement (return_expression) @inline) @return_statement
(expression_statement (break_expression) @inline) @break_statement
(expression_statement (continue_expression) @inline) @continue_statement

(let_declaration pattern: (_) @field.left) @initialiser
(let_declaration value: (_) @field.right)
(const_item name: (_) @field.left value: (_) @field.right) @initialiser
(static_item name: (_) @field.left value: (_) @field.right) @initialiser
(tuple_pattern) @tuple_pattern
(assignment_expression) @assignment
(compound_assignment_expr) @augmented_assignment

(binary_expression operator: ["==" "!=" "<" "<=" ">" ">="]) @comparison_operator
(binary_expression operator: ["&&" "||"]) @boolean_operator
(binary_expression operator: ["+" "-" "*" "/" "%" "&" "|" "^" "<<" ">>"]) @binary_operator
(unary_expression "!" (_) @field.argument) @not_operator
(unary_expression "-" @field.operator (_) @field.argument) @unary_operator
(index_expression . (_) @field.value (_) @field.subscript) @subscript
(field_expression value: (_) @field.object field: (_) @field.attribute) @attribute
(call_expression) @call
(arguments) @argument_list

(integer_literal) @integer
(float_literal) @float
(string_literal) @string
((boolean_literal) @true (#eq? @true "true"))
((boolean_literal) @false (#eq? @false "false"))
(tuple_expression) @tuple
(array_expression) @list
