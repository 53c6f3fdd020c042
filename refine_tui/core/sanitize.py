"""The one sanitiser: no text from a model, a file, a test or a tool reaches a screen without it.

A terminal obeys control characters, and a reader is deceived by characters that have no picture or turn the direction of
reading. Both become visible symbols here. Markup is no concern of this module: whoever shows text shows it as plain text.
"""

from __future__ import annotations

import re

TAB_WIDTH = 4
_CONTROL_PICTURES = 0x2400
_DELETE_PICTURE = "\u2421"
_TERMINAL = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_UNSEEN = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_DANGEROUS = re.compile(f"[{_TERMINAL}{_UNSEEN}]")
_HIDDEN = re.compile(f"[{_UNSEEN}\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u2028\\u2029]")


def visible(text: str, *, newlines: bool = False, tab_width: int = TAB_WIDTH) -> str:
    """Return `text` with everything a terminal would obey or a reader could not see replaced by visible symbols.

    Tabs are expanded to columns of `tab_width`, counted in characters from the start of the line. Line feeds are kept when
    `newlines` is set and become a symbol otherwise. The result of a second pass is the result of the first.
    """
    if not _DANGEROUS.search(text):
        return text
    if newlines:
        return "\n".join(_line(line, tab_width) for line in text.split("\n"))
    return _line(text, tab_width)


def has_hidden(text: str) -> bool:
    """Say whether a text holds characters that a reader cannot see or that turn the direction of reading.

    Tabs and line feeds are ordinary and do not count.
    """
    return _HIDDEN.search(text) is not None


def shorten(text: str, width: int) -> str:
    """Return one visible line of at most `width` characters; a cut is marked by an ellipsis."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= width else f"{line[: max(0, width - 1)]}…"


def _line(text: str, tab_width: int) -> str:
    if "\t" in text:
        text = _expand(text, tab_width)
    return _DANGEROUS.sub(_picture, text)


def _expand(text: str, tab_width: int) -> str:
    """Expand tabs by columns. `str.expandtabs` would begin to count anew after a carriage return, which is a symbol here."""
    parts, column = [], 0
    for part in text.split("\t"):
        blanks = tab_width - (column + len(part)) % tab_width
        parts.append(part + " " * blanks)
        column += len(part) + blanks
    return "".join(parts)[:-blanks]


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    if code == 0x7F:
        return _DELETE_PICTURE
    return f"<{code:02X}>" if code < 0x100 else f"<U+{code:04X}>"
