from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from refine_tui.core.errors import SafetyError, StorageError
from refine_tui.journal import hold_project

HOLDER = """
import sys
from pathlib import Path
from refine_tui.journal import hold_project
with hold_project(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_gets_a_clear_word_and_a_dead_one_lets_go(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(SafetyError, match=rf"Another refine-tui \(pid {holder.pid}\)"), hold_project(tmp_path):
            pass
        holder.kill()
    with hold_project(tmp_path), pytest.raises(SafetyError, match=str(os.getpid())), hold_project(tmp_path):
        pass
    with hold_project(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be used"), hold_project(tmp_path / "file" / "state"):
        pass
