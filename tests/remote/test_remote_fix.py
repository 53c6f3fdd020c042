"""The whole program on a model server: it answers wrong first, and right once it is told what the tests said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refine_tui.cli import main
from tests.network.loopback import serving
from tests.remote.remote_hands import fix
from tests.remote.scripted_server import Scripted

pytestmark = pytest.mark.e2e

MODULE = '''"""Roman numerals."""

LETTERS = (("M", 1000), ("D", 500), ("C", 100), ("L", 50), ("X", 10), ("V", 5), ("I", 1))


def roman(number):
    """Return a number from 1 to 3999 in Roman numerals."""
    text = ""
    for letter, value in LETTERS:
        text += letter * (number // value)
        number %= value
    return text
'''
TESTS = """from roman import roman


def test_small():
    assert roman(7) == "VII"


def test_four():
    assert roman(4) == "IV"


def test_year():
    assert roman(1999) == "MCMXCIX"
"""
WRONG = '''def roman(number):
    """Return a number from 1 to 3999 in Roman numerals."""
    text = ""
    for letter, value in LETTERS:
        text += letter * (number // value)
        number %= value
    return text.replace("IIII", "IV")
'''
RIGHT = '''def roman(number):
    """Return a number from 1 to 3999 in Roman numerals."""
    text = ""
    for letter, value in LETTERS:
        text += letter * (number // value)
        number %= value
    for long, short in (("DCCCC", "CM"), ("CCCC", "CD"), ("LXXXX", "XC"), ("XXXX", "XL"), ("VIIII", "IX"), ("IIII", "IV")):
        text = text.replace(long, short)
    return text
'''
CAUSE = 'CAUSE: only four is shortened\nLINES: line 12, `text.replace("IIII", "IV")`\nCHANGE: shorten `DCCCC`, `LXXXX` and `VIIII` too\n'


class Tutor(Scripted):
    """Writes the right code only after it was shown that the wrong one does not do."""

    def _text(self, body: dict[str, Any], index: int) -> str:
        asked = body["messages"][-1]["content"]
        if "CAUSE:" in asked.rpartition("Write no code")[2]:
            return CAUSE
        return f"```python\n{RIGHT if 'DCCCC' in asked else WRONG}```\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for kind in ("DATA", "CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    root = tmp_path / "project"
    (root / "tests").mkdir(parents=True)
    (root / "roman.py").write_text(MODULE)
    (root / "tests" / "test_roman.py").write_text(TESTS)
    return root


@pytest.mark.parametrize("together", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_server_that_is_wrong_first_solves_it_after_it_saw_the_red_tests(
    together: bool, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Tutor(models=[{"id": "coder", "max_model_len": 8192}], together=together, running=True)) as server:
        status, end = fix(project, server, capsys, "--candidates", "4")
    assert (status, end["outcome"], end["model"]) == (0, "solved", "coder")
    assert (end["before"]["failed"], end["after"]["failed"]) == (2, 0)
    assert "DCCCC" in end["patch"]
    assert end["tokens"]["generated"] > 0
    assert end["tokens"]["drafted"] is None
    assert (project / "roman.py").read_text() == MODULE


def test_offline_an_unknown_model_and_an_unreachable_server_end_the_command(
    project: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command: Callable[..., int] = lambda *more: main(["--project", str(project), "fix", "--json", *more])  # noqa: E731
    with serving(Scripted()) as server:
        assert command("--model", f"{server.url}/v1#coder", "--offline") == 2
        assert server.seen == []
        assert command("--model", f"{server.url}/v1#codr") == 2
        assert "has no model codr. Near: coder." in capsys.readouterr().err
        url = server.url
    assert command("--model", f"{url}/v1#coder") == 1
    assert "cannot be reached" in capsys.readouterr().err
    assert command("--model", "http://gpu.example/v1#coder") == 3
