"""Rows that rest on the tests of this program: warm against cold over the zoo of projects, and the attacks on the sandbox."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from refine_tui.bench.measuring import Row, at_most
from refine_tui.bench.runner_lab import RunnerLab, listed, never
from refine_tui.core.errors import ProjectError
from refine_tui.core.evidence import SuiteResult
from refine_tui.core.patch import Patch, patch_between, splice
from refine_tui.core.text import SourceFile
from refine_tui.loop.ports.running import Evaluator

LIMIT_S = 90.0
NOT_HERE = "the {what} is in the repository, beside the tests: run the bench from a checkout"
ATTACK = re.compile(r"test_an_attack_is_refused\[(?P<level>\w+)-")
"""Names of the attacks among the tests of the sandbox."""


@dataclass
class Compared:
    """Verdicts of warm runs and of fresh processes, side by side."""

    verdicts: int = 0
    candidates: int = 0
    projects: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def add(self, project: str, warm: SuiteResult, cold: SuiteResult, *, but: Sequence[str] = ()) -> None:
        """Compare test by test, flaky ones left out."""
        shared = [node for node in cold.by_id if node in warm.by_id and node not in {*but, *warm.flaky, *cold.flaky}]
        self.verdicts += len(shared)
        for node in shared:
            one, other = warm.by_id[node], cold.by_id[node]
            if (one.outcome, one.error) != (other.outcome, other.error):
                self.differing.append(f"{project} {node}: warm {one.outcome} {one.error}, cold {other.outcome} {other.error}")


def zoo(lab: RunnerLab, candidates: int, say: Callable[[str], None]) -> Iterator[Row]:
    """Each project of the zoo as it is, and with one edit at a time, spread evenly over its code."""
    name = "warm and cold verdicts that differ, over the zoo"
    folder = lab.tests / "zoo" if lab.tests else None
    if folder is None or not folder.is_dir():
        yield Row(name, unavailable=NOT_HERE.format(what="zoo of projects"))
        return
    found = Compared()
    for source in sorted(path for path in folder.iterdir() if path.is_dir()):
        say(f"zoo: {source.name}")
        root = Path(shutil.copytree(source, lab.folder / "zoo" / source.name, ignore=shutil.ignore_patterns("__pycache__")))
        evaluator = lab.evaluator(root, test_limit_s=1.0)
        try:
            compare(lab, evaluator, root, found, candidates)
        except ProjectError:
            found.left_out.append(f"{source.name} (no Python tests)")
        finally:
            evaluator.close()
    note = f"{found.verdicts} verdicts, {len(found.projects)} projects as they are and {found.candidates} candidates"
    note += f"; {listed(found.differing)}" if found.differing else ""
    note += f"; left out: {', '.join(found.left_out)}" if found.left_out else ""
    yield at_most(Row(name, len(found.differing), "verdicts", runs=found.verdicts, note=note, basis="count"), 0)


def compare(lab: RunnerLab, evaluator: Evaluator, root: Path, found: Compared, candidates: int) -> None:
    """Compare one project's verdicts.

    Raises:
        ProjectError: its tests cannot be run here.
    """
    base = evaluator.baseline(lambda *_: None, never, limit_s=LIMIT_S)
    nodes = [case.node_id for case in base.suite.cases]
    if not base.warm:
        found.left_out.append(f"{root.name} (cold: {base.cold_reason})")
        return
    found.projects.append(root.name)
    found.add(root.name, evaluator.run(Patch(), nodes, never, limit_s=LIMIT_S), base.suite)
    for patch in edits_of(lab, root, candidates):
        cold = evaluator.confirm(patch, lambda *_: None, never, limit_s=LIMIT_S)
        warm = evaluator.run(patch, nodes, never, limit_s=LIMIT_S)
        if warm.warm:
            found.candidates += 1
            found.add(f"{root.name} with an edit", warm, cold, but=base.suite.flaky)


def edits_of(lab: RunnerLab, root: Path, count: int) -> list[Patch]:
    """Return so many of the single edits of a project's code, at even distances; the same ones every time."""
    patches = []
    for path in sorted(root.rglob("*.py")):
        if path.name.startswith("test_") or path.name.endswith("_test.py"):
            continue
        source = SourceFile(str(path.relative_to(root)), path.read_bytes())
        for scope in lab.syntax.scopes(source)[:1]:
            edits = (splice(source.data, edit.edits) for edit in lab.syntax.edits(source, scope))
            patches += [patch_between({source.path: source.data}, {source.path: new}) for new in edits]
    return patches[:: max(1, len(patches) // count)][:count] if count else []


def attacks(lab: RunnerLab) -> Iterator[Row]:
    """The attacks on the sandbox, as the tests have them: they judge from outside, with a victim, listeners and secrets of their own."""
    name = "escapes in the attack suite"
    suite = lab.tests / "sandbox" / "test_sandbox_attacks.py" if lab.tests else None
    if suite is None or not suite.is_file():
        yield Row(name, unavailable=NOT_HERE.format(what="attack suite"))
        return
    with TemporaryDirectory(dir=lab.folder) as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", str(suite)]
        done = subprocess.run(command, cwd=suite.parents[2], capture_output=True, text=True, check=False)
        if not report.is_file():
            yield Row(name, unavailable=f"pytest did not run it: {(done.stdout + done.stderr).strip()[-200:]}")
            return
        yield told(name, ElementTree.parse(report).getroot().iter("testcase"))


def told(name: str, cases: Iterator[ElementTree.Element]) -> Row:
    """Return the row of what pytest reported; what was not tried is said, and is no escape."""
    refused: Counter[str] = Counter()
    escaped, skipped, others = [], Counter[str](), 0
    for case in cases:
        title = case.get("name", "")
        attack = ATTACK.match(title)
        if case.find("failure") is not None or case.find("error") is not None:
            escaped.append(title)
        elif (skip := case.find("skipped")) is not None:
            skipped[(f"{attack['level']}: " if attack else f"{title}: ") + skip.get("message", "")] += 1
        elif attack:
            refused[attack["level"]] += 1
        else:
            others += 1
    note = ", ".join(f"{count} attacks refused at {level.replace('_', ' ')}" for level, count in refused.items())
    note += f"; {others} tests around them passed" + "".join(f"; {count} not tried: {why}" for why, count in skipped.items())
    note += f"; {listed(escaped)}" if escaped else ""
    found = at_most(Row(name, len(escaped), "escapes", runs=sum(refused.values()), note=note, basis="count"), 0)
    return found if refused else Row(name, unavailable=f"no attack was tried: {note}")
