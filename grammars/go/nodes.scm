; Go: which node is what, in the words of Python's grammar.
; A capture names a kind, `field.x` a field, `role.x` a role; `inline` puts a node's children in its own place.
; Of two kinds for one node the one that this file names later counts, `inline` before any.

(source_file) @module
(statement_list) @block
(block) @inline
[(package_clause) (import_declaration)] @import_statement
[
  (type_declaration) (type_identifier) (pointer_type) (slice_type) (map_type) (array_type) (generic_type) (function_type) (struct_type)
  (interface_type) (qualified_type) (channel_type) (type_arguments) (type_parameter_list)
] @type
(type_spec type: (struct_type)) @class_definition

(function_declaration body: (block (statement_list) @field.body))
(method_declaration body: (block (statement_list) @field.body))
(func_literal body: (block (statement_list) @field.body)) @lambda
[(function_declaration) (method_declaration)] @function_definition
(function_declaration result: (_) @type)
(method_declaration result: (_) @type)
(func_literal result: (_) @type)
(method_declaration receiver: (parameter_list (parameter_declaration type: (type_identifier) @field.owner)))
(method_declaration receiver: (parameter_list (parameter_declaration type: (pointer_type (type_identifier) @field.owner) @field.declarator)))
(parameter_list) @parameters
[(parameter_declaration) (variadic_parameter_declaration)] @typed_parameter
(parameter_declaration name: (identifier) @role.param)
(variadic_parameter_declaration name: (identifier) @role.param)

(if_statement consequence: (block (statement_list) @field.consequence))
(if_statement alternative: (block (statement_list) @field.alternative))
(for_statement body: (block (statement_list) @field.body))
[(for_clause) (range_clause)] @inline
(for_statement . [
  (binary_expression) (unary_expression) (identifier) (call_expression) (selector_expression) (parenthesized_expression)
  (index_expression) (true) (false)
] @field.condition) @while_statement
(range_clause left: (expression_list) @pattern_list)
(range_clause left: (expression_list . (_) @field.left .) @inline)

(var_declaration) @declaration
(const_declaration) @declaration
(var_spec name: (_) @field.left) @initialiser
(const_spec name: (_) @field.left) @initialiser
(var_spec value: (expression_list . (_) @field.right .) @inline)
(const_spec value: (expression_list . (_) @field.right .) @inline)
(short_var_declaration left: (expression_list) @pattern_list) @initialiser
(short_var_declaration left: (expression_list . (_) @field.left .) @inline)
(short_var_declaration right: (expression_list . (_) @field.right .) @inline)
(assignment_statement left: (expression_list) @pattern_list)
(assignment_statement left: (expression_list . (_) @field.left .) @inline)
(assignment_statement right: (expression_list . (_) @field.right .) @inline)
(assignment_statement operator: "=") @assignment
(assignment_statement operator: [
  "+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>=" "&^="
]) @augmented_assignment
(inc_statement (_) @role.store "++" @field.operator) @step
(dec_statement (_) @role.store "--" @field.operator) @step
(return_statement (expression_list . (_) .) @inline)

(binary_expression operator: ["==" "!=" "<" "<=" ">" ">="]) @comparison_operator
(binary_expression operator: ["&&" "||"]) @boolean_operator
(binary_expression operator: ["+" "-" "*" "/" "%" "&" "|" "^" "<<" ">>" "&^"]) @binary_operator
(unary_expression operator: "!" operand: (_) @field.argument) @not_operator
(unary_expression operator: ["-" "+" "^"] operand: (_) @field.argument) @unary_operator
(index_expression operand: (_) @field.value index: (_) @field.subscript) @subscript
(selector_expression operand: (_) @field.object field: (_) @field.attribute) @attribute
(call_expression) @call
((call_expression function: (identifier) @role.none) (#any-of? @role.none "make" "new"))

(int_literal) @integer
(float_literal) @float
(interpreted_string_literal) @string
(nil) @none
(keyed_element . (literal_element (identifier) @role.none))
