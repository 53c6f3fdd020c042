"""A patch as text, byte for byte: bytes are written as the characters of the same number."""

from __future__ import annotations

import json

from refine_tui.core.patch import Edit, FilePatch, Patch


def pack(patch: Patch) -> str:
    """Return a patch as JSON in plain ASCII."""
    return json.dumps(
        [[f.path, f.base_digest, [[e.start, _text(e.old), _text(e.new)] for e in f.edits], *[True] * f.removes] for f in patch.files]
    )


def unpack(text: str) -> Patch:
    """Return the patch that `pack` wrote."""
    return Patch(
        tuple(
            FilePatch(path, base, tuple(Edit(at, _bytes(old), _bytes(new)) for at, old, new in edits), removes=bool(removes))
            for path, base, edits, *removes in json.loads(text)
        )
    )


def _text(data: bytes) -> str:
    return data.decode("latin-1")


def _bytes(text: str) -> bytes:
    return text.encode("latin-1")
