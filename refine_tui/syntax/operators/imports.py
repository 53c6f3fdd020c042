"""Imports: one that is missing, one of another name (kind 22)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from difflib import get_close_matches

from refine_tui.syntax.ingredients import Ingredients, margin
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import Draft, Operator, operators_of, ranked
from refine_tui.syntax.roles import is_docstring

_HOMES = {
    "collections": "Counter OrderedDict defaultdict deque namedtuple", "copy": "deepcopy", "dataclasses": "dataclass field",
    "datetime": "date timedelta timezone", "decimal": "Decimal", "enum": "Enum IntEnum auto", "fractions": "Fraction",
    "functools": "cache lru_cache partial reduce wraps", "io": "BytesIO StringIO", "pathlib": "Path",
    "itertools": "accumulate chain combinations count cycle groupby islice pairwise permutations product repeat zip_longest",
    "math": "ceil comb factorial floor gcd hypot inf isclose isqrt lcm pi prod sqrt", "abc": "ABC abstractmethod",
    "random": "choice randint shuffle", "re": "findall fullmatch", "statistics": "mean median", "bisect": "bisect_left bisect_right",
    "typing": "Any Callable Dict Iterable Iterator List NamedTuple Optional Set Tuple Union", "heapq": "heapify heappop heappush",
    "contextlib": "contextmanager suppress",
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


def _missing(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Import what a name means that nothing binds, where the function or the module begins."""
    if node.role != "load" or node.text in have.known_names or "*" in have.known_names:
        return
    first = _first_statement(have.function)
    module = _HOME.get(node.text)
    if first is not None and (module or node.text in sys.stdlib_module_names):
        line = f"from {module} import {node.text}" if module else f"import {node.text}"
        yield Draft(first.start, first.start, f"{line}{have.file.newline}{margin(first)}", note=f"{line} inserted")


def _first_statement(node: Node) -> Node | None:
    """Return the first statement of a function or module that an import may stand before."""
    body = node if node.kind == "module" else node.body if node.kind == "function_definition" else None
    parts = body.parts if body is not None else ()
    own_lines = (part for part in parts if part.line > node.line or node.kind == "module")
    return next((part for part in own_lines if not is_docstring(part) and part.kind != "future_import_statement"), None)


def _dropped(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Leave an import out of a function: what another import there may stand for."""
    if have.function.kind != "function_definition":
        return
    following = next((part for part in (node.parent.parts if node.parent else ()) if part.start > node.start), None)
    if following is not None:
        yield Draft(node.start, following.start, "", note="import dropped")


def _other(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Import a name as the file reads it."""
    unbound = [name for name in have.file.reads if name not in have.known_names]
    for imported in node.parts[1:]:
        for name, weight in ranked(get_close_matches(imported.text, unbound, 2, 0.7), 2):
            yield Draft(imported.start, imported.end, name, weight)


OPERATORS = (
    Operator(
        "import.add", 22, 0.05, "an import of the standard library that is missing",
        "def f(a):\n    return math.sqrt(a)\n", "def f(a):\n    import math\n    return math.sqrt(a)\n",
        "import.drop", operators_of("identifier"), _missing,
    ),
    Operator(
        "import.drop", 22, 0.0005, "an import inside a function dropped",
        "def f(a):\n    import math\n    return math.sqrt(a)\n", "def f(a):\n    return math.sqrt(a)\n",
        "import.add", operators_of("import_statement", "import_from_statement"), _dropped,
    ),
    Operator(
        "import.name", 22, 0.05, "another name imported, one that the file reads and nothing binds",
        "from m import total\nx = total(1) + totals(2)\n", "from m import totals\nx = total(1) + totals(2)\n",
        "import.name", operators_of("import_from_statement"), _other,
    ),
)  # fmt: skip
