"""Which nodes are values, which are names being bound, and which are none of an edit's business."""

from __future__ import annotations

from refine_tui.syntax.nodes import Node, Role

UNTOUCHED = frozenset({
    "type", "decorator", "comment", "import_statement", "import_from_statement", "future_import_statement", "global_statement",
    "nonlocal_statement", "case_pattern", "type_conversion", "format_specifier", "type_alias_statement", "type_parameter",
    "ERROR", "delete_statement", "exec_statement", "print_statement",
})  # fmt: skip
BINDERS = frozenset({"assignment", "initialiser", "augmented_assignment", "for_statement", "for_in_clause"})
PATTERNS = frozenset({"pattern_list", "tuple_pattern", "list_pattern", "list_splat_pattern", "as_pattern_target"})
PARAMETERS = frozenset({"parameters", "lambda_parameters", "default_parameter", "typed_parameter", "typed_default_parameter"})
VALUES = frozenset({
    "identifier", "attribute", "subscript", "call", "binary_operator", "boolean_operator", "comparison_operator", "not_operator",
    "unary_operator", "conditional_expression", "integer", "float", "string", "concatenated_string", "true", "false", "none", "list",
    "tuple", "dictionary", "set", "list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression",
    "parenthesized_expression", "lambda", "await", "ellipsis",
})  # fmt: skip


def assign_roles(root: Node) -> None:
    """Set the role of every node below `root`."""
    stack = list(root.children)
    while stack:
        node = stack.pop()
        node.role = _role(node) if node.role == "load" else node.role
        stack.extend(node.children)


def _role(node: Node) -> Role:
    parent = node.parent
    if parent is None:
        return "load"
    if node.kind == "argument_list" and parent.parent is not None and parent.parent.kind == "decorator":
        return "load"
    if parent.role == "none" or node.kind in UNTOUCHED or is_docstring(node):
        return "none"
    if node.field in ("name", "attribute"):
        return "store" if parent.kind == "named_expression" else "none"
    if parent.kind in PARAMETERS or parent.role == "param":
        return "load" if node.field == "value" else "param"
    if parent.kind == "except_clause" and node.kind != "block":
        return "none"
    if (parent.kind in BINDERS and node.field == "left") or node.kind == "as_pattern_target":
        return "store"
    return "store" if parent.role == "store" and parent.kind in PATTERNS else "load"


def is_docstring(node: Node) -> bool:
    """Say whether the node is a statement that is only a string."""
    return node.kind == "expression_statement" and len(node.children) == 1 and node.children[0].kind in ("string", "concatenated_string")


def is_value(node: Node) -> bool:
    """Say whether the node is an expression that is read."""
    return node.role == "load" and node.named and node.kind in VALUES
