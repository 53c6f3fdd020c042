"""A command that talks to a scripted server, as a user starts it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refine_tui.cli import main
from tests.network.loopback import LoopbackServer


def fix(project: Path, server: LoopbackServer, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    """Run `fix` with the server's model; return its status and its last document."""
    status = main(["--project", str(project), "fix", "--seconds", "250", "--model", f"{server.url}/v1#coder", "--json", *more])
    document: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return status, document
