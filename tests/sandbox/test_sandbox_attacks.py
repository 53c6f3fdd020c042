"""Every attack at every level that can be reached, as root and as an ordinary user; what happened is judged from outside too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from refine_tui.core.isolation import Level
from refine_tui.sandbox.bubblewrap import own_interpreter
from refine_tui.sandbox.opening import Ladder
from tests.sandbox import sandbox_world
from tests.sandbox.conftest import REQUIRED, reach
from tests.sandbox.sandbox_world import REFUSED, assault, world

Tried = dict[str, Any]

ATTACKS = sandbox_world.attacks()
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
PYTHONS = ("/usr/local/bin/python3", "/usr/bin/python3", own_interpreter()[0])
LEAST = 100
"""So many attacks at each level that claims isolation."""


class Assaults:
    """Makes every attack once for each level and user; the tests look at the answers one by one."""

    def __init__(self, ladder: Ladder, folder: Callable[[str], Path]) -> None:
        self._ladder, self._folder = ladder, folder
        self._known: dict[tuple[Level, bool], Tried] = {}

    def at(self, level: Level, *, as_user: bool) -> Tried:
        """Return what was tried at a level; skip or fail where it cannot be."""
        sandbox = reach(self._ladder, level)
        if as_user and os.getuid() != 0:
            pytest.skip("it was an ordinary user already who ran the others")
        if (level, as_user) not in self._known:
            if as_user:
                self._known[level, True] = by_nobody(level.value)[level.value]
            else:
                with world(self._folder(level.value)) as place:
                    self._known[level, False] = assault(sandbox, place)
        return self._known[level, as_user]


def by_nobody(*words: str) -> dict[str, Tried]:
    """Make the attacks as an ordinary user, in a process of their own; not below pytest's folder, which it keeps closed."""
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    with TemporaryDirectory(prefix="refine-tui-attacks-") as folder:
        os.chown(folder, 65534, 65534)
        command = [*NOBODY, _python_of_everybody(), sandbox_world.__file__, folder, *words]
        done = subprocess.run(command, env={**environment, "HOME": folder}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        nothing: Tried = {"answers": {}, "outside": [], "told": False, "status": done.returncode}
        return {word: {**nothing, "said": done.stderr, "reason": done.stderr} for word in words}
    found: dict[str, Tried] = json.loads(done.stdout)
    return found


def _python_of_everybody() -> str:
    check = "import sys, refine_tui.sandbox; assert sys.version_info >= (3, 11)"
    for path in filter(os.path.exists, PYTHONS):
        if subprocess.run([*NOBODY, path, "-c", check], cwd=Path(__file__).parents[2], capture_output=True, check=False).returncode == 0:
            return path
    return (pytest.fail if any(REQUIRED) else pytest.skip)("no interpreter that an ordinary user can run and that is new enough")


@pytest.fixture(scope="module")
def assaults(ladder: Ladder, tmp_path_factory: pytest.TempPathFactory) -> Assaults:
    return Assaults(ladder, tmp_path_factory.mktemp)


WHERE = [(level, as_user) for as_user in (False, True) for level in (Level.ISOLATED, Level.CONFINED)]


@pytest.fixture(params=WHERE, ids=lambda where: f"{where[0].value}{'_as_user' if where[1] else ''}")
def tried(request: pytest.FixtureRequest, assaults: Assaults) -> Tried:
    level, as_user = request.param
    return assaults.at(level, as_user=as_user)


@pytest.mark.parametrize("name", list(ATTACKS.ATTACKS))
def test_an_attack_is_refused(tried: Tried, name: str, request: pytest.FixtureRequest) -> None:
    if f"[{Level.CONFINED.value}" in request.node.name and name in ATTACKS.NOT_AT_CONFINED:
        pytest.skip("no promise of this level")

    assert tried["answers"].get(name, "not made").startswith(REFUSED)


def test_the_attacks_left_no_trace_outside(tried: Tried) -> None:
    assert tried["status"] == 0, tried["said"]
    assert tried["outside"] == []
    assert not tried["told"], "the secret is in the output"
    assert len(tried["answers"]) == len(ATTACKS.ATTACKS) >= LEAST + len(ATTACKS.NOT_AT_CONFINED)


def test_an_ordinary_user_reaches_the_levels_that_root_reaches(assaults: Assaults, ladder: Ladder) -> None:
    for level in (Level.ISOLATED, Level.CONFINED):
        if ladder.probe(level).holds:
            assert assaults.at(level, as_user=True)["reason"] == ""


HARMLESS = ("read_a_secret_in_home", "list_home", "connect_to_the_host_by_ip4", "connect_to_an_abstract_socket", "write_a_new_file_outside")


def test_attacks_succeed_where_nothing_is_kept_from_them(ladder: Ladder, tmp_path: Path) -> None:
    """Else the tests above would prove nothing."""
    with world(tmp_path) as place:
        found = assault(ladder.at(Level.UNSAFE), place, HARMLESS)

    assert [answer[:3] for answer in found["answers"].values()] == ["GOT"] * len(HARMLESS)
    assert {"port4 heard something", "abstract heard something"} <= set(found["outside"])
    assert any("outside/new" in change for change in found["outside"])


if sys.platform != "linux":
    pytest.skip("the attacks are written for Linux", allow_module_level=True)
