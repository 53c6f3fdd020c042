"""Each guard is taken away, and an attack that it refuses gets through: the attacks would notice if a guard were lost."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from refine_tui.core.isolation import Level
from refine_tui.sandbox import kernel, seccomp
from refine_tui.sandbox.opening import Ladder
from tests.sandbox.conftest import reach
from tests.sandbox.sandbox_guards import GUARDS, Guard, Workbench
from tests.sandbox.sandbox_world import REFUSED, assault, one_by_one, world
from tests.sandbox.test_sandbox_attacks import ATTACKS, by_nobody

CASES = [
    pytest.param(guard, level, id=f"{level.value}-{guard}", marks=() if guard.quick else pytest.mark.slow)
    for guard in GUARDS
    for level in guard.levels
]


@pytest.mark.parametrize(("guard", "level"), CASES)
def test_without_a_guard_an_attack_gets_through(
    guard: Guard, level: Level, ladder: Ladder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = reach(ladder, level)
    if guard.root and os.getuid() != 0:
        pytest.skip("it takes the rights of root to see it")
    with world(tmp_path) as place:
        guard.remove(Workbench(monkeypatch, level, place))
        found = assault(sandbox, place, (guard.attack,))

    assert found["status"] == 0, found["said"]
    assert not found["answers"][guard.attack].startswith(REFUSED) or found["outside"], found["answers"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_most_attacks_succeed_for_an_ordinary_user_without_a_fence(ladder: Ladder, tmp_path: Path) -> None:
    """Each in a world of its own. The others need the rights of root, what this machine lacks, or a guard of which another test is."""
    if os.getuid() == 0:
        found = by_nobody(Level.UNSAFE.value)[Level.UNSAFE.value]
    else:
        found = one_by_one(ladder.at(Level.UNSAFE), tmp_path, ATTACKS.ATTACKS)

    assert "said" not in found, found.get("said")
    got_nothing = [name for name, got in found.items() if not got]
    assert len(found) - len(got_nothing) >= 90, got_nothing


def test_each_call_of_the_filters_tables_is_refused_by_the_kernel() -> None:
    """The numbers are right: a forked process under the filter gets the error that its table promises."""
    import errno
    import platform

    index = seccomp._INDEX[platform.machine()]
    for table, expected in ((seccomp._DENIED, errno.EPERM), (seccomp._STRICT, errno.EPERM), (seccomp._ABSENT, errno.ENOSYS)):
        numbers = {name: call[index] for name, call in table.items() if call[index] is not None}
        assert _errors(list(numbers.values())) == dict.fromkeys(map(str, numbers.values()), expected)


def _errors(numbers: list[int | None]) -> dict[str, int]:
    import ctypes
    import json
    import platform

    program = seccomp.confined_filter(platform.machine(), own_signals_only=True)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        kernel.drop_rights(program)
        found = {number: (libc.syscall(number, -1, -1, -1, -1, -1, -1), ctypes.get_errno())[1] for number in numbers}
        os.write(writing, json.dumps(found).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        text = file.read()
    os.waitpid(pid, 0)
    answer: dict[str, int] = json.loads(text)
    return answer


if sys.platform != "linux":
    pytest.skip("the attacks are written for Linux", allow_module_level=True)
