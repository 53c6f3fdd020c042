"""What figures were measured on."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path


def machine_facts() -> dict[str, object]:
    """Return the row that every bench of times begins with."""
    return {
        "row": "machine",
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": sys.version.split()[0],
    }


def usable_cores() -> int:
    """Return the CPUs this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_name() -> str:
    """Return the processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
