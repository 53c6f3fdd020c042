"""Order kept instead of made anew: insertion where everything was sorted again, heaps for what is least, keys that are looked up."""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.syntax.ingredients import Ingredients
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.layout import alone
from refine_tui.syntax.operators.record import operators_of
from refine_tui.syntax.operators.rewriting import (
    LOOP,
    STATEMENT,
    Change,
    Rewrite,
    Speedup,
    arguments,
    assigned,
    called,
    following,
    instead,
    line_before,
    previous,
    receiver,
    together,
)

_LOOKED_UP = {
    "count": ("Counter({0}).get", ("from collections import Counter",)),
    "index": ("{{value: at for at, value in reversed(list(enumerate({0})))}}.get", ()),
}


def _key(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Look keys up, where a list was gone through for each of them."""
    name, value = node.child("name"), node.child("value")
    method = value.child("attribute") if value is not None and value.kind == "attribute" else None
    holder = value.child("object") if value is not None else None
    if name is None or name.text != "key" or value is None or method is None or holder is None or method.text not in _LOOKED_UP:
        return
    text, imports = _LOOKED_UP[method.text]
    yield Rewrite(value.start, value.end, text.format(holder.text), f"keys of {holder.text} looked up", imports)


def _insort(node: Node, _have: Ingredients) -> Iterator[Rewrite]:
    """Insert at the right place, where something was appended and everything sorted again."""
    before = previous(node)
    sort, append = _call(node), _call(before) if before is not None else None
    if before is None or sort is None or append is None or called(sort) != ".sort" or called(append) != ".append" or arguments(sort):
        return
    one, other = receiver(sort), receiver(append)
    if one is not None and other is not None and one.text == other.text:
        text = f"bisect.insort({one.text}, {arguments(append)[0].text})"
        yield Rewrite(before.start, node.end, text, f"{one.text} stays in order", ("import bisect",))


def _heap(node: Node, have: Ingredients) -> Iterator[Rewrite]:
    """Take the least from a heap, where it was searched and then removed."""
    for take in node.walk():
        bound, removal = assigned(take) if take.kind == "expression_statement" else None, following(take)
        call = _call(removal) if removal is not None else None
        if bound is None or removal is None or call is None or called(bound[1]) != "min" or called(call) != ".remove":
            continue
        holder, given = receiver(call), arguments(bound[1])
        if holder is None or [one.text for one in given] != [holder.text] or [one.text for one in arguments(call)] != [bound[0].text]:
            continue
        pushes = [
            inner for inner in node.walk() if called(inner) == ".append" and (of := receiver(inner)) is not None and of.text == holder.text
        ]
        if holder.kind == "identifier" and alone(node):
            changes = [line_before(node, f"heapq.heapify({holder.text})", have)]
            changes.append(Change(take.start, removal.end, f"{bound[0].text} = heapq.heappop({holder.text})"))
            changes += [instead(push, f"heapq.heappush({holder.text}, {arguments(push)[0].text})") for push in pushes]
            yield together(node.source, changes, f"{holder.text} as a heap", ("import heapq",))


def _call(statement: Node) -> Node | None:
    inner = statement.parts[0] if statement.kind == "expression_statement" and len(statement.parts) == 1 else None
    return inner if inner is not None and inner.kind == "call" else None


SPEEDUPS = (
    Speedup("order.key", 0.5, "keys looked up, where a list was gone through for each",
            "from collections import Counter\ndef f(a):\n    return max(a, key=a.count)\n",
            "from collections import Counter\ndef f(a):\n    return max(a, key=Counter(a).get)\n",
            operators_of("keyword_argument"), _key),
    Speedup("order.insort", 0.4, "insertion at the right place, where everything was sorted again",
            "import bisect\ndef f(a):\n    b = []\n    for c in a:\n        b.append(c)\n        b.sort()\n    return b\n",
            "import bisect\ndef f(a):\n    b = []\n    for c in a:\n        bisect.insort(b, c)\n    return b\n",
            STATEMENT, _insort),
    Speedup("order.heap", 0.4, "a heap, where the least was searched and then removed",
            "import heapq\ndef f(a):\n    while a:\n        b = min(a)\n        a.remove(b)\n        print(b)\n",
            "import heapq\ndef f(a):\n    heapq.heapify(a)\n    while a:\n        b = heapq.heappop(a)\n        print(b)\n",
            LOOP, _heap),
)  # fmt: skip
