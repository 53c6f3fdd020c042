"""A patch as a unified diff that `git apply` takes byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from refine_tui.core.hunks import Hunk, lines_of, split_hunks
from refine_tui.core.patch import Patch

CONTEXT = 3
"""Lines of context around a change. With none git misreads a last line that has no end."""
_ESCAPES = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
_UNTERMINATED = b"\\ No newline at end of file\n"


def unified(patch: Patch, tree: Mapping[str, bytes]) -> bytes:
    """Return the patch as a `diff --git` text; an empty patch is empty text.

    Bytes of the files go through unchanged, whatever their encoding or line ends.

    Raises:
        StaleBaseError: `tree` does not hold the bases.
    """
    by_path: dict[str, list[Hunk]] = {}
    for hunk in split_hunks(patch, tree):
        by_path.setdefault(hunk.path, []).append(hunk)
    return b"".join(_file(path, hunks, tree.get(path, b"")) for path, hunks in by_path.items())


def _file(path: str, hunks: list[Hunk], base: bytes) -> bytes:
    old, new = quoted(f"a/{path}"), quoted(f"b/{path}")
    # A tab ends a name that holds a space, or readers take the rest of the line for a date.
    tab = b"\t" if " " in path else b""
    was = b"new file mode 100644\n--- /dev/null\n" if hunks[0].creates else b"--- %s%s\n" % (old, tab)
    parts = [b"diff --git %s %s\n%s+++ %s%s\n" % (old, new, was, new, tab)]
    lines, shift = lines_of(base), 0
    for group in _groups(hunks):
        parts.append(_group(group, lines, shift))
        shift += sum(len(lines_of(hunk.edit.new)) - len(lines_of(hunk.edit.old)) for hunk in group)
    return b"".join(parts)


def _groups(hunks: list[Hunk]) -> Iterator[list[Hunk]]:
    """Gather hunks whose context lines would meet."""
    group: list[Hunk] = []
    for hunk in hunks:
        if group and hunk.first_line - _end(group[-1]) > 2 * CONTEXT:
            yield group
            group = []
        group.append(hunk)
    if group:
        yield group


def _group(group: list[Hunk], lines: list[bytes], shift: int) -> bytes:
    """Write one `@@` block; `shift` is by how many lines the blocks before it have moved the text down."""
    first = max(0, group[0].first_line - CONTEXT)
    last = min(len(lines), _end(group[-1]) + CONTEXT)
    body, at, grown = [], first, 0
    for hunk in group:
        old, new = lines_of(hunk.edit.old), lines_of(hunk.edit.new)
        body += [_line(b" ", line) for line in lines[at : hunk.first_line]]
        body += [_line(b"-", line) for line in old] + [_line(b"+", line) for line in new]
        at, grown = _end(hunk), grown + len(new) - len(old)
    body += [_line(b" ", line) for line in lines[at:last]]
    head = f"@@ -{_range(first, last - first)} +{_range(first + shift, last - first + grown)} @@\n"
    return head.encode() + b"".join(body)


def _end(hunk: Hunk) -> int:
    return hunk.first_line + len(lines_of(hunk.edit.old))


def _line(mark: bytes, line: bytes) -> bytes:
    return mark + line if line.endswith(b"\n") else mark + line + b"\n" + _UNTERMINATED


def _range(first: int, count: int) -> str:
    """Return a block's place as diffs write it: 1-based, and the line before an empty block."""
    if count == 1:
        return str(first + 1)
    return f"{first + 1},{count}" if count else f"{first},0"


def quoted(path: str) -> bytes:
    """Write a path as git does: in quotes with octal escapes when it holds anything but plain ASCII."""
    raw = path.encode("utf-8", "surrogateescape")
    if all(32 <= byte < 127 and byte not in _ESCAPES for byte in raw):
        return raw
    return ('"' + "".join(_ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in raw) + '"').encode()
