"""Constants: integers by one, other numbers, truth values, None, strings, first values (kinds 9 and 10)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from refine_tui.syntax.ingredients import Ingredients
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import Draft, Operator, operators_of, put, ranked, replaced, wants_bytes

_KIN = (
    ("(", "[", "{", "<"), (")", "]", "}", ">"), (" ", ",", ", ", "\\n", "-", "_", ".", ";", ""), ("+", "-", "*", "/", "%"),
    ("r", "w", "a", "rb", "wb"), ("0", "1", ""), ("", "0", "1"), ("_", "-", "__"),
)  # fmt: skip
_FIRST_VALUES = {
    "integer": ("0", "1", "[]", "''", "None", "-1", "float('inf')", "float('-inf')"),
    "string": ("''", "[]", "None", "0"),
    "list": ("[]", "{}", "set()", "''", "0", "None"),
    "dictionary": ("{}", "[]", "set()", "None"),
    "none": ("None", "0", "[]", "''", "{}"),
    "true": ("True", "False"),
    "false": ("False", "True"),
}
_COUNTED = frozenset({
    "argument_list", "comparison_operator", "binary_operator", "subscript", "slice", "augmented_assignment", "assignment", "initialiser",
})  # fmt: skip


def _integer(node: Node, have: Ingredients) -> Iterator[Draft]:
    value = _value(node.text)
    if value is None:
        return
    near = [value + 1, value - 1, 0, 1, 2]
    texts = [str(number) for number in near if number != value]
    others = [text for text in have.integers if text != node.text]
    seen = [text for text in have.compared if text.isdecimal()][:2]
    told = [text for text in [*seen, *have.told] if text not in texts[:2]][:4]
    for text, weight in ranked([*texts[:2], *others[:4], *told, *texts[2:], "10", "-1"], 9 + len(told), 0.75):
        negative = text.startswith("-")
        if text != node.text and not (negative and node.parent is not None and node.parent.kind == "unary_operator"):
            yield put(node, text, 12 if negative else 15, weight)


def _value(text: str) -> int | None:
    """Return a decimal integer's value; other bases and very long ones are left alone."""
    return int(text.replace("_", "")) if re.fullmatch(r"\d[\d_]{0,17}", text) and (text == "0" or text[0] != "0") else None


def _float(node: Node, have: Ingredients) -> Iterator[Draft]:
    texts = [*have.texts("float"), "0.0", "1.0", "0.5", "2.0", "10.0"]
    if re.fullmatch(r"\d{1,12}\.\d{0,12}", node.text):
        number = float(node.text)
        texts[:0] = [str(number + 1), str(number * 10), str(round(number / 10, 12))]
    for text, weight in ranked([text for text in texts if text != node.text and "e" not in text], 6, 0.75):
        yield put(node, text, weight=weight)


def _word(node: Node, have: Ingredients) -> Iterator[Draft]:
    others = {"true": ("False", "None"), "false": ("True", "None"), "none": ("False", "True", "0", "[]", "''")}
    for text, weight in ranked(node.words.all([*others[node.kind], *have.compared[:2]]), 6, 0.5):
        if text != node.text:
            yield put(node, text, weight=weight)


def _string(node: Node, have: Ingredients) -> Iterator[Draft]:
    if "\n" in node.text or any(child.kind == "interpolation" for child in node.children):
        return
    texts = [*_spelled(node.text, have.words), *_kin(node.text), *_changed(node.text), *_compared(node, have), *have.strings]
    for text, weight in ranked([text for text in texts if text != node.text], 10, 0.85):
        yield put(node, text, weight=weight)


def _compared(node: Node, have: Ingredients) -> list[str]:
    mark = node.text[0] if node.text[0] in "'\"" and node.words.python else "'"
    return list(node.words.all(f"{mark}{text[1:-1]}{mark}" for text in have.compared if text[0] == "'"))[:2]


def _kin(text: str) -> Iterator[str]:
    """Yield other brackets, separators and signs for a string that is one."""
    for family in _KIN:
        if text[1:-1] in family and text[0] in "'\"":
            yield from (f"{text[0]}{other}{text[0]}" for other in family)


def _spelled(text: str, words: tuple[str, ...]) -> Iterator[str]:
    """Yield words of the docstring that are spelled almost as the string is."""
    inner = text[1:-1]
    if inner.isascii() and inner.isalpha() and len(inner) > 3 and inner not in words:
        yield from (f"{text[0]}{word}{text[-1]}" for word in get_close_matches(inner, words, 2, 0.75))


def _everywhere(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Change a constant everywhere in the function; asked at its first place."""
    places = have.places.get(node.text, ())
    if not 2 <= len(places) <= 6 or places[0] is not node:
        return
    value = _value(node.text)
    texts = list(node.words.all({"true": ["False"], "false": ["True"]}.get(node.kind, [])))
    if value is not None:
        texts = [str(value + 1), str(value - 1)] if value else ["1"]
    elif node.kind == "string":
        texts = [text for text in [*_changed(node.text), node.text[:1] * 2, *_kin(node.text)] if text != node.text]
    for text, weight in ranked(texts, 5, 0.7):
        yield replaced(places, text)._replace(weight=weight)


def _name_of(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Put the name a string spells: `'text'` to `text`."""
    name = node.text[1:-1]
    if name in have.names_at(node):
        yield put(node, name)
        if wants_bytes(node):
            yield put(node, f"{name}.encode()")


def _to_name(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Put a name in scope where a number stands."""
    names = have.similar(node)
    numbers = [name for name in names if have.may_count(name)]
    for name, weight in ranked(numbers, 3, 0.6):
        yield put(node, name, weight=weight)


def _for_name(node: Node, have: Ingredients) -> Iterator[Draft]:
    """Put a number used nearby where a name stands that could hold one."""
    parent = node.parent
    if node.role != "load" or parent is None or node.field in ("function", "object", "value"):
        return
    if have.may_count(node.text) and parent.kind in _COUNTED:
        for text, weight in ranked(("1", "0", *have.integers[:1]), 3, 0.6):
            yield put(node, text, weight=weight)


def _text_of(node: Node, _have: Ingredients) -> Iterator[Draft]:
    parent = node.parent
    if parent is not None and node.field != "function" and (parent.kind == "argument_list" or node.field == "subscript"):
        yield put(node, f"'{node.text}'", weight=0.3)


def _changed(text: str) -> Iterator[str]:
    """Yield a string constant in other case, emptied, spaced, and one character shorter."""
    found = re.fullmatch(r"""([a-zA-Z]*)(['"])([^\\]*)\2""", text)
    if found is None:
        return
    prefix, quote, inner = found.groups()
    if not inner.isascii():  # bytes of longer characters, not letters
        yield f"{prefix}{quote}{quote}"
        return
    for other in (inner.swapcase(), inner.upper(), inner.lower(), inner.capitalize()):
        yield f"{prefix}{quote}{other}{quote}"
    yield from (f"{prefix}{quote}{inner.replace(*pair)}{quote}" for pair in (("_", "-"), ("-", "_")) if pair[0] in inner)
    if len(inner) > 1:
        yield from (f"{prefix}{quote}{part}{quote}" for part in (inner[1:], inner[:-1], inner[::-1], inner.strip()))
    yield f"{prefix}{quote}{'' if inner else ' '}{quote}"
    if inner == " ":
        yield f"{prefix}{quote},{quote}"


def _character(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Lose one letter of a short string constant, or see one twice: the alphabet that misses its `y`."""
    text = node.text
    if re.fullmatch(r"""(['"])\w{3,26}\1""", text, re.ASCII) is None:
        return
    for at in range(1, len(text) - 1):
        yield put(node, text[:at] + text[at + 1 :], weight=0.1)
    for letter in [one for one in dict.fromkeys(text[1:-1].lower()) if one != one.upper() and one in text and one.upper() in text]:
        yield put(node, text.replace(letter, "").replace(letter.upper(), ""), weight=0.1, note=f"{letter} dropped in both cases")


def _letter(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Put back a letter that a string of single letters lacks: a vowel, a digit, the next of the alphabet."""
    text = node.text
    if re.fullmatch(r"""(['"])\w{2,26}\1""", text, re.ASCII) is None:
        return
    inner = text[1:-1]
    classes = ("aeiou", "AEIOU", "0123456789", "02468", "13579", "abcdefghijklmnopqrstuvwxyz")
    for alphabet in classes:
        if len(set(inner) & set(alphabet)) >= 2 and set(inner) < set(alphabet) | set(alphabet.swapcase()):
            for letter in [one for one in alphabet if one not in inner][:8]:
                yield put(node, f"{text[:-1]}{letter}{text[-1]}", weight=0.4)
    if inner.islower() and len(set(inner)) == len(inner):
        yield put(node, f"{text[0]}{inner}{inner.upper()}{text[0]}", weight=0.5)


def _first_value(node: Node, have: Ingredients) -> Iterator[Draft]:
    right = node.child("right")
    if right is None or (right.kind in ("list", "dictionary") and right.parts):
        return
    for text, weight in ranked(node.words.all(_FIRST_VALUES.get(right.kind, ())), 8, 0.8):
        if text != right.text:
            yield put(right, text, weight=weight)
    if right.kind in _FIRST_VALUES:
        for name, weight in ranked(have.names_at(node), 5, 0.8):
            yield put(right, name, weight=weight * 0.6)
            if "number" not in have.kinds.get(name, ()):
                yield put(right, f"{name}[0]", weight=weight * 0.5)
            if node.words.python and "items" in have.kinds.get(name, ()):
                yield put(right, f"len({name})", weight=weight * 0.4)


OPERATORS = (
    Operator(
        "constant.everywhere", 10, 0.01, "a constant changed everywhere in the function",
        "def f(a):\n    a[1] = a[1] + 2\n", "def f(a):\n    a[0] = a[0] + 2\n",
        "constant.everywhere", operators_of("integer", "string", "true", "false"), _everywhere, carries=True,
    ),
    Operator(
        "constant.name-of", 10, 0.004, "the variable that a string spells",
        "def f(text):\n    return f('text')\n", "def f(text):\n    return f(text)\n",
        "constant.text-of", operators_of("string"), _name_of,
    ),
    Operator(
        "constant.text-of", 10, 0.0005, "a variable's name as a string",
        "def f(text):\n    return f(text)\n", "def f(text):\n    return f('text')\n",
        "constant.name-of", operators_of("identifier"), _text_of,
    ),
    Operator(
        "constant.to-name", 10, 0.012, "a number replaced by a name in scope",
        "def f(a, b):\n    return a[0] + b\n", "def f(a, b):\n    return a[b] + b\n",
        "constant.for-name", operators_of("integer"), _to_name, carries=True,
    ),
    Operator(
        "constant.for-name", 10, 0.005, "a name replaced by a number",
        "def f(a, b):\n    return a[b] + b\n", "def f(a, b):\n    return a[0] + b\n",
        "constant.to-name", operators_of("identifier"), _for_name, carries=True,
    ),
    Operator(
        "constant.integer", 9, 0.13, "another integer: one off, 0, 1, or one used nearby",
        "def f(a):\n    return a[2]\n", "def f(a):\n    return a[1]\n",
        "constant.integer", operators_of("integer"), _integer, carries=True,
    ),
    Operator(
        "constant.float", 10, 0.015, "another number with a fraction",
        "def f(a):\n    return a * 2.0\n", "def f(a):\n    return a * 1.0\n",
        "constant.float", operators_of("float"), _float, carries=True,
    ),
    Operator(
        "constant.word", 10, 0.05, "True, False or None for another",
        "def f(a):\n    return True\n", "def f(a):\n    return False\n",
        "constant.word", operators_of("true", "false", "none"), _word, carries=True,
    ),
    Operator(
        "constant.string", 10, 0.07, "another string: other case, emptied, or one seen in the function or its docstring",
        "def f(a):\n    return a + 'x'\n", "def f(a):\n    return a + 'X'\n",
        "constant.string", operators_of("string"), _string, carries=True,
    ),
    Operator(
        "constant.letter-drop", 10, 0.01, "a letter of a string dropped",
        "def f(a):\n    return a in 'aeiou'\n", "def f(a):\n    return a in 'aeio'\n",
        "constant.letter-add", operators_of("string"), _character, carries=True,
    ),
    Operator(
        "constant.letter-add", 10, 0.01, "a letter that a string of letters lacks, or both cases",
        "def f(a):\n    return a in 'aeio'\n", "def f(a):\n    return a in 'aeiou'\n",
        "constant.letter-drop", operators_of("string"), _letter, carries=True,
    ),
    Operator(
        "constant.first-value", 10, 0.03, "another first value for a variable",
        "def f(a):\n    b = 0\n    return b\n", "def f(a):\n    b = []\n    return b\n",
        "constant.first-value", operators_of("assignment", "initialiser"), _first_value, carries=True,
    ),
)  # fmt: skip
