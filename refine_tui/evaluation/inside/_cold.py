"""Runs pytest, or unittest, once to the plan that lies beside this file, and reports on what was standard output.

Runs inside the project's interpreter: standard library only, Python 3.8 and later, no import from this package.
"""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import os
import sys
from typing import Any


def tool(name: str) -> Any:
    """Return a neighbour, loaded once by its path, under a name that no project uses."""
    known = sys.modules.get("refine_tui_inside" + name)
    if known is not None:
        return known
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py")
    spec = importlib.util.spec_from_file_location("refine_tui_inside" + name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def writer(descriptor: int) -> Any:
    """Return a function that writes one object as one line, at once."""

    own = os.getpid()

    def emit(event: dict[str, Any]) -> None:
        if os.getpid() != own:
            return  # a test forked and its child runs on
        line = json.dumps(event).encode() + b"\n"
        while line:
            line = line[os.write(descriptor, line) :]

    return emit


def main() -> int:
    """Take the descriptors apart, run, report."""
    with contextlib.suppress(OSError):  # where that is refused, whoever started this has seen to it
        os.nice(5)  # the screen comes first
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "plan.json"), encoding="utf-8") as file:
        plan = json.load(file)
    project = os.getcwd()  # a copy may lie elsewhere than the project
    report = os.dup(1)  # not inherited by what the tests start
    os.dup2(2, 1)
    sys.path[0] = project  # as `python -m pytest` has it
    with_pytest = plan["runner"] == "pytest"
    sys.argv[:] = ["pytest"] if with_pytest else ["python -m unittest"]
    guard = tool("_bytecode").Guard(project)
    guard.install()
    emit = writer(report)
    tool("_facts")
    reporting = tool("_report" if with_pytest else "_unittest")
    if with_pytest:
        guard.install_pytest()
    if plan.get("waits"):
        plan = awaited(guard, project, emit)
    plan["project"] = project
    tool("_bytecode").forget(project, plan.get("changed", []))
    more = [tool(name).Plugin(told, guard, tool, emit) for name, told in plan.get("plugins", {}).items()] if with_pytest else []
    return int(reporting.run(plan, guard, tool, emit, lambda: plan, more))


def awaited(guard: Any, project: str, emit: Any) -> Any:
    """Return the plan that comes on standard input, its files laid over the project; end here if something of that was imported already."""
    if any(guard.owns(getattr(module, "__file__", None) or "") for module in list(sys.modules.values())):
        sys.exit(1)
    emit({"event": "ready"})
    with os.fdopen(os.dup(0), "rb") as requests:
        request = json.loads(requests.readline().decode())
    for path, text in request["files"].items():
        with open(os.path.join(project, path), "wb") as file:
            file.write(base64.b64decode(text))
    importlib.invalidate_caches()
    emit({"event": "begun"})
    return request["plan"]


if __name__ == "__main__":
    sys.exit(main())
