"""Measures how long `refine-tui fix` takes to a verified patch beside a scripted server's own time; `python -m tests.remote.pace [RUNS]`.

The case is that of `test_remote_thrift.py`, whose counts are tests; the project has an environment with pytest and nothing else, as most
have. It prints one row like `bench engine --json`; the baseline is one run of the project's tests by pytest alone. To be run on a machine
that does nothing else.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from refine_tui.bench.measuring import at_most, row
from tests.evaluation.conftest import make_environment
from tests.network.loopback import Exchange, serving
from tests.remote.test_remote_thrift import Pupil, write_project

TARGET_S = 0.8


class Timed(Pupil):
    """A server that knows for how long it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def __call__(self, exchange: Exchange) -> None:
        began = time.monotonic()
        super().__call__(exchange)
        self.seconds += time.monotonic() - began


@dataclass(frozen=True)
class Run:
    """One run of the command. Times are seconds on the clock, the server's own left out."""

    verified: float
    """From the command's start until it told a patch that was proven."""
    whole: float
    alone: float
    """One run of the project's tests by pytest."""
    sent: int
    requests: int


def measured(folder: Path, python: Path) -> Run:
    """Run the command once on a fresh copy of the project, whose environment is that of `python`."""
    root = folder / "project"
    write_project(root)
    homes = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("DATA", "CONFIG", "STATE", "CACHE")}
    server, verified, env = Timed(), 0.0, {**os.environ, **homes, "VIRTUAL_ENV": str(python.parent.parent)}
    with serving(server) as running:
        began = time.monotonic()
        command = [sys.executable, "-m", "refine_tui", "--project", str(root), "fix", "--model", f"{running.url}/v1#coder", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
            assert process.stdout is not None
            for line in process.stdout:
                event = json.loads(line)
                if event["event"] == "task_finished" and event["outcome"] == "solved":
                    verified = time.monotonic() - began - server.seconds
        whole = time.monotonic() - began - server.seconds
    assert verified, "it was not solved"
    began = time.monotonic()
    subprocess.run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=root, stdout=subprocess.DEVNULL, check=False)
    return Run(verified, whole, time.monotonic() - began, server.sent, len(server.bodies))


def main() -> int:
    """Measure and print; the status is 1 when the target is missed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with TemporaryDirectory(prefix="refine-pace-") as folder:
        python = make_environment(Path(folder) / "env")
        subprocess.run([python, "-m", "compileall", "-q", python.parent.parent], check=False)  # as an installation leaves it
        runs = [measured(Path(folder) / str(number), python) for number in range(count)]
    alone, whole = (statistics.median(values) for values in ([run.alone for run in runs], [run.whole for run in runs]))
    note = f"the whole command {whole:.2f} s; {runs[0].requests} requests, {runs[0].sent:,} characters; baseline: pytest alone"
    verified = [run.verified for run in runs]
    ratio = statistics.median(verified) / alone
    found = row("fix to a verified patch, beside the server", verified, "s", baseline=alone, ratio=ratio, note=note)
    result = replace(at_most(found, TARGET_S), basis="wall")
    sys.stdout.write(f"{json.dumps(result.as_json())}\n")
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main())
