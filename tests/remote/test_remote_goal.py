"""The whole program with a goal in words and a model server: first a test that fails, then the change that makes it pass."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from refine_tui.cli import main
from tests.network.loopback import LoopbackServer, serving
from tests.remote.remote_hands import fix
from tests.remote.scripted_server import Scripted

pytestmark = pytest.mark.e2e

SHOP = "def total(prices):\n    return sum(prices)\n"
TESTS = "from shop import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
TEST = "def test_nothing_has_no_total():\n    assert total([]) is None\n"
RIGHT = "def total(prices):\n    return sum(prices) if prices else None\n"
GOAL = ("--goal", "an empty list has no total", "--scope", "shop.py::total")


class Tutor(Scripted):
    """Writes the test when it is asked for one, and the change otherwise."""

    def _text(self, body: dict[str, Any], index: int) -> str:
        return f"```python\n{TEST if 'write the test for it first' in body['messages'][-1]['content'] else RIGHT}```\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for kind in ("DATA", "CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    root = tmp_path / "project"
    root.mkdir()
    (root / "shop.py").write_text(SHOP)
    (root / "test_shop.py").write_text(TESTS)
    return root


def test_a_failing_test_is_accepted_alone_and_then_the_patch_that_makes_it_pass(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Tutor(models=[{"id": "coder", "max_model_len": 8192}], running=True)) as server:
        status, first = fix(project, server, capsys, *GOAL, "--apply")
        assert (status, first["outcome"], first["failing_tests"]) == (1, "unsolved", ["test_shop.py::test_nothing_has_no_total"])
        assert (project / "shop.py").read_text() == SHOP
        assert (project / "test_shop.py").read_text() == f"{TESTS}\n\n# {GOAL[1]}\n{TEST}"
        status, second = fix(project, server, capsys, *GOAL, "--apply")
    assert (status, second["outcome"], second["after"]["passed"]) == (0, "solved", 2)
    assert (project / "shop.py").read_text() != SHOP


def test_without_a_place_or_a_model_that_writes_a_sentence_says_what_to_do(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--project", str(project), "fix", "--model", "none", "--json", *GOAL[:2]])
    end = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (status, end["outcome"], end["patch"]) == (1, "unsolved", "")
    assert "--scope FILE::SYMBOL" in end["stop_reason"]
    status = main(["--project", str(project), "fix", "--model", "none", "--json", *GOAL])
    end = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (status, end["patch"]) == (1, "")
    assert "choose a model that answers in words" in end["stop_reason"]


def talk(project: Path, server: LoopbackServer, capsys: pytest.CaptureFixture[str], *answers: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO("".join(f"{answer}\n" for answer in answers)))
        assert main(["--project", str(project), "--plain", "--model", f"{server.url}/v1#coder"]) == 0
    return capsys.readouterr().out


def test_the_dialog_goes_the_same_way_over_two_sessions_and_takes_the_test_back(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = project / "test_shop_total.py"
    (project / "test_shop.py").rename(project / "test_all.py")
    with serving(Tutor(models=[{"id": "coder", "max_model_len": 8192}], running=True)) as server:
        first = talk(project, server, capsys, "goal shop.py::total an empty list has no total", "accept", "quit")
        assert "Hunk 1 of 1, test_shop_total.py new file: undecided" in first
        assert "fails now, as it should" in first
        assert not new.exists()
        second = talk(project, server, capsys, "apply", "take back", "write again", "accept", "apply", "quit")
    assert "Took back #1." in second
    assert new.exists(), second
    assert (project / "shop.py").read_text() != SHOP, second
