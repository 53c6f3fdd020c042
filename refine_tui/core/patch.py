"""A patch is a value: for each file the digest of its base and the edits that change it.

It applies to that base and to nothing else, inverts, and is made either from edits or from two texts.
A patch may create a file, where there is none; only the inverse of that removes one. Nothing is renamed. Whoever reads a foreign
patch refuses the last two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from refine_tui.core.differing import changed_runs
from refine_tui.core.errors import StaleBaseError
from refine_tui.core.text import SourceFile, Span, digest

ABSENT = ""
"""Stands for the digest of a file that is not there."""


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace the bytes `old` that begin at `start` by `new`."""

    start: int
    old: bytes
    new: bytes

    @property
    def span(self) -> Span:
        """The bytes of the base that this edit replaces."""
        return Span(self.start, self.start + len(self.old))


@dataclass(frozen=True)
class FilePatch:
    """The edits of one file, in order of `start` and not overlapping."""

    path: str
    base_digest: str
    """`ABSENT`: the file is created."""
    edits: tuple[Edit, ...]
    removes: bool = False
    """Nothing is left of the file, not even its name; the edits take away what it holds."""

    def __post_init__(self) -> None:
        end = -1
        for edit in self.edits:
            if edit.start < end:
                raise ValueError(f"edits of {self.path} overlap or are out of order at byte {edit.start}")
            end = edit.start + len(edit.old)

    @property
    def creates(self) -> bool:
        """Whether there must be no such file before."""
        return self.base_digest == ABSENT

    def apply(self, data: bytes) -> bytes:
        """Return `data` with the edits made; a file that is created is made from no bytes.

        Raises:
            StaleBaseError: `data` is not the base of this patch.
        """
        if (data != b"") if self.creates else (digest(data) != self.base_digest):
            raise StaleBaseError(f"{self.path} is no longer the file this patch was made for. Run the task again.")
        return splice(data, self.edits)

    def invert(self, base: bytes) -> FilePatch:
        """Return the patch that leads from this patch's result back to `base`."""
        result = self.apply(base)
        shift, back = 0, []
        for edit in self.edits:
            back.append(Edit(edit.start + shift, edit.new, edit.old))
            shift += len(edit.new) - len(edit.old)
        return FilePatch(self.path, ABSENT if self.removes else digest(result), tuple(back), removes=self.creates)


@dataclass(frozen=True)
class Patch:
    """Changes to one or more files of the project; at most one entry a path, sorted by path."""

    files: tuple[FilePatch, ...] = ()

    def __post_init__(self) -> None:
        paths = [file.path for file in self.files]
        if paths != sorted(set(paths)):
            raise ValueError("a patch names each file once, in order")

    @property
    def paths(self) -> tuple[str, ...]:
        """The files this patch changes."""
        return tuple(file.path for file in self.files)

    @property
    def is_empty(self) -> bool:
        """Whether the patch changes nothing."""
        return not self.files

    @cached_property
    def key(self) -> str:
        """An identity of bases and edits: equal patches have equal keys."""
        parts: list[bytes] = []
        for file in self.files:
            parts.append(f"{file.path}\0{file.base_digest}\0{'removed' * file.removes}".encode("utf-8", "surrogateescape"))
            parts.extend(b"%d\0%d\0%s\0%d\0%s" % (e.start, len(e.old), e.old, len(e.new), e.new) for e in file.edits)
        return digest(b"\0".join(parts))[:16]

    def apply(self, tree: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return the new content of each file this patch leaves behind; `tree` maps paths to the content now.

        Raises:
            StaleBaseError: a file is missing from `tree`, is not the base, or is there and was to be created.
        """
        result = {}
        for file in self.files:
            if file.creates and file.path in tree:
                raise StaleBaseError(f"{file.path} is there already, and this patch would create it. Run the task again.")
            if not file.creates and file.path not in tree:
                raise StaleBaseError(f"{file.path} is gone. Run the task again.")
            content = file.apply(tree.get(file.path, b""))
            if not file.removes:
                result[file.path] = content
        return result

    def invert(self, tree: Mapping[str, bytes]) -> Patch:
        """Return the patch that undoes this one; `tree` holds the bases."""
        return Patch(tuple(file.invert(tree.get(file.path, b"")) for file in self.files))


def splice(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Make ordered, non-overlapping edits without looking at digests.

    Raises:
        StaleBaseError: the bytes an edit replaces are not the ones found.
    """
    parts, at = [], 0
    for edit in edits:
        end = edit.start + len(edit.old)
        if data[edit.start : end] != edit.old:
            raise StaleBaseError(f"byte {edit.start} does not hold the text this edit replaces. Run the task again.")
        parts += [data[at : edit.start], edit.new]
        at = end
    return b"".join([*parts, data[at:]])


def create_file(path: str, data: bytes) -> Patch:
    """Return the patch that creates a file."""
    return Patch((FilePatch(path, ABSENT, (Edit(0, b"", data),)),))


def edit_file(source: SourceFile, edits: Iterable[Edit]) -> Patch:
    """Return the patch that makes these edits in one file."""
    return Patch((FilePatch(source.path, source.digest, tuple(sorted(edits))),))


def patch_between(base: Mapping[str, bytes], new: Mapping[str, bytes]) -> Patch:
    """Return the smallest line-wise patch that leads from `base` to `new`.

    Only files of `new` are looked at; each must be in `base`.
    """
    changed = [path for path in sorted(new) if base[path] != new[path]]
    return Patch(tuple(FilePatch(path, digest(base[path]), line_edits(base[path], new[path])) for path in changed))


def line_edits(old: bytes, new: bytes) -> tuple[Edit, ...]:
    """Return whole-line edits that turn `old` into `new`."""
    head = _line_start(old, _common_prefix(old, new))
    tail = _common_suffix(old[head:], new[head:])
    before = old[head : len(old) - tail].splitlines(keepends=True)
    after = new[head : len(new) - tail].splitlines(keepends=True)
    starts = [head]
    for line in before:
        starts.append(starts[-1] + len(line))
    runs = changed_runs(before, after)
    return tuple(Edit(starts[i], b"".join(before[i:i_end]), b"".join(after[j:j_end])) for i, i_end, j, j_end in runs)


def _common_prefix(one: bytes, two: bytes) -> int:
    """Return how many first bytes are equal, by bisection: comparing slices is fast, comparing bytes in a loop is not."""
    low, high = 0, min(len(one), len(two))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == two[low:middle] else (low, middle - 1)
    return low


def _common_suffix(one: bytes, two: bytes) -> int:
    """Return how many last bytes are equal, cut so that they begin at a line."""
    size = _common_prefix(one[::-1], two[::-1])
    if all(size == len(text) or text[len(text) - size - 1 : len(text) - size] == b"\n" for text in (one, two)):
        return size
    newline = one.find(b"\n", len(one) - size)
    return 0 if newline == -1 else len(one) - newline - 1


def _line_start(text: bytes, at: int) -> int:
    return text.rfind(b"\n", 0, at) + 1
