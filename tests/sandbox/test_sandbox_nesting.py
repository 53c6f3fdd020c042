"""A parent in the sandbox forks copies; no copy sees anything of another, or of the parent."""

from __future__ import annotations

import json
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


def nest(sandbox: Sandbox, project: Path, case: str) -> Any:
    argv = (PYTHON, "-I", "-S", "{tools}/nest.py", "{tools}", case)
    launch = Launch(argv, project, readable=PREFIXES, tools={"nest.py": RUNNER}, nests=True, limits=Limits(wall_s=60))
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
