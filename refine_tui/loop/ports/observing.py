"""Calling one function on given inputs and looking at what it does: behaviour as values that can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from refine_tui.core.evidence import CaseResult
from refine_tui.core.patch import Patch
from refine_tui.core.scope import Scope
from refine_tui.loop.ports.running import Cancelled


@dataclass(frozen=True, slots=True)
class CallInput:
    """The arguments of one call, by value: text that `ast.literal_eval` reads."""

    text: str
    """`(args, kwargs)`: a tuple and a dictionary, as in `((1, 'a'), {'deep': True})`; the receiver of a method is not among them."""
    receiver: str = ""
    """For a method, how its object is made: `(args, kwargs, calls)` of the constructor, where `calls` holds `(name, args, kwargs)` of each
    method that is called on the object first. Empty for a function, a class method and a static method."""


OutcomeKind = Literal["returned", "raised", "unstable"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call did. Equal outcomes are equal behaviour, but for `unstable` ones, which say nothing."""

    kind: OutcomeKind
    """`unstable`: two runs differ, the value has no text that stays the same, or the call did not end in time."""
    text: str = ""
    """The value, or `Type: message` of the exception, in a form that does not depend on the run: sets and dictionaries in order, no
    addresses; of an unstable one, why."""
    after: str = ""
    """`(args, kwargs)` after the call, where the call changed them, and the receiver's attributes, where it changed those; else empty."""


@dataclass(frozen=True)
class Observed:
    """What calls did, in the order of their inputs."""

    outcomes: tuple[Outcome, ...] = ()
    """Fewer than the inputs when the run ended early."""
    lines: tuple[frozenset[int], ...] = ()
    """For each outcome the 0-based lines of the scope's file that the call executed inside the scope."""
    jumps: tuple[frozenset[tuple[int, int]], ...] = ()
    """For each outcome the pairs of such lines that were executed one after the other; -1 stands for the call itself."""
    stopped: str = ""
    """Why it ended early: `time`, `memory`, `output`, `crash`, `cancelled`, `stale`, or why the function cannot be called; else empty."""


class Observer(Protocol):
    """Makes inputs for one function and calls it with them, in the sandbox."""

    def inputs(self, scope: Scope, *, count: int, seed: int, cancelled: Cancelled) -> tuple[CallInput, ...]:
        """Return up to `count` different inputs: what the project's tests call it with first, then variations. The same tree and seed give
        the same inputs.

        Raises:
            ProjectError: the function cannot be called by value: it is local to another one, or nothing tells how to make its receiver.
        """

    def imported_as(self, scope: Scope) -> str:
        """Return the dotted name under which the project's tests import the scope's file; known once inputs or outcomes were asked for."""

    def outcomes(self, patch: Patch, scope: Scope, inputs: tuple[CallInput, ...], cancelled: Cancelled, *, limit_s: float) -> Observed:
        """Call the function on the tree with a patch, twice in processes that differ in their hash seed.

        The scope is found again by its name, so the patch may move it. `limit_s` bounds both runs together.
        """

    def twice(self, patch: Patch, path: str, cancelled: Cancelled, *, limit_s: float) -> tuple[CaseResult, ...]:
        """Run the tests of one file on the tree with a patch, in two fresh processes that differ in hash seed and order.

        Returns a result for each test, the bad one where the two differ; a file that cannot be collected gives one for itself.
        """
