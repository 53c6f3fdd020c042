"""When tests cannot be used at all: says why, on what, and what to do."""

from __future__ import annotations

from refine_tui.core.errors import ProjectError
from refine_tui.core.evidence import CaseResult
from refine_tui.evaluation.cold import Ran
from refine_tui.evaluation.settings import Place
from refine_tui.evaluation.stream import Gathered


def refuse_unusable(place: Place, ran: Ran) -> None:
    """Raise what a person can act on, when the first run of the tests shows that nothing can be done with them.

    Raises:
        ProjectError: no tests, none that can be collected, pytest that does not start, or tests of another copy of the project.
    """
    gathered = ran.gathered
    if gathered.foreign and not any(path for files in gathered.coverage.values() for path in files if _in_package(path, gathered.foreign)):
        name, file = next(iter(gathered.foreign.items()))
        raise ProjectError(
            f"The tests import {name} from {file}, not from {place.project}: a patch would change nothing. "
            f"Install the project so that it is imported from here ({place.interpreter.path} -m pip install -e .), or set PYTHONPATH."
        )
    if gathered.collected or gathered.stopped == "time":
        return
    if gathered.broken:
        first = list(gathered.broken.values())[:3]
        raise ProjectError("No test could be collected:\n" + "\n".join(f"  {where(case)}: {case.message}" for case in first))
    if gathered.status == 5:
        raise ProjectError(f"No tests found in {place.project}. Add one, or choose the project with --project.")
    reason = failure(gathered, ran.output) or gathered.stopped
    raise ProjectError(f"pytest could not start on {place.project}: {reason}\n{ran.output.strip()[-2000:]}")


def failure(gathered: Gathered, output: str) -> str:
    """Say why pytest itself gave up, in one line; empty when it did not."""
    if gathered.status is None:
        return "" if gathered.cases else "crash"
    if gathered.status not in (3, 4):
        return ""
    lines = [line for line in output.splitlines() if line.startswith(("ERROR", "E  ", "INTERNALERROR> E", "ImportError"))]
    return (lines[-1] if lines else f"pytest ended with status {gathered.status}")[:300]


def where(case: CaseResult) -> str:
    """Return the place of an error, for a person."""
    return f"{case.frames[-1].path}:{case.frames[-1].line + 1}" if case.frames else case.node_id


def _in_package(path: str, names: object) -> bool:
    parts = path.split("/")
    top = parts[1] if parts[0] == "src" and len(parts) > 1 else parts[0]
    return isinstance(names, dict) and top in names
