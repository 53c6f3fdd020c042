"""Syntax, proposers and the model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from refine_tui.core.critique import Hypothesis
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

    def errors(self, source: SourceFile) -> tuple[int, ...]:
        """Return the 0-based lines on which the parser had to skip or invent something."""

    def mends(self, source: SourceFile) -> Sequence[OperatorEdit]:
        """Return small edits after each of which a file parses that does not, likeliest first; none where that cannot be told."""

    def imports(self, source: SourceFile) -> tuple[str, ...]:
        """Return the paths, below the project's root, at which what a file imports may lie, whether or not there is anything."""

    def can_go_on(self, path: str, lines: Sequence[str]) -> bool:
        """Say whether the first lines of a scope, its indentation taken off, may still become code; yes where that cannot be told."""

    def normalised(self, source: SourceFile) -> str:
        """Return the file without comments and insignificant white space: equal texts are the same program."""

    def edits(
        self, source: SourceFile, scope: Scope, lines: Collection[int] | None = None, values: Sequence[str] = ()
    ) -> Iterator[OperatorEdit]:
        """Yield single applications of the edit operators in a scope, optionally only at some 0-based lines.

        `values` are what failing tests compared, as `repr` gave it: a source of constants.
        """


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
    """0 when a server does not tell, as with the context; texts are empty then."""
    context_tokens: int
    device: str
    """`CPU, 1 thread` or the GPU's name with the layers offloaded, as verified after loading; of a server, its host."""
    layers_offloaded: int = 0
    layers: int = 0
    profile: str = "line-edit"
    """How it wants to be asked: `line-edit`, `scope-rewrite` or `fim`."""
    chat_template: str = ""
    """The file's own jinja template; empty when it has none."""
    bos_token: str = ""
    """The token that begins every text, as it is written; empty when there is none."""
    eos_token: str = ""
    adds_bos: bool = False
    """Whether the tokenizer begins a text with that token itself."""
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
    unknown: tuple[str, ...] = ()
    """Names of counts that a server does not tell: what stands there is too small."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen."""

    temperature: float = 0.8
    """0: always the most likely token."""
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter: a small file that changes what a model says."""

    path: str
    scale: float = 1.0


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
    copied: str = ""
    """Text that much of the answer will repeat, such as the node under edit. It changes the speed and nothing else."""
    adapters: tuple[Adapter, ...] | None = None
    """In force for this request; `None`: those the generator was made with."""


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
    """0 for an answer with text: a server does not tell."""
    logprob: float
    """Sum of the natural log-probabilities of its tokens under the model, without temperature; not a number when a server does not tell."""


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

    def drop(self, index: int) -> None:
        """Give up one continuation of the request that is streamed: it ends soon, as cancelled, and the others go on faster."""

    def score(self, prompt: str, continuations: Sequence[str], cancelled: Callable[[], bool]) -> list[float]:
        """Return the log-probability of each continuation given the prompt, in order; the prompt is computed once."""

    def usage(self) -> Usage:
        """Return the token counts so far."""

    def cancel(self) -> None:
        """Stop what is being computed or loaded; the call that waits for it ends as if its own `cancelled` had said so."""

    def close(self) -> None:
        """End the worker."""


class LineEditing(Protocol):
    """The `line-edit` profile: how a change is written for the model that ships, and read back."""

    def render_prompt(self, lines: Sequence[str]) -> str:
        """Return the prompt for a function given as lines."""

    def render_edit(self, old_lines: Sequence[str], new_lines: Sequence[str]) -> str:
        """Return the edit that turns one into the other, as the model would write it."""

    def parse_edit(self, text: str, lines: Sequence[str]) -> list[str] | None:
        """Return the edited lines, or `None` when the answer is malformed."""


Step = Literal["plan", "propose", "critique", "refine", "faster", "specify"]
"""What a model is asked for: how to go about it, a first change, why it is not good enough, a better change, a faster version,
a test that fails until the goal is reached."""


@dataclass(frozen=True)
class Ask:
    """What a model is told about one scope: the stable part first, the volatile part last."""

    goal: str
    scope: Scope
    lines: tuple[str, ...]
    """The scope as it stands in the state that is built on, its indentation kept; an answer replaces these."""
    failures: tuple[CaseResult, ...] = ()
    suspects: tuple[int, ...] = ()
    """0-based lines within `user_lines`, most suspicious first."""
    tried: tuple[str, ...] = ()
    """Changes that were run and did not help, in words."""
    critique: str = ""
    note: str = ""
    """What the user said."""
    original: tuple[str, ...] = ()
    """The scope as it stands in the user's tree; empty: the same as `lines`."""
    around: str = ""
    """The file around the scope, without the bodies of its other functions."""
    plan: str = ""
    """How the model said it would go about it."""

    @property
    def user_lines(self) -> tuple[str, ...]:
        """The scope in the user's tree: what stays the same from round to round."""
        return self.original or self.lines


@dataclass(frozen=True, slots=True)
class FillMarks:
    """The tokens by which a model fills in the middle, as they are written."""

    prefix: str
    suffix: str
    middle: str
    """Comes last; empty for a model that begins to write after the prefix."""
    suffix_first: bool = False
    """Whether it was trained to see what follows before what leads to it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a prompt, and what it costs. Tokens are counted as about three bytes each."""

    name: str
    tokens: int
    limit: int | None = None
    """Tokens it may have; `None`: as many as it needs."""
    left_out: int = 0
    """Tokens that did not fit."""


@dataclass(frozen=True)
class Prompt:
    """A prompt with where it came from and what did not fit into it."""

    text: str
    form: str
    """The file it was made from with its version, as in `refine.1`."""
    parts: tuple[Part, ...] = ()

    @property
    def budget(self) -> str:
        """The parts with their tokens, in words: `rules 80, file 210 of 600, …`."""
        return ", ".join(f"{part.name} {part.tokens}" + (f" of {part.limit}" if part.limit else "") for part in self.parts)

    @property
    def left_out(self) -> str:
        """What did not fit, in words; empty when everything did."""
        return ", ".join(f"{part.left_out} tokens of {part.name}" for part in self.parts if part.left_out)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an answer cannot be read, as a clause that a model can be told: `it has no fenced block`."""

    words: str


class Profile(Protocol):
    """How one kind of model is asked, and how its answer is read."""

    name: str
    stop: tuple[str, ...]
    converses: bool
    """Whether it reads prose: what the tests printed, a critique, what was wrong with its answer."""
    prompts: str
    """Every file its prompts are made from, with version and hash, as in `common.1 3fa9c2d1, refine.1 90b1ee27`."""

    def questions(self, ask: Ask, count: int) -> tuple[tuple[Ask, int], ...]:
        """Divide `count` answers among the questions by which this kind of model is asked for a change of one scope.

        Prompts for changes are made from these, and answers to them are read with these.
        """

    def prompt(self, ask: Ask, step: Step) -> Prompt | None:
        """Return a prompt; `None` when this kind of model cannot do what is asked.

        Raises:
            ModelError: what cannot be left out does not fit into the context.
        """

    def again(self, ask: Ask, step: Step, answer: str, fault: Fault) -> Prompt | None:
        """Return the prompt that names what was wrong with an answer; `None` when this kind of model could not make use of it."""

    def read(self, answer: str, ask: Ask) -> list[str] | Fault:
        """Return the lines of the changed scope, or what is wrong with the answer."""

    def begun(self, answer: str, ask: Ask) -> list[str] | Fault:
        """Return the first lines of the changed scope that an unfinished answer has settled, or what is wrong with it already."""

    def read_critique(self, answer: str) -> Hypothesis | Fault:
        """Return what an answer to `critique` says, or what is wrong with it."""

    def max_tokens(self, ask: Ask, step: Step) -> int:
        """Return how long an answer may become."""
