; JavaScript and TypeScript: which node is what, in the words of Python's grammar.
; A capture names a kind, `field.x` a field, `role.x` a role; `inline` puts a node's children in its own place.
; Of two kinds for one node the one that this file names later counts, `inline` before any.

(program) @module
(statement_block) @block
(class_declaration) @class_definition
(class_heritage) @type
[(lexical_declaration) (variable_declaration)] @declaration
(throw_statement) @raise_statement
(for_in_statement) @for_statement
(if_statement condition: (parenthesized_expression (_) @field.condition) @inline)
(else_clause (statement_block) @field.body)
(while_statement condition: (parenthesized_expression (_) @field.condition) @inline)

(formal_parameters) @parameters
(rest_pattern) @list_splat_pattern
(array_pattern) @list_pattern
(object_pattern) @tuple_pattern
(shorthand_property_identifier_pattern) @identifier
(catch_clause parameter: (_) @role.store)

(variable_declarator name: (_) @field.left) @initialiser
(variable_declarator value: (_) @field.right)
(assignment_expression) @assignment
(augmented_assignment_expression) @augmented_assignment
(update_expression) @step
(update_expression argument: (identifier) @role.store)

(binary_expression operator: ["==" "===" "!=" "!==" "<" "<=" ">" ">=" "in" "instanceof"]) @comparison_operator
(binary_expression operator: ["&&" "||" "??"]) @boolean_operator
(binary_expression operator: ["+" "-" "*" "/" "%" "**" "&" "|" "^" "<<" ">>" ">>>"]) @binary_operator
(unary_expression operator: "!") @not_operator
(unary_expression operator: ["-" "+" "~"]) @unary_operator
(ternary_expression) @conditional_expression
(await_expression) @await
(subscript_expression object: (_) @field.value index: (_) @field.subscript) @subscript
(member_expression property: (_) @field.attribute) @attribute
(call_expression) @call
(call_expression function: (super) @role.none)
(new_expression constructor: (_) @role.none)
(arguments) @argument_list
(spread_element) @list_splat

((number) @float (#match? @float "^[0-9]+[.]"))
((number) @integer (#match? @integer "^[0-9]+$"))
[(string) (template_string)] @string
(template_substitution) @interpolation
[(null) (undefined)] @none
(array) @list
(object) @dictionary
(pair key: (_) @field.name)

(arrow_function parameter: (identifier) @role.param)
[(arrow_function) (function_expression)] @lambda
[(function_declaration) (generator_function_declaration) (method_definition)] @function_definition
(variable_declarator value: [(arrow_function) (function_expression)] @function_definition)
(assignment_expression right: [(arrow_function) (function_expression)] @function_definition)
(pair value: [(arrow_function) (function_expression)] @function_definition)
