"""Constants: integers by one, other numbers, truth values, None, strings, first values (kinds 9 and 10)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from refine_tui.syntax.ingredients import Ingredients
from refine_tui.syntax.nodes import Node
from refine_tui.syntax.operators.record import Draft, Operator, operators_of, put, ranked

_FIRST_VALUES = {
    "integer": ("0", "1", "[]", "''", "None", "float('inf')"),
    "string": ("''", "[]", "None", "0"),
    "list": ("[]", "{}", "set()", "''", "0", "None"),
    "dictionary": ("{}", "[]", "set()", "None"),
    "none": ("None", "0", "[]", "''", "{}"),
    "true": ("True", "False"),
    "false": ("False", "True"),
}


def _integer(node: Node, have: Ingredients) -> Iterator[Draft]:
    value = _value(node.text)
    if value is None:
        return
    near = [value + 1, value - 1, 0, 1, 2]
    texts = [str(number) for number in near if number != value]
    others = [text for text in have.integers if text != node.text]
    for text, weight in ranked([*texts[:2], *others[:4], *texts[2:], "10", "-1"], 9, 0.75):
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


def _word(node: Node, _have: Ingredients) -> Iterator[Draft]:
    others = {"true": ("False", "None"), "false": ("True", "None"), "none": ("False", "True", "0", "[]", "''")}
    for text, weight in ranked(others[node.kind], 5, 0.5):
        yield put(node, text, weight=weight)


def _string(node: Node, have: Ingredients) -> Iterator[Draft]:
    if "\n" in node.text or any(child.kind == "interpolation" for child in node.children):
        return
    texts = [*_changed(node.text), *(text for text in have.strings if not text[0].isalpha())]
    for text, weight in ranked([text for text in texts if text != node.text], 9, 0.85):
        yield put(node, text, weight=weight)


def _changed(text: str) -> Iterator[str]:
    """Yield a string constant in other case, emptied, spaced, and one character shorter."""
    found = re.fullmatch(r"""([a-zA-Z]*)(['"])([^\\]*)\2""", text)
    if found is None:
        return
    prefix, quote, inner = found.groups()
    for other in (inner.swapcase(), inner.upper(), inner.lower(), inner.capitalize()):
        yield f"{prefix}{quote}{other}{quote}"
    if len(inner) > 1:
        yield from (f"{prefix}{quote}{part}{quote}" for part in (inner[1:], inner[:-1], inner[::-1], inner.strip()))
    yield f"{prefix}{quote}{'' if inner else ' '}{quote}"
    if inner == " ":
        yield f"{prefix}{quote},{quote}"


def _character(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Lose one letter of a short string constant, or see one twice: the alphabet that misses its `y`."""
    text = node.text
    if re.fullmatch(r"""(['"])\w{3,26}\1""", text) is None:
        return
    for at in range(2, len(text) - 1):
        yield put(node, text[: at - 1] + text[at:], weight=0.1)


def _letter(node: Node, _have: Ingredients) -> Iterator[Draft]:
    """Put back a letter that a string of single letters lacks: a vowel, a digit, the next of the alphabet."""
    text = node.text
    if re.fullmatch(r"""(['"])\w{2,26}\1""", text) is None:
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
    for text, weight in ranked(_FIRST_VALUES.get(right.kind, ()), 6, 0.8):
        if text != right.text:
            yield put(right, text, weight=weight)
    if right.kind in _FIRST_VALUES:
        for name, weight in ranked(have.names_at(node), 5, 0.8):
            yield put(right, name, weight=weight * 0.6)
            if "number" not in have.kinds.get(name, ()):
                yield put(right, f"{name}[0]", weight=weight * 0.5)
            if "items" in have.kinds.get(name, ()):
                yield put(right, f"len({name})", weight=weight * 0.4)


OPERATORS = (
    Operator(
        "constant.integer", 9, 0.13, "another integer: one off, 0, 1, or one used nearby",
        "def f(a):\n    return a[2]\n", "def f(a):\n    return a[1]\n",
        "constant.integer", operators_of("integer"), _integer,
    ),
    Operator(
        "constant.float", 10, 0.015, "another number with a fraction",
        "def f(a):\n    return a * 2.0\n", "def f(a):\n    return a * 1.0\n",
        "constant.float", operators_of("float"), _float,
    ),
    Operator(
        "constant.word", 10, 0.05, "True, False or None for another",
        "def f(a):\n    return True\n", "def f(a):\n    return False\n",
        "constant.word", operators_of("true", "false", "none"), _word,
    ),
    Operator(
        "constant.string", 10, 0.05, "another string: other case, emptied, or one seen in the function or its docstring",
        "def f(a):\n    return a + 'x'\n", "def f(a):\n    return a + 'X'\n",
        "constant.string", operators_of("string"), _string,
    ),
    Operator(
        "constant.letter-drop", 10, 0.01, "a letter of a string dropped",
        "def f(a):\n    return a in 'aeiou'\n", "def f(a):\n    return a in 'aeio'\n",
        "constant.letter-add", operators_of("string"), _character,
    ),
    Operator(
        "constant.letter-add", 10, 0.01, "a letter that a string of letters lacks, or both cases",
        "def f(a):\n    return a in 'aeio'\n", "def f(a):\n    return a in 'aeiou'\n",
        "constant.letter-drop", operators_of("string"), _letter,
    ),
    Operator(
        "constant.first-value", 10, 0.03, "another first value for a variable",
        "def f(a):\n    b = 0\n    return b\n", "def f(a):\n    b = []\n    return b\n",
        "constant.first-value", operators_of("assignment"), _first_value,
    ),
)  # fmt: skip
