"""What widgets and screens tell one another: requests in the imperative, facts in the past tense."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal

from textual.message import Message

from refine_tui.core.errors import RefineError
from refine_tui.ui.session_worker import Job

Severity = Literal["information", "warning", "error"]


@dataclass
class MailArrived(Message):
    """The worker left something; several of these mean the same as one."""

    def can_replace(self, message: Message) -> bool:
        """Let a later one take the place of an earlier one."""
        return isinstance(message, MailArrived)


@dataclass
class Tell(Message):
    """Show a sentence to the user until the next one, or until it is dismissed."""

    text: str
    severity: Severity = "information"


@dataclass
class RunJob(Message):
    """Hand a job to the worker."""

    job: Job


@dataclass
class Errand(Message):
    """Make a call that may wait for the disk in a thread of its own, one after the other, and go on from what it returns."""

    call: Callable[[], Any]
    done: Callable[[Any], None]
    refused: Callable[[RefineError], None]


@dataclass
class ErrandEnded(Message):
    """An errand's call returned or failed."""

    errand: Errand
    outcome: Future[Any]


@dataclass
class ResumeWork(Message):
    """Go on with what waits in the queue."""


@dataclass
class ModelsChanged(Message):
    """What Setup shows is not what it was; several of these mean the same as one."""

    def can_replace(self, message: Message) -> bool:
        """Let a later one take the place of an earlier one."""
        return isinstance(message, ModelsChanged)


@dataclass
class ModelChosen(Message):
    """The session has taken another model, or could not; tasks that waited for that go on."""


@dataclass
class TreeWritten(Message):
    """Files of the user's tree were written or taken back by us."""

    paths: frozenset[str]


@dataclass
class FilesChanged(Message):
    """Files of the user's tree changed, and not by us."""

    paths: frozenset[str]
