"""Syntax, proposers and the model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from refine_tui.core.evidence import CaseResult
from refine_tui.core.proposal import OperatorEdit
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile


class Syntax(Protocol):
    """What the loop asks of a parser. No parser object leaves it."""

    def handles(self, path: str) -> bool:
        """Say whether files of this kind can be parsed."""

    def scopes(self, source: SourceFile) -> tuple[Scope, ...]:
        """Return the module, classes, functions and methods of a file, in order."""

    def scope_at(self, source: SourceFile, line: int) -> Scope:
        """Return the smallest function, method, class or module that holds a 0-based line."""

    def is_valid(self, source: SourceFile) -> bool:
        """Say whether the file parses."""

    def normalised(self, source: SourceFile) -> str:
        """Return the file without comments and insignificant white space: equal texts are the same program."""

    def edits(self, source: SourceFile, scope: Scope, lines: Collection[int] | None = None) -> Iterator[OperatorEdit]:
        """Yield single applications of the edit operators in a scope, optionally only at some 0-based lines."""


DeviceKind = Literal["CPU", "GPU", "integrated GPU", "accelerator", "several devices"]


@dataclass(frozen=True, slots=True)
class Device:
    """One thing that can compute."""

    name: str
    """As the library calls it: `CPU`, `CUDA0`."""
    description: str
    """As its maker calls it."""
    kind: DeviceKind
    free_bytes: int
    """Before the model was loaded."""
    total_bytes: int

    @property
    def is_gpu(self) -> bool:
        """Whether layers can be offloaded to it."""
        return self.kind in ("GPU", "integrated GPU")


@dataclass(frozen=True)
class ModelInfo:
    """What is really loaded and on what it really runs."""

    name: str
    path: str
    architecture: str
    quantisation: str
    parameters: int
    context_tokens: int
    device: str
    """`CPU, 1 thread` or the GPU's name with the layers offloaded, as verified after loading."""
    layers_offloaded: int = 0
    layers: int = 0
    profile: str = "line-edit"
    """How it wants to be asked: `line-edit`, `scope-rewrite` or `fim`."""
    chat_template: str = ""
    """The file's own jinja template; empty when it has none."""
    warnings: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()
    """Everything that was found to compute on."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, exactly counted since the engine was loaded."""

    prompt: int = 0
    """Prompt tokens asked for, reused ones included."""
    reused: int = 0
    generated: int = 0
    drafted: int = 0
    accepted: int = 0
    """Drafted tokens that were right."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen."""

    temperature: float = 0.8
    """0: always the most likely token."""
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class Request:
    """Text to be continued `count` times from one prompt."""

    prompt: str
    count: int = 1
    max_tokens: int = 256
    sampling: Sampling = field(default_factory=Sampling)
    stop: tuple[str, ...] = ()
    grammar: str = ""
    """GBNF; empty: free text."""


@dataclass(frozen=True, slots=True)
class Delta:
    """Text that one continuation grew by."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Completion:
    """One finished continuation."""

    index: int
    text: str
    reason: Literal["stop", "length", "cancelled"]
    tokens: int
    logprob: float
    """Sum of the natural log-probabilities of its tokens under the model, without temperature."""


class Generator(Protocol):
    """A language model. Calls come from one thread at a time; `cancel` from any."""

    def load(self) -> ModelInfo:
        """Load the model, or return at once when it is loaded.

        Raises:
            ModelError: the file is missing, not GGUF, truncated, or needs more memory than there is.
        """

    def complete(self, request: Request, cancelled: Callable[[], bool]) -> Iterator[Delta | Completion]:
        """Stream `count` continuations; ends after the last `Completion`. A cancelled one ends within 200 ms.

        Raises:
            ModelError: the prompt does not fit, or the worker died twice; a first death is repaired and the request resumed.
        """

    def score(self, prompt: str, continuations: Sequence[str], cancelled: Callable[[], bool]) -> list[float]:
        """Return the log-probability of each continuation given the prompt, in order; the prompt is computed once."""

    def usage(self) -> Usage:
        """Return the token counts so far."""

    def close(self) -> None:
        """End the worker."""


class LineEditing(Protocol):
    """The `line-edit` profile: how a change is written for the model that ships, and read back."""

    def render_prompt(self, lines: Sequence[str]) -> str:
        """Return the prompt for a function given as lines."""

    def render_edit(self, old_lines: Sequence[str], new_lines: Sequence[str]) -> str:
        """Return the edit that turns one into the other, as the model would write it."""

    def render_unchanged(self, lines: Sequence[str], line: int) -> str:
        """Return the edit that writes a 0-based line as it stands: what copying alone costs."""

    def touched(self, edit: str) -> tuple[int | None, ...]:
        """Return, for each line an edit writes or takes away, the 0-based line it replaces; `None` for one that is inserted or deleted."""

    def parse_edit(self, text: str, lines: Sequence[str]) -> list[str] | None:
        """Return the edited lines, or `None` when the answer is malformed."""


@dataclass(frozen=True)
class Ask:
    """What a model is told about one scope: the stable part first, the volatile part last."""

    goal: str
    scope: Scope
    lines: tuple[str, ...]
    """The scope as it stands, its indentation kept."""
    failures: tuple[CaseResult, ...] = ()
    suspects: tuple[int, ...] = ()
    """0-based lines within `lines`, most suspicious first."""
    tried: tuple[str, ...] = ()
    """Changes that were run and did not help, in words."""
    critique: str = ""
    note: str = ""
    """What the user said."""


class Profile(Protocol):
    """How one kind of model is asked, and how its answer is read."""

    name: str
    stop: tuple[str, ...]

    def prompt(self, ask: Ask) -> str:
        """Return the prompt that asks for a change of the scope."""

    def critique_prompt(self, ask: Ask) -> str:
        """Return the prompt that asks why the tests fail; empty when this kind of model cannot say."""

    def read(self, answer: str, ask: Ask) -> list[str] | None:
        """Return the lines of the changed scope, or `None` when the answer is malformed."""

    def max_tokens(self, ask: Ask) -> int:
        """Return how long an answer may become."""
