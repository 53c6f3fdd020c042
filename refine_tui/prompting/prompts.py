"""The prompts as versioned files: `NAME.VERSION.txt` in the folder beside this module.

A file that has been in use is never changed: a better prompt is a new file with the next version, named in `VERSIONS`. Hashes go into
each candidate's provenance, so that what a model was told can be said long after.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from refine_tui.core.text import digest

VERSIONS = {"common": 1, "plan": 1, "propose": 1, "critique": 1, "refine": 1, "again": 1, "faster": 1, "specify": 1}
_SECTION = re.compile(r"^\[(\w+)\]\n", re.MULTILINE)
_FIELD = re.compile(r"\{(\w+)\}")


@cache
def text_of(name: str) -> str:
    """Return a prompt file's text in the version that is in use."""
    return (files(__package__) / "prompts" / f"{name}.{VERSIONS[name]}.txt").read_text("utf-8")


@cache
def sections(name: str) -> dict[str, str]:
    """Return the parts of a file that has headings, in the file's order."""
    pieces = _SECTION.split(text_of(name))
    return {heading: body.strip("\n") for heading, body in zip(pieces[1::2], pieces[2::2], strict=True)}


def form(name: str) -> str:
    """Return how a prompt is named: `refine.1`."""
    return f"{name}.{VERSIONS[name]}"


def fingerprint() -> str:
    """Return every file with its version and the first eight digits of its hash, in order."""
    return ", ".join(f"{form(name)} {digest(text_of(name).encode())[:8]}" for name in VERSIONS)


def filled(template: str, fields: Mapping[str, str]) -> str:
    """Put fields into a template. What they hold is taken as it is: braces in code mean nothing."""
    return _FIELD.sub(lambda match: fields.get(match[1], match[0]), template)
