"""Looking things up instead of looking for them: sets, dictionaries and counters in place of walks through lists."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.syntax.ingredients import Ingredients, margin
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.layout import alone
from refine_tui.syntax.operators.rewriting import (
    CALL,
    COMPARISON,
    CONSTANTS,
    FOR,
    PLAIN,
    STATEMENT,
    Change,
    Rewrite,
    Speedup,
    arguments,
    assigned,
    binary_sign,
    body_of,
    called,
    fresh,
    instead,
    line_after,
    line_before,
    names_in,
    only_if,
    outermost,
    previous,
    receiver,
    repeated_by,
    sides,
    statement_of,
    together,
    touched,
)

_MEMBERSHIP = ("in", "not in")


def _container(node: Node) -> Node | None:
    """Return what a membership test looks into."""
    both = sides(node) if binary_sign(node) in _MEMBERSHIP else None
    return both[1] if both else None


def _set(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Look into a set that is made once, where a loop looks into the same list again and again."""
    where = _container(node)
    if where is None or where.kind not in ("identifier", "attribute", "subscript", "call", "list_comprehension"):
        return
    loop = outermost(where, have.function)
    if loop is None:
        return
    name, anchor = fresh(f"{where.text}_set" if where.kind in ("identifier", "attribute") else "known", have), statement_of(loop)
    tests = [inner for inner in loop.walk() if (other := _container(inner)) is not None and other.text == where.text]
    if tests[:1] != [node]:
        return
    changes = [instead(other, name) for test in tests if (other := _container(test)) is not None]
    value = f"{{{where.text[1:-1].strip()}}}" if where.kind == "list_comprehension" else f"set({where.text})"
    made = line_before(anchor, f"{name} = {value}", have)
    yield together(node.source, [made, *changes], f"{where.text} as a set before the loop")


def _literal(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Look into a set of constants, which the compiler makes once."""
    where = _container(node)
    if where is not None and where.kind in ("list", "tuple") and where.parts and all(part.kind in CONSTANTS for part in where.parts):
        inside = ", ".join(part.text for part in where.parts)
        yield Rewrite(where.start, where.end, f"{{{inside}}}", f"{where.text} as a set")


def _copy(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Look into the thing itself and not into a copy of it."""
    where = _container(node)
    if where is None:
        return
    given = arguments(where)
    if called(where) in ("list", "tuple", "sorted", "set") and len(given) == 1 and given[0].kind != "generator_expression":
        yield Rewrite(where.start, where.end, given[0].text, f"no copy of {given[0].text}")
    elif called(where) == ".keys" and (holder := receiver(where)):
        yield Rewrite(where.start, where.end, holder.text, "no view of the keys")


def _seen(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Keep a set beside a list that only grows, and look into the set."""
    bound = assigned(node)
    if bound is None or bound[0].kind != "identifier" or not alone(node):
        return
    name, scope = bound[0].text, have.function
    tests = [inner for inner in scope.walk() if (where := _container(inner)) is not None and where.text == name]
    if not any(next(repeated_by(test, scope), None) is not None for test in tests):
        return
    grown = _appends(name, scope)
    stores = [inner for inner in scope.walk() if inner.kind == "identifier" and inner.role == "store" and inner.text == name]
    if grown is None or len(stores) != 1:
        return
    also = fresh(f"{name}_seen", have)
    changes = [line_after(node, f"{also} = set({name})", have)]
    changes += [line_after(statement, f"{also}.add({value.text})", have) for statement, value in grown]
    changes += [instead(where, also) for test in tests if (where := _container(test)) is not None]
    yield together(node.source, changes, f"a set beside {name}")


def _appends(name: str, function: Node) -> list[tuple[Node, Node]] | None:
    """Return the statements that append to a list, with what; `None` when it is changed in any other way."""
    found = []
    for inner in function.walk():
        if inner.kind != "call" or (holder := receiver(inner)) is None or holder.text != name:
            continue
        if called(inner) != ".append":
            if name in touched(inner):
                return None
            continue
        given, statement = arguments(inner), inner.parent
        if statement is None or statement.kind != "expression_statement" or not alone(statement) or len(given) != 1:
            return None
        if given[0].kind not in PLAIN:
            return None
        found.append((statement, given[0]))
    return found or None


def _distinct(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Let a dictionary keep the first of each."""
    before, test = previous(node), only_if(body_of(node))
    bound = assigned(before) if before is not None else None
    if before is None or bound is None or test is None or bound[1].text not in ("[]", "list()"):
        return
    condition, left, right = test.child("condition"), node.child("left"), node.child("right")
    if condition is None or left is None or right is None or len(body_of(test)) != 1:
        return
    name = bound[0].text
    if condition.text == f"{left.text} not in {name}" and body_of(test)[0].text == f"{name}.append({left.text})":
        yield Rewrite(before.start, node.end, f"{name} = list(dict.fromkeys({right.text}))", "the first of each by dict.fromkeys")


def _index(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Make a dictionary of positions once, where a loop asks a list for them."""
    made = "{{value: at for at, value in reversed(list(enumerate({0})))}}"
    yield from _asked_often(node, have, ".index", "positions", made, "positions of {0} in a dictionary")


def _count(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Count everything once, where a loop counts one thing after the other."""
    yield from _asked_often(node, have, ".count", "counts", "Counter({0})", "{0} counted once", ("from collections import Counter",))


def _asked_often(
    node: Node, have: Ingredients, method: str, name: str, made: str, note: str, imports: tuple[str, ...] = ()
) -> Iterator[Rewrite]:
    holder, given = receiver(node), arguments(node)
    if called(node) != method or holder is None or len(given) != 1:
        return
    loop = outermost(holder, have.function)
    if loop is None:
        return
    asked = [inner for inner in loop.walk() if called(inner) == method and (of := receiver(inner)) is not None and of.text == holder.text]
    if asked[0] is not node:
        return
    name = fresh(name, have)
    changes = [line_before(statement_of(loop), f"{name} = {made.format(holder.text)}", have)]
    for call in asked:
        wanted = arguments(call)[0]
        changes += [Change(call.start, wanted.start, f"{name}["), Change(wanted.end, call.end, "]")]
    yield together(node.source, changes, note.format(holder.text), imports)


def _join(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Group what an inner loop goes through by what it is compared with, so that only what matches is looked at."""
    test, items, item = only_if(body_of(node)), node.child("right"), node.child("left")
    outer = next(repeated_by(node, have.function), None)
    if test is None or items is None or item is None or outer is None or outer.kind != "for_statement" or not alone(node):
        return
    own = {inner.text for inner in item.walk() if inner.kind == "identifier"}
    at = _from_next(items)
    given = at[1] if at else items.text
    changed = touched(outer) - own
    if (names_in(items) - ({at[0]} if at else set())) & changed:
        return
    for equation, rest in _equations(test):
        for mine, other in _keyed(equation, own):
            if names_in(mine) & changed:
                continue
            yield _grouped(node, outer, test, have, (item.text, given), (mine.text, other), rest, f"{item.text} > {at[0]}" if at else "")


def _from_next(items: Node) -> tuple[str, str] | None:
    """Return the variable and the whole range of `range(i + 1, n)`."""
    given = arguments(items)
    if called(items) != "range" or len(given) != 2 or given[0].kind != "binary_operator" or not given[0].text.endswith("+ 1"):
        return None
    return given[0].text.split("+")[0].strip(), f"range({given[1].text})"


def _equations(test: Node) -> Iterator[tuple[Node, str]]:
    """Yield the equations of a condition, each with what else it asks."""
    condition = test.child("condition")
    if condition is None:
        return
    if binary_sign(condition) == "==" and condition.kind == "comparison_operator":
        yield condition, ""
    left, right = condition.child("left"), condition.child("right")
    if condition.kind == "boolean_operator" and binary_sign(condition) == "and" and left and right:
        for one, rest in ((left, right), (right, left)):
            if one.kind == "comparison_operator" and binary_sign(one) == "==":
                yield one, rest.text


def _keyed(equation: Node, own: set[str]) -> Iterator[tuple[Node, str]]:
    """Yield the side of an equation that only the inner loop decides, with what it has to be equal to: `a + b == c` asks for `c - a`."""
    both = sides(equation)
    for one, other in (both, both[::-1]) if both else ():
        if names_in(other) & own:
            continue
        if names_in(one) & own:
            yield one, other.text
        parts = sides(one) if one.kind == "binary_operator" and binary_sign(one) == "+" else None
        for term, rest in (parts, parts[::-1]) if parts else ():
            if names_in(term) & own and not names_in(rest) & own:
                yield term, f"{other.text} - {rest.text if rest.kind != 'binary_operator' else f'({rest.text})'}"


def _grouped(
    node: Node, outer: Node, test: Node, have: Ingredients, loop: tuple[str, str], key: tuple[str, str], rest: str, after: str
) -> Rewrite:
    item, items = loop
    name, anchor, newline = fresh("groups", have), statement_of(outer), have.file.newline
    condition = " and ".join(part for part in (after, rest) if part)
    inside, step = margin(anchor), have.indent
    made = f"{name} = {{}}{newline}{inside}for {item} in {items}:{newline}{inside}{step}{name}.setdefault({key[0]}, []).append({item})"
    head = f"for {item} in {name}.get({key[1]}, ()):{newline}{margin(node)}{step}"
    first = body_of(test)[0]
    if condition:
        text = f"if {condition}{node.source[test.parts[0].end : test.end]}"
    else:
        text = node.source[first.start : test.end].replace(f"{newline}{margin(first)}", f"{newline}{margin(test)}")
    changes = [line_before(anchor, made, have), Change(node.start, test.end, f"{head}{text}")]
    return together(node.source, changes, f"{items} grouped by {key[0]}")


SPEEDUPS = (
    Speedup(
        "lookup.set", 0.5, "a set made before the loop, where the loop looks into the same list again and again",
        "def f(a, b):\n    for c in a:\n        if c in b:\n            print(c)\n",
        "def f(a, b):\n    b_set = set(b)\n    for c in a:\n        if c in b_set:\n            print(c)\n",
        COMPARISON, _set,
    ),
    Speedup(
        "lookup.seen", 0.5, "a set beside a list that only grows",
        "def f(a):\n    b = []\n    for c in a:\n        if c not in b:\n            b.append(c)\n    return b\n",
        "def f(a):\n    b = []\n    b_seen = set(b)\n    for c in a:\n        if c not in b_seen:\n            b.append(c)\n"
        "            b_seen.add(c)\n    return b\n",
        STATEMENT, _seen,
    ),
    Speedup(
        "lookup.distinct", 0.5, "`dict.fromkeys` for the first of each",
        "def f(a):\n    b = []\n    for c in a:\n        if c not in b:\n            b.append(c)\n    return b\n",
        "def f(a):\n    b = list(dict.fromkeys(a))\n    return b\n",
        FOR, _distinct,
    ),
    Speedup(
        "lookup.literal", 0.1, "a set of constants in place of a list of them",
        "def f(a):\n    return a in [1, 2, 3, 4]\n", "def f(a):\n    return a in {1, 2, 3, 4}\n", COMPARISON, _literal,
    ),
    Speedup(
        "lookup.copy", 0.3, "no copy just to look into it",
        "def f(a, b):\n    return a in list(b)\n", "def f(a, b):\n    return a in b\n", COMPARISON, _copy,
    ),
    Speedup(
        "lookup.index", 0.4, "a dictionary of positions, where a loop asks a list for them",
        "def f(a, b):\n    return [b.index(c) for c in a]\n",
        "def f(a, b):\n    positions = {value: at for at, value in reversed(list(enumerate(b)))}\n    return [positions[c] for c in a]\n",
        CALL, _index,
    ),
    Speedup(
        "lookup.count", 0.5, "a counter made once, where a loop counts one thing after the other",
        "def f(a):\n    return {b: a.count(b) for b in a}\n",
        "from collections import Counter\n\n\ndef f(a):\n    counts = Counter(a)\n    return {b: counts[b] for b in a}\n",
        CALL, _count,
    ),
    Speedup(
        "lookup.join", 0.5, "the inner of two loops grouped by what it is compared with",
        "def f(a, b):\n    d = []\n    for c in a:\n        for e in b:\n            if c == e.key:\n                d.append(e)\n"
        "    return d\n",
        "def f(a, b):\n    d = []\n    groups = {}\n    for e in b:\n        groups.setdefault(e.key, []).append(e)\n"
        "    for c in a:\n        for e in groups.get(c, ()):\n            d.append(e)\n    return d\n",
        FOR, _join,
    ),
)  # fmt: skip
