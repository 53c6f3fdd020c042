"""What a proposer hands over: a patch with where it came from, not yet run."""

from __future__ import annotations

from dataclasses import dataclass

from refine_tui.core.patch import Edit, Patch
from refine_tui.core.scope import Scope


@dataclass(frozen=True, slots=True)
class OperatorEdit:
    """One application of an edit operator to one place of one file."""

    operator: str
    """Name in the operator table, e.g. `compare.swap-operator`."""
    edits: tuple[Edit, ...]
    """Ordered, not overlapping; usually one."""
    line: int
    """0-based line of the first changed byte."""
    prior: float
    """Share of real repairs that this operator makes, 0..1; only ratios matter."""
    note: str
    """A few words for people: `< to <=`."""


@dataclass(frozen=True)
class Proposal:
    """A patch that could be tried."""

    patch: Patch
    """Against the user's tree, not against another candidate."""
    proposer: str
    """`search`, `model`, `combination`, `user`, or `outside` for a patch that was brought in."""
    operator: str
    """Operator name, or the prompt profile's name for a model's proposal."""
    note: str
    scope: Scope
    line: int
    """0-based line of the change in the text it was made from."""
    score: float = 0.0
    """Log score used to order proposals of one round; higher goes first."""
    detail: tuple[tuple[str, str], ...] = ()
    """Provenance as key and value: seed, prompt hash, model, temperature."""

    @property
    def edits(self) -> tuple[str, ...]:
        """Each edit as its operator, what it did, and its line, 1-based; for what builds on other proposals, theirs first."""
        own = f"{self.operator}: {self.note.replace('; ', ', ')}, line {self.line + 1}"
        return tuple(dict(self.detail).get("edits", own).split("; "))

    @property
    def operators(self) -> tuple[str, ...]:
        """The operator of each edit."""
        return tuple(edit.partition(":")[0] for edit in self.edits)


def joined_edits(*proposals: Proposal) -> tuple[str, str]:
    """Return the detail that says which edits proposals consist of that were put together; one they share counts once."""
    return "edits", "; ".join(dict.fromkeys(edit for proposal in proposals for edit in proposal.edits))
