"""An object in a process of its own, so that what it computes disturbs nobody's figures and cannot take the bench down."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from refine_tui.core.errors import ModelError

END_S = 5.0
NO_DEBUGGER = {"GGML_NO_BACKTRACE": "1"}
"""llama.cpp starts one when it gives up, and waits for it."""


class Hosted:
    """Methods of an object in another process, called by name, one at a time. A context manager.

    A process that ended, by a defect of native code perhaps, costs the call it ended in: the next one finds a new object.
    """

    def __init__(self, make: Callable[..., Any], *arguments: Any, environment: Mapping[str, str] | None = None) -> None:
        """Start the process and make the object in it with `make(*arguments)`.

        Args:
            make: importable by its name.
            arguments: what pickle can carry.
            environment: variables that the process has from its first instruction on, as OpenMP wants it.
        """
        self._made_with, self._environment = (make, arguments), {**NO_DEBUGGER, **(environment or {})}
        self._has_ended = False
        self._start()

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a method and return what it returns.

        Raises:
            ModelError: it raised, or its process is gone.
        """
        if self._has_ended:
            self.close()
            self._start()
        try:
            self._pipe.send((name, arguments))
        except OSError as error:
            raise self._ended() from error
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join(END_S)
        self._pipe.close()

    def __enter__(self) -> Hosted:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _start(self) -> None:
        context = get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=serve, args=(other, *self._made_with), daemon=True)
        with changed_environment(self._environment):
            self._process.start()
        other.close()
        self._has_ended = False
        self._answer()

    def _answer(self) -> Any:
        try:
            kind, value = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._ended() from error
        if kind == "error":
            raise ModelError(str(value))
        return value

    def _ended(self) -> ModelError:
        """Note that the process is gone, and say how it ended; where in Python that was stands on standard error."""
        self._has_ended = True
        self._process.join(END_S)
        status = self._process.exitcode
        how = f" by {signal.Signals(-status).name}" if status is not None and status < 0 else ""
        return ModelError(f"the process that is measured ended{how}")


@contextlib.contextmanager
def changed_environment(changes: Mapping[str, str]) -> Any:
    """Have other environment variables for a moment: a spawned process inherits those of now."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def serve(pipe: Connection, make: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Make the object and call its methods until the other side closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    try:
        subject = make(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller
        pipe.send(("error", f"{type(error).__name__}: {error}"))
        return
    pipe.send(("ok", None))
    while True:
        try:
            name, values = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(("ok", getattr(subject, name)(*values)))
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller
            pipe.send(("error", f"{type(error).__name__}: {error}"))
