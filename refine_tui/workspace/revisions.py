"""What the tree held at another revision, as git tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from refine_tui.core.errors import UsageError
from refine_tui.workspace.git import run_git, without_filters

LARGEST_BYTES = 2 << 20
"""A larger file is none that is compared."""

Content = dict[str, bytes | None]


def since(root: Path, revision: str) -> tuple[Content, Content]:
    """Return the files that differ between a revision and the tree, as they were and as they are; `None`: not there.

    Files that git does not track, and does not ignore, are part of the tree.

    Raises:
        UsageError: there is no repository or no such revision.
    """
    commit = _commit(root, revision)
    options = ("--name-only", "--no-renames", "--no-ext-diff", "--relative", "-z")
    tracked = run_git(root, *without_filters(root), "diff", *options, commit, "--", ".")
    untracked = run_git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    names = [name.decode("utf-8", "surrogateescape") for name in ((tracked or b"") + (untracked or b"")).split(b"\0") if name]
    paths = sorted({name for name in names if "\n" not in name})
    before = dict(zip(paths, _blobs(root, commit, paths), strict=True))
    after = {path: _read(root / path) for path in paths}
    differing = [path for path in paths if before[path] != after[path]]
    return {path: before[path] for path in differing}, {path: after[path] for path in differing}


def _commit(root: Path, revision: str) -> str:
    found = run_git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if not found:
        raise UsageError(f"{revision}: git knows no such revision of {root}. Name a commit, a branch or a tag of its repository.")
    return found.decode().split()[-1]


def _blobs(root: Path, commit: str, paths: list[str]) -> Iterator[bytes | None]:
    """Return each file at a commit, in order."""
    asked = b"".join(f"{commit}:./{path}\n".encode("utf-8", "surrogateescape") for path in paths)
    rest = run_git(root, "cat-file", "--batch", stdin=asked) or b""
    for _ in paths:
        header, _, rest = rest.partition(b"\n")
        kind = header.split()[-2:]
        if len(kind) < 2 or not kind[1].isdigit():
            yield None  # it was not there
            continue
        size = int(kind[1])
        yield rest[:size] if kind[0] == b"blob" and size <= LARGEST_BYTES else None
        rest = rest[size + 1 :]


def _read(path: Path) -> bytes | None:
    try:
        is_small_file = path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST_BYTES
        return path.read_bytes() if is_small_file else None
    except OSError:
        return None
