"""A patch that was made elsewhere: run like any candidate, then put in front of the user like any proposal."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace

from refine_tui.core.candidate import Candidate, Verdict
from refine_tui.core.errors import SafetyError, UsageError
from refine_tui.core.evidence import Baseline, Delta, delta
from refine_tui.core.hunks import combine, split_hunks
from refine_tui.core.patch import Patch
from refine_tui.core.paths import matches
from refine_tui.core.proposal import Proposal
from refine_tui.core.review import Review
from refine_tui.core.scope import Scope
from refine_tui.core.settings import DEFAULT_PROTECTED, Settings
from refine_tui.core.task import Task
from refine_tui.core.text import SourceFile, Span
from refine_tui.loop import events
from refine_tui.loop.ports.running import Cancelled
from refine_tui.loop.session.reviewing import Reviewing, verdict_of
from refine_tui.loop.session.state import Status
from refine_tui.loop.session.streaming import told_cases

_STATUS: Mapping[Verdict, Status] = {"solved": "solved", "improved": "improved", "same": "unsolved", "worse": "unsolved"}


class Bringing(Reviewing):
    """The part of a session that takes in foreign patches."""

    _settings: Settings

    def bring_in(self, patch: Patch, tree: Mapping[str, bytes], title: str, form: str, cancelled: Cancelled) -> Iterator[events.Event]:
        """Run a foreign patch, everything, cold, and make it a review; nothing is written.

        Args:
            patch: against `tree`, the files as they are now.
            tree: path → content of the files it changes; those that it creates are not in it.
            title: what people call it: the name of its file.
            form: how it was written: `unified diff` or `SEARCH/REPLACE`.
            cancelled: polled while the tests run.

        Raises:
            SafetyError: it touches a path that no patch may be written to.
            UsageError: it changes nothing, or the tests have not been run on the tree as it is.
        """
        if not split_hunks(patch, tree):
            raise UsageError(f"{title} changes nothing here: there is nothing to run and nothing to decide.")
        self._refuse_protected(patch)
        baseline = self._known_baseline()
        known = self._same(patch)
        number = known.task.id if known else f"t{self._next_number()}"
        task = Task(number, f"review {title}", baseline.suite.red, budget=self._settings.budget)
        with self._busy("verify a patch from outside"):
            candidate = yield from self._verified(task, self._foreign(patch, tree, title, form), tree, baseline, cancelled)
        if candidate is not None:
            yield events.ReviewReady(self._put_up(task, candidate, tree, known))

    def _verified(
        self, task: Task, proposal: Proposal, tree: Mapping[str, bytes], baseline: Baseline, cancelled: Cancelled
    ) -> Generator[events.Event, None, Candidate | None]:
        """Run everything with the patch; `None`, and a word on it, when that came to no end."""
        patch, evaluator, limit = proposal.patch, self._parts.evaluator, 30.0 + 5 * baseline.suite.duration_s
        suite = yield from told_cases(lambda on_case: evaluator.confirm(patch, on_case, cancelled, limit_s=limit))
        if suite.stopped in ("cancelled", "stale"):
            yield events.Notice(f"The run of {proposal.note} was {suite.stopped}; it was not put up for review.", "warning")
            return None
        gates = evaluator.gates(patch)
        suspicions = map(str, evaluator.flags(tree, patch.apply(tree), strict=False))
        change = delta(baseline.suite, suite)
        flags = (*suite.limited, *_flags(patch, change), *suspicions)
        return Candidate(
            "c1", proposal, 1, verdict_of(task, change, suite), change, suite, gates=gates, flags=flags, confirmed=suite.complete
        )

    def _put_up(self, task: Task, candidate: Candidate, tree: Mapping[str, bytes], known: Review | None) -> Review:
        """Make it a review, or the `known` one what was found out now; its task is done with that."""
        if known is None:
            review = self._review_of(task, candidate, dict(tree))
            self._keep(review)
        else:
            review = self.change(known.id, lambda current: _renewed(current, task, candidate))
        self._set_status(task, _STATUS[candidate.verdict], review.id)
        return review

    def _same(self, patch: Patch) -> Review | None:
        """Return the open review of the same edits to the same text, brought in before, unless the user has rewritten some of them."""
        opened = [review for review in self._state.reviews if review.state == "open" and review.candidate.proposal.proposer == "outside"]
        same = (review for review in opened if review.candidate.proposal.patch == patch)
        return next((one for one in same if combine(one.hunks, one.tree).apply(one.tree) == patch.apply(one.tree)), None)

    def _refuse_protected(self, patch: Patch) -> None:
        for file in patch.files:
            if reason := self._parts.workspace.refuses(file.path, new=file.creates):
                raise SafetyError(f"{file.path}: {reason}. The patch cannot be brought in.")

    def _foreign(self, patch: Patch, tree: Mapping[str, bytes], title: str, form: str) -> Proposal:
        first = split_hunks(patch, tree)[0]
        source = SourceFile(first.path, tree.get(first.path, b""))
        line = min(first.first_line, len(source.line_starts) - 1)
        if self._parts.syntax.handles(first.path):
            scope = self._parts.syntax.scope_at(source, line)
        else:
            scope = Scope(first.path, "<module>", "module", Span(0, len(source.data)), 0, len(source.line_starts) - 1)
        return Proposal(patch, "outside", form, title, scope, line, detail=(("form", form),))

    @abstractmethod
    def _review_of(self, task: Task, best: Candidate, tree: dict[str, bytes]) -> Review: ...


def _renewed(review: Review, task: Task, candidate: Candidate) -> Review:
    """Return a review with what a new run said of it; decisions stay."""
    review = replace(review, task=task, candidate=candidate)
    return review.with_evidence(frozenset(hunk.key for hunk in review.hunks), candidate.suite) if candidate.confirmed else review


def _flags(patch: Patch, change: Delta) -> tuple[str, ...]:
    """Say what a patch of our own would never touch. Beside a change of the code it may be honest; alone it proves nothing."""
    touched = [path for path in patch.paths if matches(path, DEFAULT_PROTECTED, beneath=True)]
    if not touched:
        return ()
    what = f"tests or packaging ({', '.join(touched)})"
    is_all = len(touched) == len(patch.paths)
    return (f"tampering: makes tests pass by changing only {what}" if is_all and change.fixed else f"changes {what}",)
