"""Building less: generators that stop early, no copies, texts and lists that are not built anew at every step, results kept."""

from __future__ import annotations

import re
from collections.abc import Iterator

from refine_tui.syntax.ingredients import Ingredients, margin
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.layout import alone, begin
from refine_tui.syntax.operators.record import operators_of
from refine_tui.syntax.operators.rewriting import (
    CALL,
    COMPARISON,
    FOR,
    LOOP,
    STATEMENT,
    Change,
    Rewrite,
    Speedup,
    arguments,
    assigned,
    binary_sign,
    body_of,
    called,
    following,
    instead,
    line_after,
    names_in,
    only_if,
    previous,
    receiver,
    repeated_by,
    sides,
    together,
)

_EATS_LAZILY = frozenset({"any", "all", "sum", "min", "max", "set", "frozenset", "sorted", "tuple", "dict"})
_COPIES = frozenset({"list", "tuple", "sorted"})
_WALKS = frozenset({"sorted", "set", "frozenset", "sum", "min", "max", "any", "all", "tuple", "enumerate", "zip", "map"})
_HEAPQ = ("import heapq",)


def _generator(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Hand over what is made one by one, where a whole list was made first."""
    given = arguments(node)
    if called(node) not in _EATS_LAZILY or not given or given[0].kind != "list_comprehension":
        return
    inside, rest = given[0].text[1:-1].strip(), node.source[given[0].end : node.end]
    text = f"{inside}{rest}" if len(given) == 1 else f"({inside}){rest}"
    yield Rewrite(given[0].start, node.end, text, f"{called(node)} without a list")
    if called(node) == "set" and len(given) == 1:
        yield Rewrite(node.start, node.end, f"{{{inside}}}", "a set made at once")


def _length(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Count without making what is counted."""
    given = arguments(node)
    if called(node) != "len" or len(given) != 1:
        return
    if given[0].kind == "list_comprehension" and (body := given[0].child("body")):
        rest = node.source[body.end : given[0].end - 1]
        yield Rewrite(node.start, node.end, f"sum(1{rest})", "counted without a list")
    if called(given[0]) in _COPIES and len(arguments(given[0])) == 1:
        yield Rewrite(given[0].start, given[0].end, arguments(given[0])[0].text, "counted without a copy")


def _extreme(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Look for the least or the greatest, where everything was put in order for it."""
    value, index = node.child("value"), node.child("subscript")
    if value is None or index is None or called(value) != "sorted":
        return
    given = arguments(value)
    inside, backwards = ", ".join(one.text for one in given if not one.text.startswith("reverse")), "reverse=True" in value.text
    if not given or ("reverse" in value.text and not backwards):
        return
    if index.text in ("0", "-1"):
        least = (index.text == "0") != backwards
        yield Rewrite(node.start, node.end, f"{'min' if least else 'max'}({inside})", "the extreme without sorting")
        # What is empty has no extreme: this says so in the words of the sorted list.
        first = f"heapq.{'nsmallest' if least else 'nlargest'}(1, {inside})[0]"
        yield Rewrite(node.start, node.end, first, "the extreme without sorting, or no such index", _HEAPQ, 0.5)
    found = re.fullmatch(r":(\w+)", index.text)
    if found is not None:
        pick = "nlargest" if backwards else "nsmallest"
        yield Rewrite(node.start, node.end, f"heapq.{pick}({found[1]}, {inside})", "only the first few are put in order", _HEAPQ)


def _copy(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Go through the thing itself and not through a copy of it."""
    given = arguments(node)
    if called(node) == ".keys" and node.field == "right" and node.parent and node.parent.kind in ("for_statement", "for_in_clause"):
        holder = receiver(node)
        if holder is not None:
            yield Rewrite(node.start, node.end, holder.text, "the keys themselves")
    if called(node) not in _COPIES - {"sorted"} or len(given) != 1 or given[0].kind == "generator_expression":
        return
    parent = node.parent
    outer = parent.parent if parent is not None and parent.kind == "argument_list" else None
    walked = node.field == "right" and parent is not None and parent.kind in ("for_statement", "for_in_clause")
    if walked or (outer is not None and called(outer) in _WALKS):
        yield Rewrite(node.start, node.end, given[0].text, f"no copy of {given[0].text}")


def _join(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Collect the pieces of a text and join them once, after the loop."""
    bound, name = assigned(node), ""
    if bound is not None and bound[0].kind == "identifier" and bound[1].text in ("''", '""', "str()"):
        name = bound[0].text
    loop = following(node)
    if not name or loop is None or loop.kind not in ("for_statement", "while_statement"):
        return
    grown = [found for inner in loop.walk() if (found := _growth(inner, name)) is not None]
    uses = [inner for inner in loop.walk() if inner.kind == "identifier" and inner.text == name]
    ways = {front for _, _, front in grown}
    if not grown or len(ways) != 1 or len(uses) != sum(statement.text.startswith(f"{name} =") + 1 for statement, _, _ in grown):
        return
    pieces, made = f"{name}_pieces", "reversed({})" if ways == {True} else "{}"
    changes = [instead(node, f"{pieces} = []")]
    changes += [instead(statement, f"{pieces}.append({piece})") for statement, piece, _ in grown]
    changes.append(line_after(loop, f"{name} = ''.join({made.format(pieces)})", have))
    yield together(node.source, changes, f"{name} joined once")


def _growth(statement: Node, name: str) -> tuple[Node, str, bool] | None:
    """Return a statement that adds to a text, what it adds, and whether that goes in front."""
    inner = statement.parts[0] if statement.kind == "expression_statement" and statement.parts else None
    left, right = (inner.child("left"), inner.child("right")) if inner is not None else (None, None)
    if inner is None or left is None or right is None or left.text != name:
        return None
    if inner.kind == "augmented_assignment" and binary_sign(inner) == "+=":
        return statement, right.text, False
    both = sides(right) if inner.kind == "assignment" and right.kind == "binary_operator" and binary_sign(right) == "+" else None
    if both is None:
        return None
    if both[0].text == name:
        return statement, both[1].text, False
    return (statement, both[0].text, True) if both[1].text == name else None


def _grow(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Add to a list, set or dictionary in place, where a loop made a longer one each time."""
    bound = assigned(node)
    if bound is None or next(repeated_by(node, have.function), None) is None:
        return
    name, value = bound[0].text, bound[1]
    both = sides(value) if value.kind == "binary_operator" else None
    if both is not None and both[0].text == name and binary_sign(value) == "+":
        single = both[1].parts[0].text if both[1].kind == "list" and len(both[1].parts) == 1 else None
        text = f"{name}.append({single})" if single is not None else f"{name} += {both[1].text}"
        yield Rewrite(node.start, node.end, text, f"{name} grows in place")
    if both is not None and both[0].text == name and binary_sign(value) == "|":
        yield Rewrite(node.start, node.end, f"{name} |= {both[1].text}", f"{name} grows in place")
    spread = re.fullmatch(rf"\{{\s*\*\*{re.escape(name)},\s*(.+?):\s*(.+?),?\s*\}}", value.text)
    if spread is not None and "," not in spread[2]:
        yield Rewrite(node.start, node.end, f"{name}[{spread[1]}] = {spread[2]}", f"{name} grows in place")
    spread = re.fullmatch(rf"\[\s*\*{re.escape(name)},\s*(.+?),?\s*\]", value.text)
    if spread is not None:
        yield Rewrite(node.start, node.end, f"{name}.append({spread[1]})", f"{name} grows in place")


def _comprehension(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Make a list at once, where a loop appended one by one."""
    before, left, right = previous(node), node.child("left"), node.child("right")
    bound = assigned(before) if before is not None else None
    if before is None or bound is None or left is None or right is None or bound[1].text not in ("[]", "list()", "set()", "0"):
        return
    test = only_if(body_of(node))
    inner = body_of(test) if test is not None else body_of(node)
    asked = test.child("condition") if test is not None else None
    condition = f" if {asked.text}" if asked is not None else ""
    name, call = bound[0].text, inner[0].parts[0] if len(inner) == 1 and inner[0].parts else None
    if call is None or name in names_in(right) | (names_in(asked) if asked is not None else set()):
        return
    clause = f"for {left.text} in {right.text}{condition}"
    given, holder = arguments(call), receiver(call)
    if holder is not None and holder.text == name and len(given) == 1 and name not in names_in(given[0]):
        made = {".append": f"[{given[0].text} {clause}]", ".add": f"{{{given[0].text} {clause}}}"}.get(called(call), "")
        if made and (called(call) == ".add") == (bound[1].text == "set()"):
            yield Rewrite(before.start, node.end, f"{name} = {made}", f"{name} made at once")
    value = call.child("right")
    adds = call.kind == "augmented_assignment" and binary_sign(call) == "+=" and call.parts[0].text == name
    if adds and value is not None and bound[1].text == "0" and name not in names_in(value):
        yield Rewrite(before.start, node.end, f"{name} = sum({value.text} {clause})", f"{name} summed at once")


def _tally(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Count in one step, where a key was looked for before each count."""
    condition, other = node.child("condition"), node.parts[-1] if node.parts else None
    both = sides(condition) if condition is not None and binary_sign(condition) in ("in", "not in") else None
    if both is None or condition is None or other is None or other.kind != "else_clause":
        return
    first, second = body_of(node), body_of(other)
    if binary_sign(condition) == "not in":
        first, second = second, first
    if len(first) != 1 or len(second) != 1 or (start := assigned(second[0])) is None:
        return
    place = f"{both[1].text}[{both[0].text}]"
    step = re.fullmatch(rf"{re.escape(place)} \+= (.+)", first[0].text)
    if step is not None and start[0].text == place and start[1].text == step[1]:
        get = f"{both[1].text}.get({both[0].text}, 0)"
        yield Rewrite(node.start, node.end, f"{place} = {get} + {step[1]}", "counted with get")
    if first[0].text.startswith(f"{place}.append(") and start[0].text == place and start[1].kind == "list" and len(start[1].parts) == 1:
        grouped = f"{both[1].text}.setdefault({both[0].text}, []).append({start[1].parts[0].text})"
        yield Rewrite(node.start, node.end, grouped, "grouped with setdefault")


def _counter(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Let a counter count, where a loop did."""
    before, left, right, body = previous(node), node.child("left"), node.child("right"), body_of(node)
    bound = assigned(before) if before is not None else None
    if before is None or bound is None or left is None or right is None or len(body) != 1 or bound[1].text not in ("{}", "dict()"):
        return
    name, item = bound[0].text, left.text
    if body[0].text in (f"{name}[{item}] = {name}.get({item}, 0) + 1", f"{name}[{item}] = 1 + {name}.get({item}, 0)"):
        imports = ("from collections import Counter",)
        yield Rewrite(before.start, node.end, f"{name} = dict(Counter({right.text}))", "counted by a Counter", imports)


def _cache(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Keep results of a function that calls itself; not where callers could change what is kept."""
    name, head = node.child("name"), node.child("parameters")
    if name is None or head is None or have.yields or "self" in have.parameters or "async" in node.text[:6]:
        return
    decorated = node.parent is not None and node.parent.kind == "decorated_definition"
    calls = [inner for inner in node.walk() if called(inner) == name.text]
    if not calls or decorated or have.receivers or any(_makes_changeable(inner) for inner in have.nodes):
        return
    line = f"@functools.cache{have.file.newline}{margin(node)}"
    yield Rewrite(node.start, node.start, line, f"results of {name.text} are kept", ("import functools",))
    yield Rewrite(node.start, node.start, line.replace("cache", "lru_cache(maxsize=None)"), f"results of {name.text} are kept",
                  ("import functools",), 0.3)  # fmt: skip


def _makes_changeable(node: Node) -> bool:
    """Say whether a return statement gives away something that can be changed."""
    value = node.parts[0] if node.kind == "return_statement" and node.parts else None
    return value is not None and any(inner.kind in ("list", "dictionary", "set", "list_comprehension") for inner in value.walk())


def _same_items(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Compare how often each occurs, where both sides were put in order for it."""
    both = sides(node) if binary_sign(node) in ("==", "!=") else None
    if both and all(called(side) == "sorted" and len(arguments(side)) == 1 for side in both):
        one, other = (f"Counter({arguments(side)[0].text})" for side in both)
        sign = binary_sign(node)
        yield Rewrite(node.start, node.end, f"{one} {sign} {other}", "compared by counts", ("from collections import Counter",))


def _reverse(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Append, and turn the list round once, where each was put in front."""
    bound, loop = assigned(node), following(node)
    if bound is None or loop is None or bound[0].kind != "identifier" or bound[1].text != "[]" or loop.kind != "for_statement":
        return
    name = bound[0].text
    calls = [inner for inner in loop.walk() if called(inner) == ".insert" and (of := receiver(inner)) is not None and of.text == name]
    uses = [inner for inner in loop.walk() if inner.kind == "identifier" and inner.text == name]
    if not calls or len(uses) != len(calls) or any(len(arguments(call)) != 2 or arguments(call)[0].text != "0" for call in calls):
        return
    changes = [Change(call.start, call.end, f"{name}.append({arguments(call)[1].text})") for call in calls]
    yield together(node.source, [*changes, line_after(loop, f"{name}.reverse()", have)], f"{name} turned round once")


def _queue(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Take from the front of a queue that is made for it."""
    bound = assigned(node)
    if bound is None or bound[0].kind != "identifier" or not alone(node):
        return
    name = bound[0].text
    pops = [inner for inner in have.function.walk() if called(inner) == ".pop" and (of := receiver(inner)) is not None and of.text == name]
    front = [call for call in pops if [one.text for one in arguments(call)] == ["0"]]
    if not front or any(arguments(call) and call not in front for call in pops):
        return
    value = bound[1].text
    changes = [instead(bound[1], f"deque({value})"), *(Change(call.start, call.end, f"{name}.popleft()") for call in front)]
    yield together(node.source, changes, f"{name} is a deque", ("from collections import deque",))


def _drain(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """The same for a parameter, of which a deque is made first."""
    front = [inner for inner in node.walk() if called(inner) == ".pop" and [one.text for one in arguments(inner)] == ["0"]]
    names = dict.fromkeys(of.text for call in front if (of := receiver(call)) is not None)
    for name in (name for name in names if name in have.parameters and begin(node) < node.start + 1 and alone(node)):
        mine = [call for call in front if (of := receiver(call)) is not None and of.text == name]
        first = Change(node.start, node.start, f"{name} = deque({name}){have.file.newline}{margin(node)}")
        changes = [first, *(Change(call.start, call.end, f"{name}.popleft()") for call in mine)]
        yield together(node.source, changes, f"{name} is made a deque", ("from collections import deque",))


SPEEDUPS = (
    Speedup("build.generator", 0.3, "no list made, only to be gone through once",
            "def f(a):\n    return any([b > 1 for b in a])\n", "def f(a):\n    return any(b > 1 for b in a)\n", CALL, _generator),
    Speedup("build.length", 0.2, "counting without making what is counted",
            "def f(a):\n    return len([b for b in a if b])\n", "def f(a):\n    return sum(1 for b in a if b)\n", CALL, _length),
    Speedup("build.extreme", 0.4, "the least or greatest without sorting",
            "def f(a):\n    return sorted(a)[0]\n", "def f(a):\n    return min(a)\n", operators_of("subscript"), _extreme),
    Speedup("build.copy", 0.2, "no copy, only to be gone through",
            "def f(a):\n    return sorted(list(a))\n", "def f(a):\n    return sorted(a)\n", CALL, _copy),
    Speedup("build.join", 0.3, "a text joined once, where a loop made a longer one each time",
            "def f(a):\n    b = ''\n    for c in a:\n        b = str(c) + b\n    return b\n",
            "def f(a):\n    b_pieces = []\n    for c in a:\n        b_pieces.append(str(c))\n    b = ''.join(reversed(b_pieces))\n"
            "    return b\n",
            STATEMENT, _join),
    Speedup("build.grow", 0.5, "a list or dictionary that grows in place",
            "def f(a):\n    b = []\n    for c in a:\n        b = b + [c]\n    return b\n",
            "def f(a):\n    b = []\n    for c in a:\n        b.append(c)\n    return b\n", STATEMENT, _grow),
    Speedup("build.comprehension", 0.2, "a list, set or sum made at once",
            "def f(a):\n    b = []\n    for c in a:\n        if c:\n            b.append(c + 1)\n    return b\n",
            "def f(a):\n    b = [c + 1 for c in a if c]\n    return b\n", FOR, _comprehension),
    Speedup("build.tally", 0.15, "one step, where a key was looked for before each count",
            "def f(a, b):\n    if a in b:\n        b[a] += 1\n    else:\n        b[a] = 1\n", "def f(a, b):\n    b[a] = b.get(a, 0) + 1\n",
            operators_of("if_statement"), _tally),
    Speedup("build.counter", 0.3, "a counter that counts, where a loop did",
            "def f(a):\n    b = {}\n    for c in a:\n        b[c] = b.get(c, 0) + 1\n    return b\n",
            "from collections import Counter\n\n\ndef f(a):\n    b = dict(Counter(a))\n    return b\n", FOR, _counter),
    Speedup("build.cache", 0.5, "results kept, of a function that calls itself",
            "import math\ndef f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)\n",
            "import math\nimport functools\n@functools.cache\ndef f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)\n",
            operators_of("function_definition"), _cache),
    Speedup("build.same-items", 0.1, "how often each occurs, where both sides were sorted",
            "def f(a, b):\n    return sorted(a) == sorted(b)\n",
            "from collections import Counter\n\n\ndef f(a, b):\n    return Counter(a) == Counter(b)\n",
            COMPARISON, _same_items),
    Speedup("build.reverse", 0.4, "a list turned round once, where each was put in front",
            "def f(a):\n    b = []\n    for c in a:\n        b.insert(0, c)\n    return b\n",
            "def f(a):\n    b = []\n    for c in a:\n        b.append(c)\n    b.reverse()\n    return b\n", STATEMENT, _reverse),
    Speedup("build.queue", 0.4, "a deque, where a list gave from its front",
            "def f(a):\n    b = [a]\n    while b:\n        print(b.pop(0))\n",
            "from collections import deque\n\n\ndef f(a):\n    b = deque([a])\n    while b:\n        print(b.popleft())\n",
            STATEMENT, _queue),
    Speedup("build.drain", 0.3, "the same for a parameter",
            "def f(a):\n    while a:\n        print(a.pop(0))\n",
            "from collections import deque\n\n\ndef f(a):\n    a = deque(a)\n    while a:\n        print(a.popleft())\n",
            LOOP, _drain),
)  # fmt: skip
