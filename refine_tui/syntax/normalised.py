"""One text for all the ways to lay out the same code."""

from __future__ import annotations

from refine_tui.syntax.nodes import Node

_WHOLE = frozenset({"string", "concatenated_string"})


def token_text(root: Node) -> str:
    """Return the tokens of a tree with comments and white space that means nothing left out; blocks are kept as braces of control codes."""
    tokens: list[str] = []
    stack: list[Node | str] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            tokens.append(node)
        elif node.kind in ("comment", "line_continuation"):
            continue
        elif node.kind in _WHOLE or not node.children:
            tokens.append(node.text)
        elif node.kind == "block":
            stack += ["\x03", *reversed(_separated(node)), "\x02"]
        elif node.kind == "module":
            stack += reversed(_separated(node))
        else:
            stack += reversed(node.children)
    return "\x1f".join(tokens)


def _separated(node: Node) -> list[Node | str]:
    """Return a block's statements with a mark after each, semicolons left out."""
    parts: list[Node | str] = []
    for child in node.children:
        if child.kind not in ("comment", ";", "line_continuation"):
            parts += [child, "\x1e"]
    return parts
