"""Which paths a pattern names, the way `.gitignore` readers expect."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache

_ESCAPED = r"\\\1"


def matches(path: str, patterns: Iterable[str], *, beneath: bool = False) -> bool:
    """Say whether a project-relative path is named by one of the patterns.

    `*`, `?` and `[ab]` stay within one name, `**` does not. A pattern without a slash (but for a last one) names files and folders of
    that name anywhere; `tests/**` names everything below a folder `tests` wherever it stands; any other pattern must fit from the
    project's folder on. With `beneath`, what lies in a folder that is named is named too.
    """
    return any(_expression(pattern, beneath).match(path) is not None for pattern in patterns)


@lru_cache(maxsize=512)
def _expression(pattern: str, beneath: bool) -> re.Pattern[str]:
    anchored = pattern.startswith("/") or ("/" in pattern.rstrip("/") and not pattern.endswith("/**"))
    tokens = re.split(r"(\*\*/|\*\*|\*|\?|\[[^/\]]+\])", pattern.strip("/"))
    start = "" if anchored else "(?:.*/)?"
    return re.compile(start + "".join(map(_translated, tokens)) + (r"(?:/.*)?\Z" if beneath else r"\Z"), re.DOTALL)


def _translated(token: str) -> str:
    known = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    choices = [known.get(token) or re.escape(token), _one_of(token)]
    return f"(?:{'|'.join(filter(None, choices))})"


def _one_of(token: str) -> str:
    """Translate `[ab]`; empty for what is none. The token itself is meant as well: there are frameworks with files called `[id].ts`."""
    inside = token[1:-1].removeprefix("!")
    if not inside or (token[0], token[-1]) != ("[", "]"):
        return ""
    sign = "^" if token[1] == "!" else ""
    expression = f"(?!/)[{sign}{re.sub(r'([^0-9A-Za-z-])', _ESCAPED, inside)}]"
    with suppress(re.error):  # a range that runs backwards
        return re.compile(expression).pattern
    return ""
