"""A patch that was made elsewhere becomes a patch of ours, or is refused with the nearest place named. It is never applied fuzzily."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from refine_tui.core.errors import SafetyError, UsageError
from refine_tui.core.hunks import lines_of
from refine_tui.core.patch import ABSENT, Edit, FilePatch, Patch, patch_between
from refine_tui.prompting.block_reading import looks_like_blocks, read_blocks
from refine_tui.prompting.diff_reading import Block, looks_like_diff, read_diff
from refine_tui.prompting.placing import Nowhere, Place, place, replaced


@dataclass(frozen=True)
class Imported:
    """A foreign patch that fits the tree as it is."""

    patch: Patch
    tree: dict[str, bytes]
    """The bases: path → content; a file that is created has none."""
    form: str
    """`unified diff` or `SEARCH/REPLACE`."""
    by_space: tuple[str, ...] = ()
    """The blocks whose lines differ from the file's in white space, by name."""


def read_patch(text: bytes, read: Callable[[str], bytes | None], known: Sequence[str] = ()) -> Imported:
    """Return the patch that a text holds.

    Args:
        text: a unified diff or SEARCH/REPLACE blocks, with or without other text around them.
        read: returns a file's content, or `None` when there is no such file.
        known: paths to choose from when a file that is named does not exist.

    Raises:
        SafetyError: a path leads outside the project.
        UsageError: the text is neither, is malformed, does more than change and create files, changes nothing, creates what is there,
            or a block has no place.
    """
    if looks_like_blocks(text):
        form, blocks = "SEARCH/REPLACE", read_blocks(text)
    elif looks_like_diff(text):
        form, blocks = "unified diff", read_diff(text)
    else:
        raise UsageError("This is neither a unified diff nor SEARCH/REPLACE blocks. Bring in the output of `git diff`, for instance.")
    base: dict[str, bytes] = {}
    for block in blocks:
        if block.creates and block.path in base:
            raise _there_already(block)
        if block.path not in base:
            base[block.path] = _content(block, read, known)
    new, by_space = dict(base), []
    for path in base:
        mine = [block for block in blocks if block.path == path]
        change = _patched if form == "unified diff" else _searched
        new[path], loose = change(base[path], mine)
        by_space += loose
    created = {block.path for block in blocks if block.creates}
    patch = _between({path: data for path, data in base.items() if path not in created}, new)
    if patch.is_empty:
        raise UsageError("The patch changes nothing: the files already are as it would make them.")
    return Imported(patch, {path: base[path] for path in patch.paths if path not in created}, form, tuple(by_space))


def _between(base: Mapping[str, bytes], new: Mapping[str, bytes]) -> Patch:
    """Return the patch from the files of `base` to `new`; what is only there now is created."""
    changed = patch_between(base, {path: new[path] for path in base})
    made = (FilePatch(path, ABSENT, (Edit(0, b"", data),)) for path, data in new.items() if path not in base)
    return Patch(tuple(sorted((*changed.files, *made), key=lambda file: file.path)))


def _content(block: Block, read: Callable[[str], bytes | None], known: Sequence[str]) -> bytes:
    """Return what the file holds that the first block of it speaks of; nothing where that creates it."""
    path = block.path
    if path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise SafetyError(f"{path}: it leads outside the project. The patch cannot be brought in.")
    content = read(path)
    if content is not None and block.creates:
        raise _there_already(block)
    if content is not None or block.creates:
        return content or b""
    namesakes = [name for name in known if name.rsplit("/", 1)[-1] == path.rsplit("/", 1)[-1]]
    close = ", ".join((namesakes or difflib.get_close_matches(path, known))[:3])
    raise UsageError(f"{path}: there is no such file here. {f'Close to it: {close}.' if close else 'Name it relative to the project.'}")


def _there_already(block: Block) -> UsageError:
    return UsageError(f"{block.path}: {block.name} creates it, and it is there already. Nothing was changed.")


def _patched(base: bytes, blocks: Sequence[Block]) -> tuple[bytes, list[str]]:
    """Replace the hunks of a diff, which all speak of the file as it was, in order."""
    lines, at, shift, loose = lines_of(base), 0, 0, []
    result: list[bytes] = []
    for block in blocks:
        hint = None if block.hint is None else block.hint + shift
        found = _placed(block, lines, at, hint)
        new = _new_lines(block, lines, found)
        loose += [f"{block.path}: {block.name}"] if found.by_space else []
        result += [*lines[at : found.start], *new]
        at = found.start + len(block.old)
        shift = found.start - (block.hint or 0)
    return b"".join([*result, *lines[at:]]), loose


def _searched(base: bytes, blocks: Sequence[Block]) -> tuple[bytes, list[str]]:
    """Replace block after block, each in what the ones before it have made."""
    lines, loose = lines_of(base), []
    for block in blocks:
        found = _placed(block, lines, 0, None)
        loose += [f"{block.path}: {block.name}"] if found.by_space else []
        lines[found.start : found.start + len(block.old)] = _new_lines(block, lines, found)
        lines = lines_of(b"".join(lines))
    return b"".join(lines), loose


def _placed(block: Block, lines: Sequence[bytes], first: int, hint: int | None) -> Place:
    if not block.old:
        if not lines:
            return Place(0, False)
        raise UsageError(f"{block.path}: {block.name} has no line of the file to go by. Make the diff with lines of context.")
    found = place(block.old, lines, hint=hint, first=first)
    if isinstance(found, Nowhere):
        raise UsageError(f"{block.path}: {block.name} {found.reason}. Nothing was changed.")
    return found


def _new_lines(block: Block, lines: Sequence[bytes], found: Place) -> list[bytes]:
    if not found.by_space:
        return list(block.new)
    new = replaced(block.old, block.new, lines[found.start : found.start + len(block.old)])
    if new is None:
        raise UsageError(
            f"{block.path}: {block.name} fits line {found.start + 1} but for white space, and the file does not tell how its new lines "
            "are to be indented. Nothing was changed."
        )
    return new
