from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import IO

import pytest

from refine_tui.core.isolation import Level, Probe
from refine_tui.evaluation.evaluator import PytestEvaluator
from refine_tui.evaluation.settings import RunSettings
from refine_tui.loop.ports.running import Launch, Running, Sandbox

HERE = Path(__file__).parent
ZOO = HERE.parent / "zoo"


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


IN_PLACE = _load(HERE / "inside_in_place.py")


class InPlaceRunning:
    """A process that runs in the project itself; leaving it puts the project back."""

    def __init__(self, launch: Launch) -> None:
        self._project = launch.project
        self._before = IN_PLACE.snapshot(launch.project)
        self._tools = tempfile.TemporaryDirectory()
        for name, content in launch.tools.items():
            (Path(self._tools.name) / name).write_bytes(content)
        if launch.nests:
            (Path(self._tools.name) / "inside.py").write_bytes((HERE / "inside_in_place.py").read_bytes())
        IN_PLACE.lay(launch.project, launch.files)
        argv = [word.replace("{tools}", self._tools.name) for word in launch.argv]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            argv,
            cwd=launch.project / launch.cwd,
            env={"HOME": self._tools.name, **launch.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.stdin: IO[bytes] = self._process.stdin
        self.stdout: IO[bytes] = self._process.stdout
        self.stopped = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self, timeout_s: float | None = None) -> int | None:
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def stderr_tail(self) -> str:
        self._errors.seek(0)
        return self._errors.read()[-8192:].decode("utf-8", "replace")

    def __enter__(self) -> InPlaceRunning:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        self._process.wait()
        for stream in (self.stdin, self.stdout):
            with contextlib.suppress(OSError):  # what was not sent to a process that is gone
                stream.close()
        IN_PLACE.restore(self._project, self._before)
        self._errors.close()
        self._tools.cleanup()


class InPlaceSandbox:
    """No isolation at all, for throw-away projects: the project itself is the copy."""

    level = Level.UNSAFE

    def __init__(self, can_nest: bool = True) -> None:
        self.can_nest = can_nest
        self.launched: list[InPlaceRunning] = []

    def probes(self) -> tuple[Probe, ...]:
        return ()

    def fingerprint(self, project: Path) -> str:
        """Return the same always: here runs write to the project itself, and put it back."""
        return ""

    def launch(self, launch: Launch) -> Running:
        self.launched.append(InPlaceRunning(launch))
        return self.launched[-1]


def isolated() -> Sandbox | None:
    """The real sandbox, where this machine has it."""
    from refine_tui.sandbox.isolated import Isolated, find_bubblewrap

    bwrap = find_bubblewrap()
    return Isolated(bwrap) if sys.platform == "linux" and bwrap else None


@pytest.fixture(params=["in place", "isolated"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    if request.param == "in place":
        return InPlaceSandbox()
    return real_sandbox()


def real_sandbox() -> Sandbox:
    found = isolated()
    if found is None:
        if "isolated" in os.environ.get("REFINE_TUI_REQUIRE_LEVELS", ""):
            pytest.fail("no bubblewrap on this machine")
        pytest.skip("the isolated level needs bubblewrap")
    return found


@pytest.fixture
def isolated_sandbox() -> Sandbox:
    return real_sandbox()


Copy = Callable[[str], Path]


@pytest.fixture
def zoo(tmp_path: Path) -> Copy:
    """A copy of a project of the zoo, by name."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(ZOO / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__")))

    return copy


Make = Callable[..., PytestEvaluator]


@pytest.fixture(scope="session")
def lean_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tests' own Python in an environment with pytest and none of its plugins."""
    return make_environment(tmp_path_factory.mktemp("lean") / "env")


def make_environment(folder: Path) -> Path:
    """Make a virtual environment with pytest, without pip; return its interpreter."""
    venv.create(folder, with_pip=False, symlinks=True)
    target = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    for name in ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments"):
        source = Path(str(importlib.import_module(name).__file__)).parent
        shutil.copytree(source, target / name)
    shutil.copy(Path(str(importlib.import_module("py").__file__)), target / "py.py")
    return folder / "bin" / "python"


@pytest.fixture
def evaluator(lean_python: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes evaluators that run on a lean environment and are closed at the end; they have patience, as a busy machine needs."""
    made: list[PytestEvaluator] = []
    monkeypatch.setattr("refine_tui.evaluation.pace.LEAST_S", 3.0)

    def make(project: Path, sandbox: Sandbox, python: Path | None = None, **settings: object) -> PytestEvaluator:
        values = {"test_limit_s": 20.0, "recheck": False, "overlap": not isinstance(sandbox, InPlaceSandbox)} | settings
        made.append(PytestEvaluator(project, sandbox, python or lean_python, RunSettings(**values)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def plain_sandbox() -> InPlaceSandbox:
    return InPlaceSandbox()
