"""Runs the project's test command once to the plan that lies beside this file, and reports on what was standard output.

Events: `output` (what it printed, as it comes), `results` (a file it wrote), `end`. Files of results that were there before are
deleted from the copy first: an old one would speak for a candidate that wrote none. Standard library only, Python 3.8 and later.
"""

from __future__ import annotations

import base64
import codecs
import glob
import json
import os
import select
import stat
import subprocess
import sys
import time
from typing import Any, Callable

MOST_FILES = 500
MOST_BYTES = 16 << 20
LINGERS_S = 0.2
"""How long output is waited for once the command has ended: what it left running may hold the pipe open."""


def found(pattern: str) -> list[str]:
    """Return all plain files that a pattern names."""
    paths = sorted(glob.glob(pattern, recursive=True)) if pattern else []
    return [path for path in paths if stat.S_ISREG(os.lstat(path).st_mode)]


def follow(process: Any, tell: Callable[[str], None]) -> None:
    """Pass on what the command prints until it has ended."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pipe, over = process.stdout.fileno(), 0.0
    while True:
        if select.select([pipe], [], [], 0.05)[0]:
            chunk = os.read(pipe, 1 << 16)
            tell(decoder.decode(chunk, not chunk))
            if not chunk:
                return
        elif process.poll() is not None:
            over = over or time.monotonic() + LINGERS_S
            if time.monotonic() > over:
                return


def main() -> int:
    """Run the command and report."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "plan.json"), encoding="utf-8") as file:
        plan = json.load(file)
    report = os.fdopen(os.dup(1), "w", encoding="ascii")  # not inherited by the command

    def emit(**event: Any) -> None:
        report.write(json.dumps(event) + "\n")
        report.flush()

    for path in found(plan["results"]):
        os.unlink(path)
    command = ["/bin/sh", "-c", plan["command"]]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    follow(process, lambda text: emit(event="output", text=text) if text else None)
    status, left = process.wait(), MOST_BYTES
    for number, path in enumerate(found(plan["results"])):
        with open(path, "rb") as results:
            content = results.read(left + 1)
        left -= len(content)
        if left < 0 or number == MOST_FILES:
            emit(event="too large")
            break
        emit(event="results", path=path, content=base64.b64encode(content).decode())
    emit(event="end", status=128 - status if status < 0 else status)
    return 0


if __name__ == "__main__":
    sys.exit(main())
