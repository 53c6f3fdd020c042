"""Runs the command that lies beside this file once for each line on standard input, and says what each run cost.

Events: `run`, with seconds on the clock, seconds of computing in all processes that were waited for, and the exit status. Standard library
only, Python 3.8 and later.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def main() -> int:
    """Run and report until the input ends."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "plan.json"), encoding="utf-8") as file:
        command = ["/bin/sh", "-c", json.load(file)["command"]]
    report = os.fdopen(os.dup(1), "w", encoding="ascii")  # not inherited by the command
    os.dup2(2, 1)
    for _ in sys.stdin:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
        process.returncode = status  # waited for already
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        report.write(json.dumps({"event": "run", "wall_s": wall_s, "cpu_s": used.ru_utime + used.ru_stime, "status": code}) + "\n")
        report.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
