"""What tests of runs do again and again: lay down a project, change it, look at outcomes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from refine_tui.core.evidence import Baseline, CaseResult, SuiteResult
from refine_tui.core.patch import Patch, patch_between
from refine_tui.evaluation.evaluator import PytestEvaluator

Make = Callable[..., PytestEvaluator]
Copy = Callable[[str], Path]


def never() -> bool:
    return False


def nothing(case: CaseResult, done: int, total: int) -> None:
    pass


def base_of(evaluator: PytestEvaluator, limit_s: float = 60.0) -> Baseline:
    return evaluator.baseline(nothing, never, limit_s=limit_s)


def change(project: Path, path: str, old: str, new: str) -> Patch:
    text = (project / path).read_bytes()
    assert old.encode() in text
    return patch_between({path: text}, {path: text.replace(old.encode(), new.encode())})


def write(project: Path, **files: str) -> Path:
    project.mkdir(exist_ok=True)
    for name, text in files.items():
        (project / f"{name}.py").write_text(text)
    return project


def outcomes(result: SuiteResult) -> dict[str, str]:
    return {case.node_id.split("::", 1)[-1]: case.outcome for case in result.cases}
