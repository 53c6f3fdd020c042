"""A task: what is to become true, where changes may be made, and what may be spent on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from refine_tui.core.scope import Scope


@dataclass(frozen=True, slots=True)
class Budget:
    """What one task may cost. `None` means no limit."""

    rounds: int = 4
    seconds: float | None = 60.0
    candidates: int | None = None
    """Candidates a round; `None` leaves it to the time."""
    tokens: int | None = 20_000
    changed_lines: int = 40


@dataclass(frozen=True)
class Task:
    """One piece of work for the loop."""

    id: str
    goal: str
    """One line for people."""
    targets: tuple[str, ...]
    """Node ids that have to pass."""
    scopes: tuple[Scope, ...] = ()
    """What may change, most suspicious first; empty: whatever the targets' coverage suggests."""
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    note: str = ""
    """What the user added: a reason for a rejection, a hint."""

    @property
    def needs_test(self) -> bool:
        """Whether no test tells when its goal is reached, but its place is known: then a test that fails comes first."""
        return bool(self.note and self.scopes) and not self.targets
