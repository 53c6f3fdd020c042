"""Model cards: what is known of a model without its file. A field that could not be checked is absent, or named as unverified."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refine_tui.core.errors import ModelError

PROFILES = ("line-edit", "scope-rewrite", "fim")
LARGEST_CARD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class CardFile:
    """One file a model comes as."""

    name: str
    quantisation: str = ""
    bytes: int | None = None
    about_bytes: int | None = None
    """Its size as its source shows it, rounded; `bytes` is exact."""
    sha256: str = ""
    """In lower case; empty when it was not checked."""
    address: str = ""
    """`hf:OWNER/REPO/FILE`, or https; empty when it is not to be fetched."""

    @property
    def size_bytes(self) -> int | None:
        """The exact size, else the rounded one, else `None`."""
        return self.bytes or self.about_bytes


@dataclass(frozen=True)
class Card:
    """What a card says. Texts are empty and numbers `None` where it says nothing."""

    name: str = ""
    """What the model is called on the command line: the card's file name."""
    title: str = ""
    source: str = ""
    licence: str = ""
    parameters: int | None = None
    context_tokens: int | None = None
    profile: str = ""
    profile_reason: str = ""
    note: str = ""
    files: tuple[CardFile, ...] = ()
    """The one to take first comes first."""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    unverified: tuple[str, ...] = ()
    """Fields that stand as their source had them and could not be checked."""

    def file(self, name: str) -> CardFile | None:
        """Return the entry of a file, whatever the case of its name; `None` when it is not one of this model's."""
        return next((one for one in self.files if one.name.lower() == name.lower()), None)


def read_card(path: Path) -> Card:
    """Return a card; an empty one when there is none.

    Raises:
        ModelError: it is not TOML, too large, or a field has a wrong kind.
    """
    try:
        if path.stat().st_size > LARGEST_CARD_BYTES:
            raise ModelError(f"The model card {path} is larger than {LARGEST_CARD_BYTES:,} bytes.")
        document = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError:
        return Card()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"The model card {path} cannot be read: {error}.") from error
    try:
        return _card(path.stem, document)
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"The model card {path} cannot be read: {error}.") from error


def _card(name: str, document: Mapping[str, Any]) -> Card:
    one = [document] if "file" in document else []
    profile = _text(document, "profile")
    if profile and profile not in PROFILES:
        raise ValueError(f"profile: there is no profile {profile}; known: {', '.join(PROFILES)}")
    return Card(
        name,
        _text(document, "name") or name,
        _text(document, "source"),
        _text(document, "licence") or _text(document, "license"),
        _count(document, "parameters"),
        _count(document, "context"),
        profile,
        _text(document, "profile_reason"),
        _text(document, "note"),
        tuple(_file(row) for row in (*one, *document.get("files", ()))),
        dict(document.get("sampling", {})),
        tuple(map(str, document.get("unverified", ()))),
    )


def _file(row: Mapping[str, Any]) -> CardFile:
    sha256 = _text(row, "sha256").lower()
    if sha256 and (len(sha256) != 64 or set(sha256) - set("0123456789abcdef")):
        raise ValueError("sha256: expected 64 hexadecimal digits")
    about = row.get("about_gb")
    return CardFile(
        _text(row, "name" if "file" not in row else "file"),
        _text(row, "quantisation"),
        _count(row, "bytes"),
        None if about is None else round(float(about) * 1e9),
        sha256,
        _text(row, "address"),
    )


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key, "")
    if not isinstance(value, str):
        raise TypeError(f"{key}: expected a text")
    return value


def _count(row: Mapping[str, Any], key: str) -> int | None:
    value = row.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value <= 0):
        raise TypeError(f"{key}: expected a whole number above 0")
    return value
