"""Runs a small test file of our own in the warm parent, so that what pytest imports, compiles and looks up on first use is there before
the first fork. No plugin of the environment takes part, and nothing of the project.

Runs inside the project's interpreter: standard library only, Python 3.8 and later, no import from this package.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

_TESTS = b"""
import unittest
import pytest

@pytest.fixture(scope="module")
def shared():
    yield [1, 2]

class TestGroup:
    @pytest.mark.parametrize("value", [1, 2])
    def test_value(self, value, shared, tmp_path, capsys, monkeypatch):
        assert value in shared

class TestOld(unittest.TestCase):
    def setUp(self):
        self.value = {"a": 1}

    def test_old(self):
        self.assertEqual(self.value, {"a": 2})

def helped(value):
    return [value, "text"] + value

def test_lists():
    assert [1, 2, 3] == [1, 3]

def test_texts():
    assert "one line" == "another line", "with a word"

def test_numbers():
    assert len([1]) + 1 == 3

def test_error():
    with pytest.raises(ValueError, match="x"):
        helped(1)

@pytest.mark.skip(reason="x")
def test_skipped():
    pass

@pytest.mark.xfail
def test_expected():
    raise KeyError("x")
"""


def rehearse(reporting: Any, tools: Any, guard_class: Any) -> None:
    """Run it; leave the process as it was, but for what is now cached."""
    with tempfile.TemporaryDirectory() as folder:
        name = "refine_tui_rehearsal"
        with open(os.path.join(folder, name + ".py"), "wb") as file:
            file.write(_TESTS)
        plan = {"project": folder, "paths": [name + ".py"], "ids": None, "test_limit_s": 5.0}
        before = os.getcwd(), list(sys.path), dict(os.environ)
        os.chdir(folder)
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        try:
            reporting.run(plan, guard_class(folder), tools, lambda _event: None, lambda: plan)
        finally:
            os.chdir(before[0])
            sys.path[:] = before[1]
            os.environ.clear()
            os.environ.update(before[2])
            sys.modules.pop(name, None)
