"""A parent in the sandbox forks copies; no copy sees anything of another, or of the parent."""

from __future__ import annotations

import json
import venv
from pathlib import Path
from typing import Any

import pytest

from refine_tui.core.errors import IsolationError
from refine_tui.core.isolation import Level, Limits
from refine_tui.loop.ports.running import Launch, Sandbox
from refine_tui.sandbox.bubblewrap import own_interpreter
from refine_tui.sandbox.opening import Ladder

PYTHON, PREFIXES = own_interpreter()
RUNNER = Path(__file__).with_name("sandbox_nest.py").read_bytes()


def nest(
    sandbox: Sandbox, project: Path, case: str, *, start: tuple[str, ...] = (PYTHON, "-I", "-S"), readable: tuple[Path, ...] = ()
) -> Any:
    argv = (*start, "{tools}/nest.py", "{tools}", case)
    launch = Launch(argv, project, readable=(*PREFIXES, *readable), tools={"nest.py": RUNNER}, nests=True, limits=Limits(wall_s=60))
    with sandbox.launch(launch) as running:
        output = running.stdout.read()
        assert running.wait() == 0, running.stderr_tail
        return json.loads(output)


def test_a_copy_sees_its_files_in_the_project_and_nothing_else(isolated: Sandbox, project: Path) -> None:
    seen, status = nest(isolated, project, "sees_candidate")

    assert status == 0
    assert seen == {
        "here": ["new.py", "pkg", "run.sh"],
        "module": "VALUE = 2\n",
        "tmp": seen["tmp"],
        "shm": [],
        "base": [],
        "processes": ["1", "2"],
        "files": ["/dev/null", "/dev/null", seen["files"][2]],
        "cwd": str(project),
    }


@pytest.mark.parametrize(("name", "links", "system"), [(".venv", True, False), ("venv", True, True), ("tools/env", False, False)])
def test_a_parent_may_be_started_by_an_environment_of_the_project(
    name: str, links: bool, system: bool, isolated: Sandbox, project: Path
) -> None:
    venv.create(project / name, with_pip=False, symlinks=links, system_site_packages=system)
    start = (str(project / name / "bin" / "python"), "-I")
    seen, wrote = nest(isolated, project, "sees_environment", start=start)

    here = sorted({"pkg", "run.sh", name.split("/")[0]})
    assert seen == [[str(project / name), here, "VALUE = 2\n", True], 0]
    assert wrote is False
    assert not (project / name / "written").exists()


def test_an_environment_of_the_project_may_link_to_an_interpreter_elsewhere(isolated: Sandbox, project: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "python").symlink_to(PYTHON)
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to(tmp_path / "elsewhere" / "python")
    (project / ".venv" / "pyvenv.cfg").write_text(f"home = {Path(PYTHON).parent}\n")
    start = (str(project / ".venv" / "bin" / "python"), "-I")
    (seen, status), _ = nest(isolated, project, "sees_environment", start=start, readable=(tmp_path / "elsewhere",))

    assert (seen[0], status) == (f"{project}/.venv", 0)


def test_before_there_is_a_copy_the_project_holds_only_the_environment_that_starts(isolated: Sandbox, project: Path) -> None:
    for name in (".venv", "venv"):
        venv.create(project / name, with_pip=False, symlinks=True)
    code = "import os, sys; print(os.listdir(sys.argv[1]), os.access(sys.prefix, os.W_OK))"
    argv = (str(project / ".venv" / "bin" / "python"), "-I", "-c", code, str(project))

    with isolated.launch(Launch(argv, project, readable=PREFIXES, nests=True)) as running:
        assert running.stdout.read().decode() == "['.venv'] False\n", running.stderr_tail


def test_a_link_in_the_project_shows_no_environment_elsewhere(isolated: Sandbox, project: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "elsewhere", with_pip=False, symlinks=True)
    (project / ".venv").symlink_to(tmp_path / "elsewhere")
    argv = (str(project / ".venv" / "bin" / "python"), "-I", "-c", "print('started')")

    with isolated.launch(Launch(argv, project, readable=PREFIXES, nests=True)) as running:
        assert running.stdout.read() == b""
        assert "No such file" in running.stderr_tail


def test_what_a_copy_or_the_parent_left_the_next_copy_does_not_see(isolated: Sandbox, project: Path) -> None:
    littered, (seen, status), environment = nest(isolated, project, "sees_nothing_left")

    assert littered == ["littered", 0]
    assert status == 0
    assert seen["here"] == ["pkg", "run.sh"]
    assert "left" not in json.dumps([seen["tmp"], seen["shm"]])
    assert seen["processes"] == ["1", "2"]
    assert environment is False


def test_a_copy_sees_nothing_of_another_that_lives(isolated: Sandbox, project: Path) -> None:
    (seen, status), other_lived = nest(isolated, project, "sees_nothing_of_a_living_copy")

    assert status == 0
    assert seen["here"] == ["pkg", "run.sh"]
    assert seen["processes"] == ["1", "2"]
    assert (seen["abstract"], seen["kill"]) == ("refused", "refused")
    assert other_lived


def test_killing_a_copy_ends_everything_in_it(isolated: Sandbox, project: Path) -> None:
    assert nest(isolated, project, "kills_a_copy") == [9, True]


def test_a_copy_over_a_limit_ends_with_the_status_that_says_which(isolated: Sandbox, project: Path) -> None:
    together, spun, grown, slept, shared = nest(isolated, project, "meets_limits")

    assert together == 124
    assert spun in (128 + 24, 128 + 9, 124)
    assert (grown, slept) == (122, 121)
    assert shared == "shared pages count once"


def test_a_copy_that_fails_says_how(isolated: Sandbox, project: Path) -> None:
    raised, left, aborted, (word, status), refused = nest(isolated, project, "reports_failures")

    assert (raised, left, aborted) == (1, 5, 134)
    assert (word, status) == ("still here", 0)
    assert refused == 120


def test_a_copy_has_no_rights_and_cannot_look_into_its_keeper(isolated: Sandbox, project: Path) -> None:
    seen, _ = nest(isolated, project, "cannot_mount_or_leave")

    assert int(seen["CapEff:"], 16) == int(seen["CapBnd:"], 16) == 0
    assert (seen["Seccomp:"], seen["NoNewPrivs:"]) == ("2", "1")
    assert (seen["/proc/1/root/etc"], seen["/proc/1/mem"], seen["/proc/1/environ"]) == ("refused", "refused", "refused")


def test_levels_without_namespaces_refuse_to_nest(ladder: Ladder, project: Path) -> None:
    sandbox = ladder.at(Level.CONFINED)

    assert not sandbox.can_nest
    with pytest.raises(IsolationError, match="on its own"):
        sandbox.launch(Launch(("true",), project, nests=True))


def test_where_overlays_do_not_work_a_copy_is_made(isolated: Sandbox, project: Path) -> None:
    from refine_tui.sandbox.isolated import Isolated, find_bubblewrap

    (project / ".env").write_text("SECRET=1")
    (project / "link").symlink_to("pkg/mod.py")
    sandbox = Isolated(find_bubblewrap() or "", overlay=False)
    argv = ("sh", "-c", "cat pkg/mod.py link .env; ./run.sh; echo x >> pkg/mod.py; pwd")
    with sandbox.launch(Launch(argv, project, files={"pkg/mod.py": b"VALUE = 2\n"})) as running:
        assert running.stdout.read().decode() == f"VALUE = 2\nVALUE = 2\nran\n{project}\n"
    assert not sandbox.can_nest
    assert (project / "pkg" / "mod.py").read_text() == "VALUE = 1\n"
