from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from refine_tui.core.isolation import Level
from refine_tui.loop.ports.running import Sandbox
from refine_tui.sandbox.opening import Ladder

REQUIRED = os.environ.get("REFINE_TUI_REQUIRE_LEVELS", "").split(",")


@pytest.fixture(scope="session")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Ladder:
    return Ladder(tmp_path_factory.mktemp("sandbox-state"))


def reach(ladder: Ladder, level: Level) -> Sandbox:
    """Return a sandbox of a level; skip where this machine does not reach it, and fail where it must."""
    probe = ladder.probe(level)
    if not probe.holds:
        (pytest.fail if level.value in REQUIRED else pytest.skip)(f"{level.value} is not reached here: {probe.reason}")
    return ladder.at(level)


@pytest.fixture(params=[Level.ISOLATED, Level.CONFINED], ids=lambda level: level.value)
def sandbox(request: pytest.FixtureRequest, ladder: Ladder) -> Sandbox:
    return reach(ladder, request.param)


@pytest.fixture
def isolated(ladder: Ladder) -> Sandbox:
    return reach(ladder, Level.ISOLATED)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "my proj é"
    (folder / "pkg").mkdir(parents=True)
    (folder / "pkg" / "mod.py").write_text("VALUE = 1\n")
    (folder / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (folder / "run.sh").chmod(0o755)
    return folder


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """No launch of this suite leaves a copy in memory, but for those of programs that were killed on purpose."""
    yield
    assert list(Path("/dev/shm").glob(f"refine-tui-copy-{os.getpid()}-*")) == []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many attacks were made where, and how many guards were taken away."""
    where, what = re.compile(r"test_an_attack_is_refused\[(\w+)-"), re.compile(r"test_without_a_guard_an_attack_gets_through\[(\w+)-")
    for outcome, refused, through in (("passed", "refused", "an attack got through"), ("failed", "NOT REFUSED", "NOTHING got through")):
        reports = [report.nodeid for report in terminalreporter.stats.get(outcome, ())]
        for level, count in Counter(match[1] for node in reports if (match := where.search(node))).items():
            terminalreporter.write_line(f"attacks at {level}: {count} {refused}")
        for level, count in Counter(match[1] for node in reports if (match := what.search(node))).items():
            terminalreporter.write_line(f"guards taken away at {level}: {count}, and {through}")
