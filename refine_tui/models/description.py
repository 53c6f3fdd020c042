"""What can be said of a model file before it is loaded: from its header, its card, its size."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from refine_tui.core.errors import ModelError
from refine_tui.models.cards import Card, read_card
from refine_tui.models.gguf_header import FIM_MARKS, LINE_EDIT_MARKS, Header, read_header

LARGEST_CONTEXT = 8192
"""Context taken by default when the model allows as many or more; the engine keeps to the same figure."""
PART = re.compile(r"(.+)-00001-of-(\d{5})")

Origin = Literal["shipped", "user", "path"]


@dataclass(frozen=True)
class ModelFile:
    """A model that could be loaded. What its file and card do not say is `None`, never guessed."""

    name: str
    path: Path
    origin: Origin
    architecture: str | None
    quantisation: str | None
    context_tokens: int | None
    """What it was trained for."""
    parameters: int
    size_bytes: int
    licence: str | None
    chat_template: str | None
    profile: str
    profile_reason: str
    header: Header = field(repr=False)
    card: Card = field(default_factory=Card, repr=False)
    """The card beside the file, else the known one for a file of this name; empty when there is none."""

    @property
    def usable_context_tokens(self) -> int:
        """Context that is taken when the user asks for none."""
        return min(self.context_tokens or LARGEST_CONTEXT, LARGEST_CONTEXT)


@dataclass(frozen=True, slots=True)
class UnusableFile:
    """A file that is called a model and cannot be one."""

    name: str
    path: Path
    reason: str


def describe(path: Path, origin: Origin, known: Sequence[Card] = ()) -> ModelFile:
    """Return what a file and its card say.

    Args:
        path: the file; of a model in parts the first.
        origin: where it was found.
        known: cards to look for the file's name in when none lies beside it.

    Raises:
        ModelError: the file is not a usable GGUF file, a part of it is missing, or its card cannot be read.
    """
    files = parts(path)
    header = _joined([read_header(part) for part in files])
    if header.architecture == "" or header.tensors == 0:
        raise ModelError(f"{path} holds no model: it names no architecture or has no tensors.")
    card = card_of(path, known)
    profile, reason = choose_profile(header, card)
    return ModelFile(
        name=path.stem,
        path=path,
        origin=origin,
        architecture=header.architecture or None,
        quantisation=header.quantisation or None,
        context_tokens=header.of_architecture("context_length") or None,
        parameters=header.parameters,
        size_bytes=sum(part.stat().st_size for part in files),
        licence=card.licence or header.text("general.license") or None,
        chat_template=header.text("tokenizer.chat_template") or None,
        profile=profile,
        profile_reason=reason,
        header=header,
        card=card,
    )


def card_of(path: Path, known: Sequence[Card]) -> Card:
    """Return the card beside a file, else the known one that lists its name, else an empty one.

    Raises:
        ModelError: the card beside it cannot be read.
    """
    card = read_card(path.with_suffix(".toml"))
    return card if card.name else next((one for one in known if one.file(path.name)), card)


def parts(path: Path) -> list[Path]:
    """Return every file of a model, which is more than one when it was split.

    Raises:
        ModelError: a part is missing.
    """
    match = PART.fullmatch(path.stem)
    if match is None:
        return [path]
    files = [path.with_name(f"{match[1]}-{number:05}-of-{match[2]}.gguf") for number in range(1, int(match[2]) + 1)]
    missing = next((file.name for file in files if not file.exists()), "")
    if missing:
        raise ModelError(f"{path} is one of {len(files)} parts, and {missing} is missing. Fetch it into the same folder.")
    return files


def choose_profile(header: Header, card: Card) -> tuple[str, str]:
    """Return how a model wants to be asked, and why that is believed."""
    if card.profile:
        return card.profile, "its card says so" + (f": {card.profile_reason}" if card.profile_reason else "")
    if header.marks >= LINE_EDIT_MARKS:
        return "line-edit", "its vocabulary has the marks of line edits"
    if header.text("tokenizer.chat_template"):
        return "scope-rewrite", "it has a chat template"
    if header.marks & FIM_MARKS:
        return "fim", "its vocabulary has the marks for filling in the middle, and it has no chat template"
    return "scope-rewrite", "it has neither a chat template nor marks for line edits or filling in the middle"


def _joined(headers: Sequence[Header]) -> Header:
    """Return the first part's header with the tensors of all parts."""
    first, *others = headers
    if not others:
        return first
    kinds = sum((Counter(header.kinds) for header in headers), Counter())
    return replace(
        first,
        tensors=sum(header.tensors for header in headers),
        parameters=sum(header.parameters for header in headers),
        weight_bytes=sum(header.weight_bytes for header in headers),
        kinds=dict(kinds),
    )
