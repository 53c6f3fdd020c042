"""Whole statements: deleted, duplicated, moved, indented, inserted, wrapped (kind 22)."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.syntax.ingredients import COMPOUND, Ingredients, in_loop, is_plain, margin
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.layout import (
    STATEMENTS,
    alone,
    begin,
    compound_of,
    finish,
    last_block,
    lines_of,
    movable,
    shifted,
    siblings,
)
from refine_tui.syntax.operators.record import TEST, Draft, Operator, operand, operators_of, ranked


def _delete(node: Node, have: Ingredients) -> Iterator[Draft]:
    if len(siblings(node)) == 1 or not alone(node):
        if node.words.foot:
            yield from _dropped(node)
        elif node.kind != "pass_statement":
            yield Draft(node.start, node.end, "pass", 0.7, "statement dropped")
        return
    end = finish(node) + len(_newline_at(node.source, finish(node)))
    if end <= have.function.end:
        yield Draft(begin(node), end, "", note="statement dropped")
    elif begin(node) > have.function.start:
        yield Draft(begin(node) - len(have.file.newline), node.end, "", note="statement dropped")


def _dropped(node: Node) -> Iterator[Draft]:
    """Drop a statement of a block in braces, its lines where it has them to itself, else with the semicolon after it."""
    if alone(node):
        yield Draft(begin(node), finish(node) + len(_newline_at(node.source, finish(node))), "", 0.7, "statement dropped")
    else:
        rest = node.source[node.end :].lstrip(" \t")
        end = len(node.source) - len(rest) + 1 if rest.startswith(";") else node.end
        yield Draft(node.start, end, "", 0.7, "statement dropped")


def _newline_at(source: str, at: int) -> str:
    return "\r\n" if source[at : at + 2] == "\r\n" else source[at : at + 1]


def _duplicate(node: Node, have: Ingredients) -> Iterator[Draft]:
    if alone(node) and (is_plain(node) or node.kind in ("if_statement", "for_statement", "while_statement")):
        copy = node.source[begin(node) : node.end]
        yield Draft(node.end, node.end, f"{have.file.newline}{copy}", note="statement twice")


def _move(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Swap with the statement below, and with the one below that."""
    group = siblings(node)
    at = group.index(node)
    for distance, other in enumerate(group[at + 1 : at + 3]):
        statement = other.role == "load" and (other.kind in STATEMENTS or is_plain(other))
        if statement and alone(node) and alone(other) and node.text != other.text:
            rest = node.source[node.end : other.start]
            if distance == 0:
                yield Draft(node.start, other.end, f"{other.text}{rest}{node.text}", note="swapped with the next statement")
            else:
                yield from _past(node, other, have)


def _past(node: Node, other: Node, have: Ingredients) -> Iterator[Draft]:
    """Move a statement below the second one after it, and that one above this."""
    middle = node.source[begin(siblings(node)[siblings(node).index(node) + 1]) : other.end]
    yield Draft(begin(node), other.end, f"{middle}{have.file.newline}{margin(node)}{node.text}", 0.5, "moved down by two")
    until = node.source[begin(node) : begin(other)].rstrip("\r\n")
    yield Draft(begin(node), other.end, f"{margin(node)}{other.text}{have.file.newline}{until}", 0.5, "moved up by two")


def _dedent(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Move this statement and all after it in its block out of the compound statement around them, once and twice."""
    group = siblings(node)
    at, owner, weight = group.index(node), compound_of(node), 1.0
    if at == 0 or not all(movable(part) for part in group[at:]):
        return
    last = group[-1]
    while owner is not None and alone(owner):
        moved = shifted(lines_of(node, last, have.function.end), margin(node), margin(owner))
        rest = node.source[finish(last) : min(finish(owner), have.function.end)].lstrip("\r\n")
        if moved is not None and owner.start >= have.function.start:
            kept = f"{rest}{have.file.newline}" if rest else ""
            yield Draft(begin(node), max(min(finish(owner), have.function.end), node.end), f"{kept}{moved}", weight, "dedented")
        owner, weight = compound_of(owner), weight * 0.6


def _indent(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Move this statement, and the ones after it, to the end of the compound statement before it."""
    group = siblings(node)
    at = group.index(node)
    before, weight = group[at - 1] if at else None, 1.0
    while before is not None and before.kind in COMPOUND and alone(before):
        block = last_block(before)
        if block is None or not alone(block.parts[0]):
            return
        for last in dict.fromkeys([node, group[-1]]):
            if all(movable(part) for part in group[at : group.index(last) + 1]):
                moved = shifted(lines_of(node, last, have.function.end), margin(node), margin(block.parts[0]))
                if moved is not None:
                    yield Draft(begin(node), max(min(finish(last), have.function.end), last.end), moved, weight, "indented")
        before, weight = block.parts[-1], weight * 0.6


def _insert(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Put a statement of the function, or a usual one, before this one; after it where it is the last."""
    if not alone(node):
        return
    group = siblings(node)
    at = group.index(node)
    before = group[at - 1].text if at else ""
    texts = [text for text in _offers(node, have) if text not in (node.text, before)]
    for text, weight in ranked(texts, 9, 0.85):
        if not text.startswith(("return", "break", "continue")):
            yield Draft(node.start, node.start, f"{text}{have.file.newline}{margin(node)}", weight, f"{text} inserted")
    if group[-1] is node and not node.text.startswith(("return", "break", "continue", "raise")):
        for text, weight in ranked(texts, 14, 0.88):
            yield Draft(node.end, node.end, f"{have.file.newline}{margin(node)}{text}", weight, f"{text} inserted")


def _offers(node: Node, have: Ingredients) -> Iterator[str]:
    inside = in_loop(node)
    ends = inside or node.kind in ("for_statement", "while_statement", "if_statement")
    near = sorted(have.simple_statements, key=lambda other: abs(other.line - node.line))
    end = node.words.ends
    yield from [other.text for other in near if is_plain(other)][:5]
    if inside:
        yield from (f"break{end}", f"continue{end}")
    if ends or siblings(node)[-1] is node:
        yield from [other.text for other in near if other.kind == "return_statement"][:3]
    yield from (f"{text}{end}" for text in _composed(node, have))
    numbers = [name for name in have.names_at(node) if "number" in have.kinds.get(name, ()) and name in have.bound]
    yield from (f"{name} {sign} 1{end}" for name in numbers[:2] for sign in ("+=", "-="))
    yield from (f"return {name}{end}" for name in list(have.names_at(node))[:3])
    if have.yields:
        yield from (f"yield {name}" for name in list(have.names_at(node))[:2])
    yield from (f"return {value}{end}" for value in node.words.all(("True", "False", "None")))


def _composed(node: Node, have: Ingredients) -> Iterator[str]:
    """Yield statements not yet there, made as the ones there are: `seen.add(x)` for another name, `previous = current`."""
    names = list(have.names_at(node))
    methods = [
        (holder, name) for holder in have.items for name in have.file.attributes.get(holder, ()) if name in ("append", "add", "push")
    ]
    empty = [holder for holder in have.items if holder in have.bound and not have.file.attributes.get(holder)]
    fresh = [(holder, "add" if "unique" in have.kinds[holder] else "append") for holder in empty]
    for holder, method in [*methods, *(fresh if node.words.python else [])][:2]:
        yield from (f"{holder}.{method}({name})" for name in names[:3] if name != holder)
    if in_loop(node):
        bound = [name for name in names if name in have.bound and name not in have.loop_names][:3]
        yield from (f"{left} = {right}" for left in bound[:2] for right in names[:3] if right != left)


def _wrap(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Do a statement only under a condition of the function."""
    if not movable(node):
        return
    tests = sorted(have.conditions, key=lambda other: abs(other.line - node.line))
    names = list(have.parameters[:1]) if node.words.truthy else []
    texts = [operand(other, TEST) for other in tests if other.line != node.line][:3] + _pairs(node, have) + names
    moved = shifted(lines_of(node, node, node.end), margin(node), margin(node) + have.indent)
    for text, weight in ranked(texts, 8, 0.75):
        if moved is not None:
            head, foot = node.words.head.format(text), node.words.foot and f"{have.file.newline}{margin(node)}{node.words.foot}"
            yield Draft(begin(node), node.end, f"{margin(node)}{head}{have.file.newline}{moved}{foot}", weight, f"only if {text}")


def _pairs(node: Node, have: Ingredients) -> list[str]:
    """Return conditions on the names of the statement: two loop variables alike, or a name not yet in what is filled here."""
    inside = list(dict.fromkeys(inner.text for inner in node.walk() if inner.kind == "identifier" and inner.role == "load"))
    loops = [name for name in have.names_at(node) if name in have.loop_names][:2]
    alike = node.words.all(("==", "!="))
    texts = [f"{loops[1]} {sign} {loops[0]}" for sign in alike] if len(loops) == 2 else []
    for name in [name for name in inside if name in loops][:1] if node.words.python else []:
        texts += [f"{name} {word} {holder}" for holder in have.items[-2:] if holder != name for word in ("not in", "in")]
    return texts


def _unwrap(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Do unconditionally, or once, what stands under an `if`, a loop or a `with`."""
    block = last_block(node)
    if block is None or block.parent is not node or not alone(node) or not all(movable(part) for part in block.parts):
        return
    if node.kind != "if_statement" and any(inner.kind in ("break_statement", "continue_statement") for inner in node.walk()):
        return
    moved = shifted(lines_of(block.parts[0], block.parts[-1], node.end), margin(block.parts[0]), margin(node))
    if moved is not None and block.parts[0].line > node.line:
        yield Draft(begin(node), node.end, moved, note="no longer conditional")


def _clause_drop(node: Node, _have: Ingredients) -> Iterator[Draft]:
    if node.parent is not None and node.parent.kind in ("if_statement", "for_statement", "while_statement"):
        before = node.source[: node.start].rstrip()
        yield Draft(len(before), node.end, "", note=f"{node.children[0].text} dropped")


def _clause_add(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Give an `if` an `else`: with a statement of the function."""
    if not alone(node) or any(child.kind == "else_clause" for child in node.children):
        return
    near = sorted(have.simple_statements, key=lambda other: abs(other.line - node.line))
    inside = {part.text for block in node.parts if block.kind == "block" for part in block.parts}
    texts = [other.text for other in near if other.text not in inside and other.kind in ("expression_statement", "return_statement")]
    more = ["continue", "break"] if in_loop(node) else []
    for text, weight in ranked([*texts[:4], *more], 5, 0.75):
        clause = f"{have.file.newline}{margin(node)}else:{have.file.newline}{margin(node)}{have.indent}{text}"
        yield Draft(node.end, node.end, clause, weight, f"else: {text} added")


_EVERY = operators_of("statement")
_BLOCKS = operators_of("if_statement", "for_statement", "while_statement", "with_statement")

OPERATORS = (
    Operator(
        "statement.delete", 22, 0.045, "a statement deleted",
        "def f(a):\n    a += 1\n    a += 1\n    return a\n", "def f(a):\n    a += 1\n    return a\n",
        "statement.duplicate", _EVERY, _delete, carries=True,
    ),
    Operator(
        "statement.duplicate", 22, 0.003, "a statement done twice",
        "def f(a):\n    a += 1\n    return a\n", "def f(a):\n    a += 1\n    a += 1\n    return a\n",
        "statement.delete", _EVERY, _duplicate, carries=True,
    ),
    Operator(
        "statement.move", 22, 0.02, "a statement moved past the next one or two",
        "def f(a):\n    a += 1\n    a *= 2\n    return a\n", "def f(a):\n    a *= 2\n    a += 1\n    return a\n",
        "statement.move", _EVERY, _move, carries=True,
    ),
    Operator(
        "statement.dedent", 22, 0.03, "statements moved out of the block around them",
        "def f(a):\n    for b in a:\n        a += b\n        return a\n", "def f(a):\n    for b in a:\n        a += b\n    return a\n",
        "statement.indent", _EVERY, _dedent, carries=True,
    ),
    Operator(
        "statement.indent", 22, 0.02, "statements moved into the block before them",
        "def f(a):\n    for b in a:\n        a += b\n    return a\n", "def f(a):\n    for b in a:\n        a += b\n        return a\n",
        "statement.dedent", _EVERY, _indent,
    ),
    Operator(
        "statement.insert", 22, 0.045, "a statement inserted: one of the function, or a usual one",
        "def f(a):\n    for b in a:\n        a += b\n", "def f(a):\n    for b in a:\n        a += b\n        break\n",
        "statement.delete", _EVERY, _insert, carries=True,
    ),
    Operator(
        "statement.wrap", 22, 0.01, "a statement made conditional",
        "def f(a, b):\n    b += 1\n    return a\n", "def f(a, b):\n    if a:\n        b += 1\n    return a\n",
        "statement.unwrap", _EVERY, _wrap, carries=True,
    ),
    Operator(
        "statement.unwrap", 22, 0.01, "a block freed of its condition or loop",
        "def f(a, b):\n    if a:\n        b += 1\n    return a\n", "def f(a, b):\n    b += 1\n    return a\n",
        "statement.wrap", _BLOCKS, _unwrap, carries=True,
    ),
    Operator(
        "statement.clause-drop", 22, 0.01, "an else or elif branch deleted",
        "def f(a):\n    a += 2\n    if a:\n        a += 1\n    else:\n        a += 2\n    return a\n",
        "def f(a):\n    a += 2\n    if a:\n        a += 1\n    return a\n",
        "statement.clause-add", operators_of("else_clause", "elif_clause"), _clause_drop, carries=True,
    ),
    Operator(
        "statement.clause-add", 22, 0.005, "an else branch added",
        "def f(a):\n    a += 2\n    if a:\n        a += 1\n    return a\n",
        "def f(a):\n    a += 2\n    if a:\n        a += 1\n    else:\n        a += 2\n    return a\n",
        "statement.clause-drop", operators_of("if_statement"), _clause_add,
    ),
)  # fmt: skip
