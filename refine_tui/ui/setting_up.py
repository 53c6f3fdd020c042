"""What Setup does beside the screen: looking through the models, fetching one, and having the session take another.

Each of them waits for disk, network or a process in a thread of its own, so that reviewing and writing go on. The threads end with the
program: a download that is cut off goes on where it was, and a model's process ends with ours.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from queue import SimpleQueue

from refine_tui.core.errors import RefineError
from refine_tui.loop.events import ModelReady
from refine_tui.loop.ports.choosing import Choice, Fetching, Shelf
from refine_tui.loop.ports.thinking import ModelInfo
from refine_tui.ui.messages import Severity, Tell
from refine_tui.ui.session_port import SessionPort
from refine_tui.ui.session_worker import said_of


@dataclass(frozen=True)
class Models:
    """What Setup shows, beside the session's state."""

    choices: tuple[Choice, ...] = ()
    free_bytes: int | None = None
    is_read: bool = False
    """Whether the models were looked through; before that nothing is known of them."""
    fetched: str = ""
    """What is being fetched; empty: nothing."""
    progress: Fetching | None = None
    is_stopping: bool = False
    question: str = ""
    """A host wants a key, in words; empty: none does."""


@dataclass
class SettingUp:
    """One download and one change of the model at a time. Methods return at once and are called from the screen's thread."""

    session: SessionPort
    shelf: Shelf
    show: Callable[[], object]
    """Asks for a paint, from any thread."""
    tell: Callable[[Tell], object]
    """Says something, from any thread."""
    resume: Callable[[], object]
    """Goes on with what waits in the queue, from any thread."""
    models: Models = field(default_factory=Models)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _running: set[threading.Thread] = field(default_factory=set)
    _answers: SimpleQueue[str] = field(default_factory=SimpleQueue)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.shelf.listen(self._ask, self._warn)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._running

    def look(self) -> None:
        """Look through the models anew."""
        self._begin(self._look)

    def use(self, wish: str) -> None:
        """Have the session take another model."""
        self._begin(lambda: self._use(wish))

    def add(self, file: str) -> None:
        """Make a file of the user's a model, to be chosen then."""

        def added() -> None:
            name = self.shelf.add(file)
            self._look()
            self._say(f"{name} was added; its file stays where it is. enter on it uses it.")

        self._begin(added)

    def fetch(self, wanted: str) -> None:
        """Fetch a model by its card's name or an address."""
        if self.models.fetched:
            self._say(f"{self.models.fetched} is being fetched. x stops that; what has arrived is kept.", "warning")
            return
        self._stop.clear()
        self._change(fetched=wanted, progress=None, is_stopping=False)
        self._begin(lambda: self._fetch(wanted))

    def stop(self) -> None:
        """Stop the download, and give no key to who asks for one; what has arrived is kept."""
        if self.models.fetched:
            self._stop.set()
            self._change(is_stopping=True)
        self.answer("")

    def answer(self, key: str) -> None:
        """Give the key that was asked for; an empty one is none."""
        if self.models.question:
            self._change(question="")
            self._answers.put(key)

    def _begin(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except RefineError as error:
                self._say(str(error), "error")
            except Exception as defect:  # noqa: BLE001 - a defect here must not take the review down
                self._say(said_of(defect), "error")
            finally:
                self._running.discard(thread)
                self.show()

        thread = threading.Thread(target=run, name="setup", daemon=True)
        self._running.add(thread)
        thread.start()

    def _look(self) -> None:
        self._change(choices=self.shelf.choices(), free_bytes=self.shelf.free_bytes(), is_read=True)

    def _use(self, wish: str) -> None:
        try:
            for event in self.session.use_model(self.shelf, wish):
                if isinstance(event, ModelReady):
                    self._say(_taken(event.info))
                self.show()
        finally:
            self._look()
            self.resume()

    def _fetch(self, wanted: str) -> None:
        name = ""
        try:
            with closing(self.shelf.fetch(wanted)) as events:
                for event in events:
                    if isinstance(event, Fetching):
                        self._change(progress=event)
                    else:
                        name = event.wish
                    if self._stop.is_set():
                        break
        finally:
            stopped = self._stop.is_set() and not name
            self._stop.clear()
            self._change(fetched="", progress=None, question="", is_stopping=False)
            if stopped:
                self._say(f"Stopped fetching {wanted}. What has arrived is kept: d goes on from there.")
        if name:
            self._look()
            self._say(f"{name} is here and was checked. enter on it uses it.")

    def _ask(self, question: str) -> str:
        if self._stop.is_set():
            return ""
        self._change(question=question)
        return self._answers.get()

    def _warn(self, sentence: str) -> None:
        self._say(sentence, "warning")

    def _say(self, text: str, severity: Severity = "information") -> None:
        self.tell(Tell(text, severity))

    def _change(self, **fields: object) -> None:
        with self._lock:
            self.models = replace(self.models, **fields)  # type: ignore[arg-type]
        self.show()


def _taken(info: ModelInfo | None) -> str:
    if info is None:
        return "No model is in use now; search alone proposes patches."
    return " ".join([f"{info.name} is in use now, on {info.device}.", *info.warnings])
