"""A shelf of models that never touches a disk or a network, and stops wherever a test wants to look."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace

from refine_tui.core.errors import ModelError, RefineError
from refine_tui.loop.ports import thinking
from refine_tui.loop.ports.choosing import Choice, Fetched, Fetching
from tests.ui.ui_fakes import MODEL

HERE = Choice("repair-small", "file", MODEL.path, "llama", "Q8_0", 11_900_000, 201_600_000, True, "Apache-2.0", 2048, "line-edit")
BIG = Choice("coder-32b", "file", "/models/coder-32b.gguf", "qwen2", "Q4_K_M", 19_800_000_000, 26_100_000_000, False, "Apache-2.0", 32_768)
TORN = Choice("torn", "broken", "/models/torn.gguf", note="/models/torn.gguf ends in the middle of its tensors.")
NONE = Choice("none", "none")
CARD = Choice(
    "coder-0.5b",
    "card",
    "",
    "",
    "Q8_0",
    531_000_000,
    681_000_000,
    None,
    "Apache-2.0",
    32_768,
    "scope-rewrite",
    "https://models.example/coder",
)
HUGE = replace(CARD, wish="coder-70b", size_bytes=42_000_000_000, needed_bytes=42_150_000_000, fits=False)
HALF_WAY = Fetching("coder-0.5b.Q8_0.gguf", 265_500_000, 531_000_000, 3_100_000.0, 85.6)


class Loaded:
    """What a session is given for a model."""

    def __init__(self, name: str) -> None:
        self.info = replace(MODEL, name=name, path=name if "://" in name else f"/models/{name}.gguf")

    def load(self) -> thinking.ModelInfo:
        return self.info


@dataclass
class ScriptedShelf:
    """Each call may wait for a gate, and fails when told to."""

    rows: tuple[Choice, ...] = (HERE, BIG, TORN, NONE, CARD, HUGE)
    free: int | None = 8_000_000_000
    gate: threading.Event | None = None
    """When given, a download waits for it half way, and opening a model before anything else."""
    is_held: threading.Event = field(default_factory=threading.Event)
    asks: str = ""
    """A question that fetching asks first."""
    fails: dict[str, RefineError] = field(default_factory=dict)
    """Wish → what having it raises."""
    answers: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    """Downloads that were stopped."""

    def listen(self, ask: Callable[[str], str], tell: Callable[[str], None]) -> None:
        self._ask, self._tell = ask, tell

    def choices(self) -> tuple[Choice, ...]:
        return self.rows

    def free_bytes(self) -> int | None:
        return self.free

    def add(self, file: str) -> str:
        self._fail(file)
        name = file.rpartition("/")[2].removesuffix(".gguf")
        self.rows = (replace(HERE, wish=name, path=file), *self.rows)
        return name

    def fetch(self, wanted: str) -> Generator[Fetching | Fetched, None, None]:
        self._fail(wanted)
        if self.asks:
            self._tell("This machine has no system keyring. Set HF_TOKEN, or type the key for each session.")
            self.answers.append(self._ask(self.asks))
            if not self.answers[-1]:
                raise ModelError("hub.example hands it out only to those who have a key.")
        try:
            yield HALF_WAY
            while self.gate is not None and not self.gate.wait(0.01):
                self.is_held.set()
                yield HALF_WAY
        except GeneratorExit:
            self.closed.append(wanted)
            raise
        self.rows = (*(replace(row, kind="file", fits=True) if row.wish == wanted else row for row in self.rows),)
        yield Fetched(wanted, "ab" * 32, "card")

    def open(self, wish: str) -> thinking.Generator | None:
        if self.gate is not None:
            self.is_held.set()
            self.gate.wait(100)
        self._fail(wish)
        return None if wish == "none" else Loaded(wish)  # type: ignore[return-value]

    def keep(self, wish: str) -> None:
        raise NotImplementedError

    def _fail(self, wish: str) -> None:
        if error := self.fails.get(wish):
            raise error
