"""Pulls a model in a process of its own, which ends itself in the middle: `killed_pull.py FOLDER URL STEP`.

STEP counts the calls that change something on the disk; at that call the process is gone as after `kill -9`. 0: never.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from refine_tui.models.download import Way
from refine_tui.models.pulling import Puller
from refine_tui.models.registry import Registry
from refine_tui.network.door import Door
from refine_tui.network.keys import Keys

CHANGES = ("ftruncate", "pwrite", "fsync", "rename", "replace", "unlink", "fdopen")


def count_down(step: int) -> None:
    left = [step]

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return call

    for name in CHANGES:
        setattr(os, name, dying(getattr(os, name)))


def main(folder: str, url: str, step: str) -> None:
    registry = Registry(Path(folder) / "user", Path(folder) / "packaged", Path(folder) / "config")
    puller = Puller(registry, Way(Door().open, Keys(environment={})))
    if int(step):
        count_down(int(step))
    for _ in puller.pull(url):
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
