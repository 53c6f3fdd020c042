"""How much is sent to a server, and how often anything is run, until a patch is proven. Counted at the server, on a module of 57 lines."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from refine_tui.cli import main
from tests.network.loopback import Exchange, serving
from tests.remote.scripted_server import Json, Scripted

pytestmark = pytest.mark.e2e

MOST_CHARACTERS = 8_000
MOST_PROCESSES = 11
"""The canary and its victim, git, the interpreter that is asked, a warm parent (two where there are cores for it), a base run, two more of
what failed, a proof, and one that stands by for what changes put into the proven code come to."""
MODULE = '''"""A ledger of amounts in cents."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """One line of the ledger."""

    day: int
    label: str
    cents: int


@dataclass
class Ledger:
    """Entries in the order in which they were written."""

    entries: list[Entry] = field(default_factory=list)

    def write(self, day: int, label: str, cents: int) -> Entry:
        """Append an entry and return it."""
        entry = Entry(day, label, cents)
        self.entries.append(entry)
        return entry

    def balance(self, day: int | None = None) -> int:
        """Return the sum of all entries up to a day, that day included."""
        return sum(entry.cents for entry in self.entries if day is None or entry.day <= day)

    def labels(self) -> list[str]:
        """Return every label once, in the order of its first entry."""
        return list(dict.fromkeys(entry.label for entry in self.entries))


def amount(cents: int) -> str:
    """Return an amount as people write it: `1,234.50`, with a minus in front of what is owed."""
    whole, rest = divmod(cents, 100)
    return f"{whole:,}.{rest:02}"


def statement(ledger: Ledger) -> str:
    """Return one line for each label with its total, the largest first; equal totals by label."""
    totals = {label: sum(entry.cents for entry in ledger.entries if entry.label == label) for label in ledger.labels()}
    rows = sorted(totals.items(), key=lambda row: (-row[1], row[0]))
    return "\\n".join(f"{label}: {amount(cents)}" for label, cents in rows)


def share(cents: int, people: int) -> list[int]:
    """Divide an amount into shares that differ by at most a cent and add up to it, the larger ones first."""
    if people < 1:
        raise ValueError("nobody to share with")

    whole, rest = divmod(cents, people)
    return [whole + 1 if number < rest else whole for number in range(people)]
'''
TESTS = """import pytest

from ledger import Ledger, amount, share, statement


def filled():
    ledger = Ledger()
    for day, label, cents in ((1, "rent", -90000), (2, "wage", 250050), (3, "food", -4505), (9, "food", -1500)):
        ledger.write(day, label, cents)
    return ledger


def test_balance():
    assert filled().balance() == 154045


def test_balance_of_a_day():
    assert filled().balance(2) == 160050


def test_labels():
    assert filled().labels() == ["rent", "wage", "food"]


def test_amount():
    assert amount(123450) == "1,234.50"


def test_amount_owed():
    assert amount(-4505) == "-45.05"


def test_statement():
    assert statement(filled()) == "wage: 2,500.50\\nfood: -60.05\\nrent: -900.00"


def test_share():
    assert share(100, 3) == [34, 33, 33]


def test_share_with_nobody():
    with pytest.raises(ValueError):
        share(100, 0)
"""
HEAD = MODULE[MODULE.index("def amount") : MODULE.index("    whole, rest = divmod(cents, 100)")]
WRONG = f'{HEAD}    whole, rest = divmod(abs(cents), 100)\n    return f"{{whole:,}}.{{rest:02}}"\n'
RIGHT = f"{HEAD}    whole, rest = divmod(abs(cents), 100)\n    return f\"{{'-' if cents < 0 else ''}}{{whole:,}}.{{rest:02}}\"\n"
SEEN = "assert '45.05' == '-45.05'"
CAUSE = "CAUSE: the sign is lost\nLINES: line 40\nCHANGE: put a minus in front of what is negative\n"


class Pupil(Scripted):
    """Right only once it is told what the tests said about its first answer."""

    can_criticise = True

    def __init__(self) -> None:
        super().__init__(models=[{"id": "coder", "max_model_len": 8192}], running=True)
        self.sent = 0

    def __call__(self, exchange: Exchange) -> None:
        self.sent += len(exchange.seen.body)
        super().__call__(exchange)

    def _text(self, body: Json, index: int) -> str:
        asked: str = body["messages"][-1]["content"]
        if self.can_criticise and "Write no code" in asked:
            return CAUSE
        return f"```python\n{RIGHT if SEEN in asked else WRONG}```\n"


class Coder(Pupil):
    """Answers with code whatever it is asked for."""

    can_criticise = False


def write_project(root: Path) -> None:
    """Write the module and its tests."""
    (root / "tests").mkdir(parents=True)
    (root / "ledger.py").write_text(MODULE)
    (root / "tests" / "test_ledger.py").write_text(TESTS)


@pytest.mark.parametrize(("pupil", "requests"), [(Pupil, 3), (Coder, 2)])
def test_a_patch_that_takes_two_tries_is_proven_with_little_said_and_little_run(
    pupil: type[Pupil], requests: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (MODULE.count("\n"), TESTS.count("def test_")) == (57, 8)
    for kind in ("DATA", "CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    root = tmp_path / "project"
    write_project(root)
    started, start = [], subprocess.Popen.__init__

    def counted(self: Any, *given: Any, **named: Any) -> None:
        started.append(given)
        start(self, *given, **named)

    monkeypatch.setattr(subprocess.Popen, "__init__", counted)
    server = pupil()
    with serving(server) as running:
        status = main(["--project", str(root), "fix", "--seconds", "250", "--model", f"{running.url}/v1#coder", "--json"])
    told = capsys.readouterr()
    end: dict[str, Any] = json.loads(told.out.splitlines()[-1])
    assert end["event"] == "finished", told
    assert (status, end["outcome"], end["candidates"], end["rounds"]) == (0, "solved", 2, 2)
    assert end["executions"] <= 4, "each candidate warm, and cold what solves it"
    assert len(server.bodies) == requests
    assert server.sent <= MOST_CHARACTERS
    assert len(started) <= MOST_PROCESSES, started
