"""What the engine did, in whole numbers: the same work gives the same counts on every machine, so tests can rest on them."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass
class Counters:
    """Counts since the model was loaded."""

    prompt: int = 0
    """Prompt tokens asked for; of continuations that are ranked, theirs as well."""
    reused: int = 0
    """Of them, those that needed no computing."""
    generated: int = 0
    """Tokens chosen for continuations."""
    drafted: int = 0
    """Tokens computed in the hope that they would be chosen."""
    accepted: int = 0
    """Of them, those that were."""
    dropped: int = 0
    """Continuations given up before their end."""
    decodes: int = 0
    """Calls of the model."""
    rows: int = 0
    """Tokens computed in them: of prompts, continuations and drafts."""
    saved: int = 0
    """Tokens moved from the context to the worker's memory."""
    restored: int = 0
    """Tokens brought back from there."""

    @property
    def computed(self) -> int:
        """Prompt tokens that were computed."""
        return self.prompt - self.reused

    def __add__(self, other: Counters) -> Counters:
        return Counters(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Counters)))


@dataclass(frozen=True, slots=True)
class Holding:
    """What the engine keeps at this moment."""

    cells: int = 0
    """Cells of the context that kept sequences take."""
    saved_bytes: int = 0
    """Memory that those outside the context take."""


@dataclass(frozen=True, slots=True)
class EngineStats:
    """Everything counted, over all workers of a client, and what its present worker keeps."""

    counters: Counters
    holding: Holding
    workers: int = 0
    """Workers started."""
