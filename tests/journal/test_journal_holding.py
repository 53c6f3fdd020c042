from __future__ import annotations

import errno
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


def test_where_there_are_no_locks_nothing_is_held_and_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("refine_tui.journal.holding.fcntl.flock", refuse)
    with pytest.raises(StorageError, match="cannot be locked"), hold_project(tmp_path):
        pass


def test_a_full_disk_hinders_nobody_from_holding_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("refine_tui.journal.holding.os.pwrite", refuse)
    with hold_project(tmp_path), pytest.raises(SafetyError, match="Another"), hold_project(tmp_path):
        pass
