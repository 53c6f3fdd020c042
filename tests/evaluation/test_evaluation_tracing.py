"""Tests are traced anew only where an edit can have changed what they execute; what is known afterwards is what a fresh run finds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from refine_tui.core.evidence import CaseResult, Coverage
from refine_tui.evaluation.stream import Gathered
from refine_tui.evaluation.tracing import cost_of_tracing
from refine_tui.loop.ports.running import Sandbox
from tests.evaluation.conftest import Make
from tests.evaluation.evaluation_hands import never, write

FILES = {
    "prices": "RATE = 2\n\n\ndef price(n):\n    if n > 10:\n        return n\n    return n * RATE\n",
    "names": "def name(text):\n    return text.strip()\n",
    "rates": "import json\nimport pathlib\n\n\ndef rates():\n    return json.loads(pathlib.Path('rates.json').read_text())\n",
    "test_prices": (
        "from prices import price\n\n\ndef test_few():\n    assert price(2) == 4\n\n\ndef test_many():\n    assert price(20) == 20\n"
    ),
    "test_names": (
        "import pytest\nfrom names import name\n\n\n@pytest.fixture(scope='module')\ndef ada():\n    return name(' ada ')\n\n\n"
        "def test_first(ada):\n    assert ada == 'ada'\n\n\ndef test_second(ada):\n    assert ada.upper() == name('ADA')\n"
    ),
    "test_rates": "from rates import rates\n\n\ndef test_one():\n    assert rates() == 1\n",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    project = write(tmp_path / "shop", **FILES)
    (project / "rates.json").write_text("1")
    return project


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tests of which a run's process told what they execute, emptied by whoever looks."""
    told: list[str] = []
    original = Gathered._on_coverage

    def noted(self: Gathered, event: Mapping[str, Any]) -> None:
        told.append(event["id"])
        original(self, event)

    monkeypatch.setattr(Gathered, "_on_coverage", noted)
    return told


def found(evaluator: Any, traced: list[str]) -> tuple[Coverage, set[str]]:
    evaluator.refresh()
    traced.clear()
    coverage = evaluator.baseline(lambda *_: None, never, limit_s=60.0).coverage
    return coverage, {node.split("::")[1] for node in traced}


def anew(evaluator: Make, project: Path, sandbox: Sandbox) -> Coverage:
    return evaluator(project, sandbox).baseline(lambda *_: None, never, limit_s=60.0).coverage


def test_an_edit_has_those_tests_traced_that_executed_or_imported_the_file(
    shop: Path, evaluator: Make, plain_sandbox: Sandbox, traced: list[str]
) -> None:
    running = evaluator(shop, plain_sandbox)
    first, every = found(running, traced)
    assert every == {"test_few", "test_many", "test_first", "test_second", "test_one"}
    assert found(running, traced) == (first, set())
    write(shop, prices=FILES["prices"].replace("n > 10", "n > 1"))
    after, again = found(running, traced)
    assert again == {"test_few", "test_many"}
    assert after == anew(evaluator, shop, plain_sandbox) != first
    write(shop, names="def name(text):\n    text = text.strip()\n    return text\n")
    after, again = found(running, traced)
    assert again == {"test_few", "test_first", "test_second"}  # what fails is always traced
    assert after == anew(evaluator, shop, plain_sandbox)


def test_what_known_tests_share_is_traced_for_the_others(shop: Path, evaluator: Make, plain_sandbox: Sandbox, traced: list[str]) -> None:
    """The first test sets the fixture up; it is known, the second is not."""
    running = evaluator(shop, plain_sandbox)
    write(shop, names="def name(text):\n    return text.strip() if text != 'ADA' else 'ODD'\n")
    _, every = found(running, traced)
    assert every > {"test_second"}
    after, again = found(running, traced)
    assert again == {"test_second"}
    assert after == anew(evaluator, shop, plain_sandbox)


def test_a_known_test_that_fails_for_another_reason_is_traced_after_all(
    shop: Path, evaluator: Make, plain_sandbox: Sandbox, traced: list[str]
) -> None:
    running = evaluator(shop, plain_sandbox)
    found(running, traced)
    (shop / "rates.json").write_text("nothing")
    after, again = found(running, traced)
    assert again == {"test_one"}
    assert after == anew(evaluator, shop, plain_sandbox)


def test_a_conftest_file_that_came_meanwhile_is_known_to_nobody(
    shop: Path, evaluator: Make, plain_sandbox: Sandbox, traced: list[str]
) -> None:
    running = evaluator(shop, plain_sandbox)
    found(running, traced)
    write(shop, conftest="import pytest\n\n\n@pytest.fixture(autouse=True)\ndef always():\n    assert True\n")
    after, again = found(running, traced)
    assert len(again) == 5
    assert after == anew(evaluator, shop, plain_sandbox)


def test_unittest_traces_no_more_than_pytest(tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox, traced: list[str]) -> None:
    text = (
        "import unittest\n\nfrom {name} import f\n\n\nclass T(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls):\n"
        "        cls.at = f(1)\n\n    def test_{name}(self):\n        self.assertEqual(f(self.at), 3)\n"
    )
    code = "def f(n):\n    return n + 1\n"
    project = write(tmp_path / "plain", one=code, two=code, test_one=text.format(name="one"), test_two=text.format(name="two"))
    running = evaluator(project, plain_sandbox)
    running.baseline(lambda *_: None, never, limit_s=60.0)
    write(project, two="def f(n):\n    n += 1\n    return n\n")
    running.refresh()
    traced.clear()
    coverage = running.baseline(lambda *_: None, never, limit_s=60.0).coverage
    assert traced == ["test_two.py::T::test_two"]
    assert coverage == anew(evaluator, project, plain_sandbox)


def test_tracing_costs_what_the_same_tests_took_longer_with_it() -> None:
    def case(node: str, seconds: float, outcome: Any = "passed") -> CaseResult:
        return CaseResult(node, outcome, seconds)

    slow = {one.node_id: one for one in (case("a", 0.3), case("b", 0.6), case("c", 9.0), case("d", 9.0, "failed"))}
    plain = {one.node_id: one for one in (case("a", 0.1), case("b", 0.2), case("c", 0.1), case("d", 0.1))}
    assert cost_of_tracing(slow, plain, known=("c",)) == pytest.approx(3.0)
    assert cost_of_tracing(slow, {"a": case("a", 0.001)}, known=()) is None
