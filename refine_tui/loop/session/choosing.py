"""The part of a session that puts another model in the place of the one in use, while everything else goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from refine_tui.core.errors import RefineError, StorageError, UsageError
from refine_tui.loop import events
from refine_tui.loop.ports.choosing import Shelf
from refine_tui.loop.ports.parts import Parts
from refine_tui.loop.ports.running import Cancelled
from refine_tui.loop.ports.thinking import Generator, ModelInfo
from refine_tui.loop.session.state import State

POLL_S = 0.05


@dataclass
class InUse:
    """The model while one task uses it."""

    is_cancelled: Cancelled
    wanted: threading.Event
    """Set once another model is wanted: the task ends then as if it had been cancelled."""

    def is_over(self) -> bool:
        """Whether the task should end."""
        return self.wanted.is_set() or self.is_cancelled()

    @property
    def makes_room(self) -> bool:
        """Whether it ends for another model, and not because the user has had enough."""
        return self.wanted.is_set() and not self.is_cancelled()


class Choosing:
    """The model in use, changed from any thread. A task that uses the old one ends first and begins anew with the new one."""

    _parts: Parts
    _state: State
    _lock: threading.RLock

    def __init__(self) -> None:
        self._model_in_use = threading.Lock()
        self._other_wanted = threading.Event()

    @contextmanager
    def _model_kept(self, cancelled: Cancelled) -> Iterator[InUse]:
        """Keep the model as it is; waits for one that is being loaded, as long as nobody cancels."""
        use = InUse(cancelled, self._other_wanted)
        held = False
        while not held and not cancelled():
            held = self._model_in_use.acquire(timeout=POLL_S)
        try:
            yield use
        finally:
            if held:
                self._model_in_use.release()

    def stop_loading(self) -> None:
        """End the loading of the model that a task waits for, if it does; what Setup loads is left alone."""
        with self._lock:
            state, generator = self._state, self._parts.generator
        if state.model is None and not state.loading and generator is not None:
            generator.cancel()

    def use_model(self, shelf: Shelf, wish: str) -> Iterator[events.ModelLoading | events.ModelReady]:
        """Put another model in place of the one in use; ends once it is loaded.

        Ends the old one, whose answers are not taken any more. One that cannot be loaded leaves the old one in its place.

        Args:
            shelf: where models are.
            wish: a name, a path, a server's address, or `none`.

        Raises:
            RefineError: it cannot be had; the sentence says what is used instead.
            UsageError: another one is being loaded.
        """
        with self._lock:
            if self._state.loading:
                raise UsageError(f"{self._state.loading} is being loaded. Choose again once that is over.")
            self._state = replace(self._state, loading=wish)
        yield events.ModelLoading(wish)
        self._other_wanted.set()
        with self._model_in_use:
            self._other_wanted.clear()
            try:
                ready = self._changed(shelf, wish)
            finally:
                with self._lock:
                    self._state = replace(self._state, loading="")
        yield ready

    def _changed(self, shelf: Shelf, wish: str) -> events.ModelReady:
        old, known, reason = self._parts.generator, self._state.model, self._state.model_reason
        if old is not None and known is not None:
            old.close()
        try:
            info = self._loaded(shelf.open(wish))
        except RefineError as error:
            raise type(error)(f"{error} {self._restored(shelf, old, known, reason)}") from error
        if old is not None and known is None:
            old.close()
        try:
            shelf.keep(wish)
        except StorageError as error:
            raise StorageError(f"{error} {wish} is used until you leave.") from error
        return events.ModelReady(info, "" if info else "no model is used")

    def _loaded(self, generator: Generator | None) -> ModelInfo | None:
        """Put a model in its place and load it."""
        self._put(generator, None, "" if generator else "none was asked for")
        info = generator.load() if generator else None
        self._put(generator, info, "" if info else "none was asked for")
        return info

    def _restored(self, shelf: Shelf, old: Generator | None, known: ModelInfo | None, reason: str) -> str:
        """Put the old model back, which is loaded when it is needed; returns a sentence about it."""
        failed = self._parts.generator
        if failed is not None and failed is not old:
            failed.close()
        try:
            self._put(shelf.open(known.path) if known else old, None, reason)
        except RefineError as error:
            self._put(None, None, str(error))
            return "No model is used now."
        return f"{known.name} stays in use." if known else "Nothing was changed."

    def _put(self, generator: Generator | None, info: ModelInfo | None, reason: str) -> None:
        with self._lock:
            self._parts = replace(self._parts, generator=generator)
            self._state = replace(self._state, model=info, model_reason=reason)
