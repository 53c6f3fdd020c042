; What C has and C++ writes otherwise.

(if_statement condition: (parenthesized_expression (_) @field.condition) @inline)
(while_statement condition: (parenthesized_expression (_) @field.condition) @inline)
(subscript_expression index: (_) @field.subscript)
