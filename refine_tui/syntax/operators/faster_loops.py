"""Loops that do less: what stays the same is computed before them, what is settled ends them, sums of parts come from sums so far."""

from __future__ import annotations

import re
from collections.abc import Iterator

from refine_tui.syntax.ingredients import Ingredients
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.layout import alone
from refine_tui.syntax.operators.record import operators_of
from refine_tui.syntax.operators.rewriting import (
    CALL,
    CONSTANTS,
    FOR,
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
    repeated_by,
    same,
    sides,
    statement_of,
    together,
    touched,
)

_COSTLY = frozenset({"sorted", "sum", "max", "min", "set", "list", "tuple", "frozenset", "dict", "Counter"})
_CHEAP = frozenset({"len", "abs", "round", "str", "int", "float", "ord", "chr"})
_TEXT_METHODS = frozenset({
    ".lower", ".upper", ".strip", ".split", ".title", ".casefold", ".replace", ".encode", ".decode", ".splitlines", ".lstrip", ".rstrip",
})  # fmt: skip


def _hoist(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Compute before the loop what each of its turns computes anew, all places that read alike at once."""
    worth = _worth(node) if node.line == node.end_line else 0.0
    loop = outermost(node, have.function) if worth and names_in(node) else None
    if loop is None or _part_of_larger(node, have.function):
        return
    places = same(loop, node.text)
    if not places or places[0] is not node or any(place.role != "load" for place in places):
        return
    name, anchor = fresh(_name_for(node), have), statement_of(loop)
    inside = [place for place in places if next(repeated_by(place, have.function), None) is not None]
    changes = [line_before(anchor, f"{name} = {node.text}", have), *(instead(place, name) for place in inside)]
    yield together(node.source, changes, f"{' '.join(node.text.split())} before the loop", (), worth)


def _worth(node: Node) -> float:
    """Return how much there is to gain, 0 for what should stay where it is."""
    name = called(node)
    if node.kind == "call":
        if any(inner.kind in ("lambda", "yield", "await") for inner in node.walk()):
            return 0.0
        return 1.0 if name in _COSTLY else 0.3 if name in _CHEAP else 0.6 if name in _TEXT_METHODS or name == ".compile" else 0.0
    if node.kind in ("list_comprehension", "set_comprehension", "dictionary_comprehension"):
        return 0.8
    if node.kind == "attribute" and node.field == "function":
        return 0.15 if node.text.endswith((".append", ".add", ".get")) else 0.0
    if node.kind == "attribute":
        return 0.15 if node.text.count(".") > 1 or node.text.startswith("self.") else 0.0
    return 0.15 if node.kind in ("subscript", "binary_operator") and node.role == "load" else 0.0


def _part_of_larger(node: Node, function: Node) -> bool:
    """Say whether what holds the node can be computed before the loop as well: then that is the better choice."""
    parent = node.parent
    while parent is not None and parent.kind in ("argument_list", "parenthesized_expression"):
        parent = parent.parent
    return parent is not None and _worth(parent) >= _worth(node) and outermost(parent, function) is not None


def _name_for(node: Node) -> str:
    if node.kind.endswith("comprehension"):
        return "made"
    words = re.findall(r"[A-Za-z_]+", node.text)
    return "_".join(words[:3]).lower().strip("_")[:24] or "value"


def _break(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Leave the loop once its answer cannot change any more: it only sets names to constants."""
    test = only_if(body_of(node))
    body = body_of(test) if test is not None else []
    settled = [bound for statement in body if (bound := assigned(statement)) is not None and bound[1].kind in CONSTANTS]
    if test is None or len(settled) != len(body) or not body or not alone(body[-1]):
        return
    last = body[-1]
    line = f"{last.source[last.source.rfind(chr(10), 0, last.start) + 1 : last.start]}break"
    newline = _have.file.newline
    yield Rewrite(last.end, last.end, f"{newline}{line}", "the loop left once it is settled")


def _items(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Go through the items, where a loop went through their places."""
    left, right, body = node.child("left"), node.child("right"), node.body
    found = re.fullmatch(r"range\(len\((\w+)\)\)", right.text) if right is not None else None
    if left is None or right is None or body is None or found is None or left.kind != "identifier" or found[1] in touched(node):
        return
    place = f"{found[1]}[{left.text}]"
    reads = [inner for inner in same(body, place) if inner.kind == "subscript"]
    if not reads:
        return
    item = fresh("item", have)
    names = [inner for inner in body.walk() if inner.kind == "identifier" and inner.text == left.text]
    others = [name for name in names if name.parent not in reads]
    head = [Change(left.start, right.end, f"{left.text}, {item} in enumerate({found[1]})")]
    if not others:
        head = [Change(left.start, right.end, f"{item} in {found[1]}")]
    yield together(node.source, [*head, *(instead(read, item) for read in reads)], f"the items of {found[1]}, not their places")


def _bound(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Look for divisors up to the square root."""
    left, right, test = node.child("left"), node.child("right"), only_if(body_of(node))
    given = arguments(right) if right is not None and called(right) == "range" else []
    condition = test.child("condition") if test is not None else None
    if left is None or condition is None or len(given) != 2 or given[0].text != "2" or binary_sign(condition) != "==":
        return
    both = sides(condition)
    number = given[1].text.removesuffix("// 2 + 1").removesuffix("// 2").removesuffix("+ 1").strip()
    if both is None or both[1].text != "0" or both[0].text.replace(" ", "") != f"{number}%{left.text}".replace(" ", ""):
        return
    yield Rewrite(given[1].start, given[1].end, f"math.isqrt(max({number}, 0)) + 1", "divisors up to the square root", ("import math",))


def _sums(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Take the sum of a part from the sums of all beginnings, made once."""
    yield from _from_beginnings(node, have, "sum", "sums", "[0, *itertools.accumulate({0})]")


def _extremes(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Take the extreme of a beginning from the extremes of all beginnings, made once."""
    if called(node) in ("max", "min"):
        yield from _from_beginnings(
            node, have, called(node), f"{called(node)}_so_far", f"list(itertools.accumulate({{0}}, {called(node)}))"
        )


def _from_beginnings(node: Node, have: Ingredients, function: str, name: str, made: str) -> Iterator[Rewrite]:
    given = arguments(node)
    if called(node) != function or len(given) != 1 or given[0].kind != "subscript":
        return
    whole, part = given[0].child("value"), given[0].child("subscript")
    loop = outermost(whole, have.function) if whole is not None else None
    if whole is None or part is None or loop is None or part.kind != "slice" or part.text.count(":") != 1:
        return
    first, last = (text.strip() for text in part.text.split(":"))
    name = fresh(name, have)
    if function == "sum":
        end = f"{name}[{last}]" if last else f"{name}[-1]"
        text = f"({end} - {name}[{first}])" if first not in ("", "0") else end
    elif first in ("", "0") and last:
        text = f"{name}[{last.removesuffix('+ 1').strip()}]" if last.endswith("+ 1") else f"{name}[{last} - 1]"
    else:
        return
    changes = [line_before(statement_of(loop), f"{name} = {made.format(whole.text)}", have), instead(node, text)]
    yield together(node.source, changes, f"{function} of a part of {whole.text} from its beginnings", ("import itertools",))


def _slide(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Go on by an index, where the rest was copied at every step."""
    condition, body = node.child("condition"), body_of(node)
    name = condition.text if condition is not None and condition.kind == "identifier" else ""
    cut = next((part for part in body if part.text == f"{name} = {name}[1:]"), None)
    if not name or cut is None or condition is None or not alone(node):
        return
    at = fresh("at", have)
    heads = [inner for part in body for inner in same(part, f"{name}[0]") if inner.kind == "subscript"]
    uses = [inner for part in body for inner in part.walk() if inner.kind == "identifier" and inner.text == name]
    if len(uses) != len(heads) + 2:
        return
    changes = [line_before(node, f"{at} = 0", have), instead(condition, f"{at} < len({name})"), instead(cut, f"{at} += 1")]
    changes += [instead(head, f"{name}[{at}]") for head in heads]
    changes.append(line_after(node, f"{name} = {name}[{at}:]", have))
    yield together(node.source, changes, f"an index into {name}, not copies of its rest")


def _flag(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Ask `any`, where a loop set a flag."""
    before, test, left, right = previous(node), only_if(body_of(node)), node.child("left"), node.child("right")
    bound = assigned(before) if before is not None else None
    body = body_of(test) if test is not None else []
    flag = assigned(body[0]) if body else None
    condition = test.child("condition") if test is not None else None
    if before is None or bound is None or flag is None or condition is None or left is None or right is None or len(body) > 2:
        return
    if bound[0].text != flag[0].text or {bound[1].text, flag[1].text} != {"True", "False"} or (len(body) == 2 and body[1].text != "break"):
        return
    answer = f"any({condition.text} for {left.text} in {right.text})"
    text = answer if flag[1].text == "True" else f"not {answer}"
    yield Rewrite(before.start, node.end, f"{flag[0].text} = {text}", f"{flag[0].text} by any")


SPEEDUPS = (
    Speedup("loop.hoist", 0.4, "computed before the loop, where each turn did it anew",
            "def f(a, b):\n    for c in a:\n        print(c, sorted(b))\n",
            "def f(a, b):\n    sorted_b = sorted(b)\n    for c in a:\n        print(c, sorted_b)\n",
            operators_of("call", "attribute", "subscript", "binary_operator", "list_comprehension", "set_comprehension",
                         "dictionary_comprehension"), _hoist),
    Speedup("loop.break", 0.3, "a loop left once its answer is settled",
            "def f(a):\n    b = False\n    for c in a:\n        if c > 1:\n            b = True\n    return b\n",
            "def f(a):\n    b = False\n    for c in a:\n        if c > 1:\n            b = True\n            break\n    return b\n",
            FOR, _break),
    Speedup("loop.items", 0.2, "the items gone through, not their places",
            "def f(a):\n    for i in range(len(a)):\n        print(a[i])\n", "def f(a):\n    for item in a:\n        print(item)\n",
            FOR, _items),
    Speedup("loop.bound", 0.4, "divisors looked for up to the square root",
            "def f(n):\n    for i in range(2, n):\n        if n % i == 0:\n            return False\n    return True\n",
            "import math\n\n\ndef f(n):\n    for i in range(2, math.isqrt(max(n, 0)) + 1):\n        if n % i == 0:\n"
            "            return False\n    return True\n", FOR, _bound),
    Speedup("loop.sums", 0.4, "sums of parts from sums so far",
            "def f(a):\n    return [sum(a[:i]) for i in range(len(a))]\n",
            "import itertools\n\n\ndef f(a):\n    sums = [0, *itertools.accumulate(a)]\n    return [sums[i] for i in range(len(a))]\n",
            CALL, _sums),
    Speedup("loop.extremes", 0.4, "extremes of beginnings from extremes so far",
            "def f(a):\n    return [max(a[: i + 1]) for i in range(len(a))]\n",
            "import itertools\n\n\ndef f(a):\n    max_so_far = list(itertools.accumulate(a, max))\n"
            "    return [max_so_far[i] for i in range(len(a))]\n", CALL, _extremes),
    Speedup("loop.slide", 0.4, "an index, where the rest was copied at every step",
            "def f(a):\n    while a:\n        print(a[0])\n        a = a[1:]\n",
            "def f(a):\n    at = 0\n    while at < len(a):\n        print(a[at])\n        at += 1\n    a = a[at:]\n",
            operators_of("while_statement"), _slide),
    Speedup("loop.flag", 0.15, "`any`, where a loop set a flag",
            "def f(a):\n    b = False\n    for c in a:\n        if c > 1:\n            b = True\n    return b\n",
            "def f(a):\n    b = any(c > 1 for c in a)\n    return b\n", FOR, _flag),
)  # fmt: skip
