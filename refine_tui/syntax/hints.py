"""What a docstring says about the code below it: numbers it names, and builtins its words ask for."""

from __future__ import annotations

import re
from functools import lru_cache

_EXAMPLE = re.compile(r">>>|==|=>|->|➞|\[|\(.*\)")
_WORDS = {
    "uniqu": "set", "distinct": "set", "differ": "set", "duplicat": "set", "binary": "bin", "absolut": "abs", "length": "len",
    "longest": "len", "shortest": "len", "number": "len", "sort": "sorted", "order": "sorted", "ascend": "sorted", "sum": "sum",
    "total": "sum", "round": "round", "maxim": "max", "largest": "max", "greatest": "max", "minim": "min", "smallest": "min",
    "revers": "reversed", "integer": "int", "ascii": "ord", "string": "str", "digit": "str", "list": "list", "tuple": "tuple",
    "hexadecimal": "hex", "octal": "oct", "float": "float", "every": "all", "at least": "any", "pair": "zip",
}  # fmt: skip


@lru_cache(maxsize=64)
def told_integers(docstring: str) -> tuple[str, ...]:
    """Return integers of up to three digits that the text names, lines that look like examples left out."""
    lines = [line for line in docstring.splitlines() if not _EXAMPLE.search(line)]
    return tuple(dict.fromkeys(re.findall(r"(?<![\w.])(\d{1,3})(?![\w.]*\d)", "\n".join(lines))))


@lru_cache(maxsize=64)
def hinted_builtins(docstring: str) -> tuple[str, ...]:
    """Return builtins that words of the text ask for: `unique` asks for `set`, `binary` for `bin`."""
    text = docstring.lower()
    return tuple(dict.fromkeys(name for word, name in _WORDS.items() if re.search(rf"\b{word}", text)))
