"""Attempts at other processes. Loaded by `sandbox_attacks.py`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.sandbox.sandbox_attacks import Place, attack, call, entered, refuse
else:
    from sandbox_attacks import Place, attack, call, entered, refuse


@attack
def kill_a_host_process(place: Place) -> object:
    os.kill(place["victim"], signal.SIGKILL)
    return "sent"


@attack
def kill_the_supervisor(place: Place) -> object:
    os.kill(place["supervisor"], signal.SIGTERM)
    return "sent"


@attack
def kill_through_a_process_file(place: Place) -> object:
    fd = int(call(434, 434, place["victim"], 0).split()[1])
    return call(424, 424, fd, 9, None, 0)


@attack
def limit_a_host_process(place: Place) -> object:
    resource.prlimit(place["victim"], resource.RLIMIT_NOFILE, (3, 3))
    return "limited"


@attack
def move_a_host_process_to_one_core(place: Place) -> object:
    os.sched_setaffinity(place["victim"], {0})
    return "moved"


@attack
def slow_a_host_process_down(place: Place) -> object:
    os.setpriority(os.PRIO_PROCESS, place["victim"], 19)
    return "slowed"


@attack
def trace_a_host_process(place: Place) -> object:
    return call(101, 117, 16, place["victim"], None, None)


@attack
def trace_the_parent(place: Place) -> object:
    return call(101, 117, 16, os.getppid(), None, None)


@attack
def be_traced(place: Place) -> object:
    return call(101, 117, 0, 0, None, None)


@attack
def read_another_processs_memory(place: Place) -> object:
    return entered(310, 270, os.getppid(), None, 0, None, 0, 0)


@attack
def queue_a_signal_to_a_host_process(place: Place) -> object:
    return call(129, 138, place["victim"], signal.SIGTERM, struct.pack("=iiiii108x", signal.SIGTERM, 0, -1, os.getpid(), os.getuid()))


@attack
def signal_a_thread_of_a_host_process(place: Place) -> object:
    return call(200, 130, place["victim"], signal.SIGTERM)


@attack
def signal_by_owning_a_file(place: Place) -> object:
    """The kernel sends a signal to whoever is named as the owner of a pipe when something arrives there."""
    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETOWN, place["victim"])
    fcntl.fcntl(reading, fcntl.F_SETFL, fcntl.fcntl(reading, fcntl.F_GETFL) | os.O_ASYNC)
    os.write(writing, b"x")
    return refuse()  # whether it ended is seen outside


@attack
def signal_everybody(place: Place) -> object:
    for pid in range(2, 1 << 15):
        if pid not in (os.getpid(), os.getppid()):
            with contextlib.suppress(OSError):
                os.kill(pid, 0)
                return f"may signal {pid}"
    return refuse()


@attack
def write_the_memory_of_a_host_process(place: Place) -> object:
    return os.open(f"/proc/{place['victim']}/mem", os.O_RDWR)


@attack
def copy_the_memory_of_a_host_process(place: Place) -> object:
    return entered(310, 270, place["victim"], None, 0, None, 0, 0)


@attack
def write_over_the_memory_of_a_host_process(place: Place) -> object:
    return entered(311, 271, place["victim"], None, 0, None, 0, 0)


@attack
def seize_a_host_process(place: Place) -> object:
    return call(101, 117, 0x4206, place["victim"], None, None)


@attack
def take_an_open_file_of_a_host_process(place: Place) -> object:
    return entered(438, 438, -1, 0, 0)


@attack
def move_the_memory_of_a_host_process(place: Place) -> object:
    return entered(279, 239, place["victim"], 0, None, None, None, 0)


@attack
def compare_with_a_host_process(place: Place) -> object:
    return entered(312, 272, os.getpid(), os.getppid(), 0, 0, 0)


@attack
def schedule_a_host_process(place: Place) -> object:
    os.sched_setscheduler(place["victim"], os.SCHED_IDLE, os.sched_param(0))
    return "scheduled"


@attack
def starve_the_disk_of_a_host_process(place: Place) -> object:
    return call(251, 30, 1, place["victim"], 3 << 13)


@attack
def go_before_everybody_else(place: Place) -> object:
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    return "first" if os.getpriority(os.PRIO_PROCESS, 0) < 0 else refuse()


@attack
def raise_the_own_limits(place: Place) -> object:
    for what in (resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_AS, resource.RLIMIT_CPU):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            return f"raised {what}"
    return refuse()


@attack
def be_the_last_to_die_for_memory(place: Place) -> object:
    return Path("/proc/self/oom_score_adj").write_text("-1000")


@attack
def leave_the_control_group(place: Place) -> object:
    for name in ("memory", "pids", "unified", "."):
        with contextlib.suppress(OSError):
            return Path("/sys/fs/cgroup", name, "cgroup.procs").write_text("0")
    return refuse()
