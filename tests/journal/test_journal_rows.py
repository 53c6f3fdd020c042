from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from refine_tui.core.errors import StorageError
from refine_tui.core.patch import Edit, FilePatch, Patch
from refine_tui.core.text import digest
from refine_tui.journal import SqliteJournal
from refine_tui.journal.database import FILE_NAME
from refine_tui.journal.packing import pack, unpack


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    subject = SqliteJournal(tmp_path)
    yield subject
    subject.close()


def test_rows_come_back_in_order_and_by_kind_task_and_id(journal: SqliteJournal) -> None:
    first = journal.append("task", {"goal": "ünï", "n": [1, 2.5, None, True]}, task="t1")
    second = journal.append("candidate", {"x": {"b64": "aGk="}}, task="t1")
    third = journal.append("task", {}, task="t2")
    assert [row[0] for row in journal.rows()] == [first, second, third]
    assert [row[0] for row in journal.rows("task")] == [first, third]
    assert [row[0] for row in journal.rows("task", task="t2")] == [third]
    assert [row[0] for row in journal.rows(since=first)] == [second, third]
    (id, at, kind, task, value) = next(journal.rows())
    assert (id, kind, task, value) == (first, "task", "t1", {"goal": "ünï", "n": [1, 2.5, None, True]})
    assert at.endswith("+00:00")


def test_more_rows_than_a_page_and_large_texts_come_back(journal: SqliteJournal) -> None:
    large = "x y\n" * 100_000
    journal.append("candidate", {"output": large})
    for number in range(1100):
        journal.append("candidate", {"n": number})
    rows = list(journal.rows("candidate"))
    assert rows[0][4]["output"] == large
    assert [row[4]["n"] for row in rows[1:]] == list(range(1100))


def test_rows_survive_closing_and_text_that_is_no_unicode(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    journal.append("error", {"lone\udcff": "\udc80 \0 \u2028"}, task="t\udcff")
    journal.close()
    journal.close()
    again = SqliteJournal(tmp_path)
    assert [row[4] for row in again.rows()] == [{"lone\udcff": "\udc80 \0 \u2028"}]
    assert again.notices == ()
    again.close()


@pytest.mark.parametrize("kind", ["mark", "proposal"])
def test_what_the_user_decided_is_flushed_by_another_thread(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, flushed, may_end = SqliteJournal(tmp_path), list[tuple[bool, int]](), threading.Event()
    mine, is_flushing = threading.get_ident(), threading.Event()

    def fsync(descriptor: int) -> None:
        flushed.append((threading.get_ident() == mine, os.fstat(descriptor).st_ino))
        is_flushing.set()
        assert may_end.wait(100)

    monkeypatch.setattr("refine_tui.journal.flushing.os.fsync", fsync)
    journal.append("candidate", {"n": 1})
    assert flushed == []
    journal.append(kind, {"n": 2})
    assert is_flushing.wait(100)
    journal.append(kind, {"n": 3})  # though the disk is busy
    may_end.set()
    journal.close()
    log = sqlite3.connect(tmp_path / FILE_NAME)
    assert log.execute("SELECT count(*) FROM rows").fetchone() == (3,)
    log.close()
    assert len(flushed) > 1
    assert not any(is_mine for is_mine, _ in flushed)
    assert len({file for _, file in flushed}) == 1


def test_threads_share_one_journal(journal: SqliteJournal) -> None:
    def write(name: str) -> None:
        for number in range(50):
            journal.append("candidate", {"n": number}, task=name)

    threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        assert [row[4]["n"] for row in journal.rows(task=f"t{number}")] == list(range(50))


def test_two_open_journals_see_each_others_rows(journal: SqliteJournal, tmp_path: Path) -> None:
    other = SqliteJournal(tmp_path)
    for number in range(20):
        (journal, other)[number % 2].append("candidate", {"n": number})
    assert [row[4]["n"] for row in other.rows()] == list(range(20))
    other.close()


def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    journal = SqliteJournal(folder)
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / FILE_NAME).stat().st_mode & 0o077 == 0
    journal.close()


def test_an_application_counts_only_once_it_is_done(journal: SqliteJournal) -> None:
    base = {"a\udcff.py": b"\xff\r\n\0", "b.py": b""}
    patch = Patch(tuple(FilePatch(path, digest(data), (Edit(0, data, data + b"\xfe"),)) for path, data in sorted(base.items())))
    log = journal.writes
    write = log.begin("apply", patch, base, task="t", goal="g")
    assert log.unsettled() == (write,)
    assert list(journal.intents()) == []
    log.settle(write, "rolled_back")
    assert log.unsettled() == ()
    assert list(journal.intents()) == []
    again = log.begin("apply", patch, base, task="t", goal="g")
    made = log.settle(again, "done")
    assert (made.patch, made.task, made.goal, made.undone) == (patch, "t", "g", False)
    assert [write.state for write in log.unsettled()] == ["done"]
    log.settle(again, "clean")
    assert log.bases(again) == base
    assert log.first_write(made.id) == log.write(again.id)
    assert list(journal.intents()) == [made]


def test_what_was_undone_last_comes_first_to_redo(journal: SqliteJournal) -> None:
    log = journal.writes
    patch = Patch((FilePatch("f", digest(b""), (Edit(0, b"", b"x"),)),))
    ids = [log.settle(log.begin("apply", patch, {"f": b""}), "done").id for _ in range(3)]
    assert log.last_undone() is None
    for id in (ids[2], ids[0]):
        log.settle(log.begin("undo", patch, {"f": b""}, application=id), "done")
    undone = log.last_undone()
    assert undone is not None
    assert undone.id == ids[0]
    log.settle(log.begin("redo", patch, {"f": b""}, application=ids[0]), "done")
    undone = log.last_undone()
    assert undone is not None
    assert undone.id == ids[2]
    assert [item.undone for item in journal.intents()] == [True, False, False]


def test_patches_are_packed_byte_for_byte() -> None:
    every = bytes(range(256))
    patch = Patch((FilePatch("p\udcff", digest(every), (Edit(3, every, every[::-1]), Edit(300, b"", b"\r\n"))),))
    assert unpack(pack(patch)) == patch
    assert pack(patch).isascii()


@pytest.mark.parametrize("damage", [b"this is no database" * 100, None])
def test_a_damaged_journal_is_set_aside_whole_and_said(tmp_path: Path, damage: bytes | None) -> None:
    journal = SqliteJournal(tmp_path)
    assert not journal.writes.lost_history
    for number in range(200):
        journal.append("candidate", {"n": number, "text": "x" * 200})
    journal.close()
    file = tmp_path / FILE_NAME
    content = bytearray(file.read_bytes())
    if damage is None:
        content[4096:16384] = random.Random(5).randbytes(12288)
    broken = damage or bytes(content)
    file.write_bytes(broken)
    again = SqliteJournal(tmp_path)
    (notice,) = again.notices
    (kept,) = tmp_path.glob("journal-damaged-*.sqlite3")
    assert str(kept) in notice
    assert kept.read_bytes() == broken
    assert list(again.rows()) == []
    assert again.writes.lost_history
    again.append("task", {})
    again.close()


def test_a_journal_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    SqliteJournal(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StorageError, match="newer"):
        SqliteJournal(tmp_path)
    assert not list(tmp_path.glob("journal-damaged-*"))


def test_a_folder_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be used"):
        SqliteJournal(tmp_path / "file")


WRITER = """
import sys
from pathlib import Path
from refine_tui.journal import SqliteJournal
journal = SqliteJournal(Path(sys.argv[1]))
for number in range(1_000_000):
    kind = "decision" if number % 7 == 0 else "candidate"
    id = journal.append(kind, {"n": number, "text": "x" * (number % 50) * 40})
    print(id, flush=True)
"""


def kill_a_writer(folder: Path, lines: int) -> int:
    """Let a process write, kill it after so many acknowledged rows, and return the last acknowledged id."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(lines):
            writer.stdout.readline()
        writer.kill()
        acknowledged = [int(line) for line in writer.stdout.read().split(b"\n")[:-1]]
    return acknowledged[-1] if acknowledged else lines


def survive(folder: Path, kills: int) -> None:
    total = 0
    for number in range(kills):
        kill_a_writer(folder, 3 + number * 7 % 60)
        journal = SqliteJournal(folder)
        ids = [row[0] for row in journal.rows()]
        assert journal.notices == ()
        journal.close()
        assert ids == list(range(1, len(ids) + 1))
        assert len(ids) >= total + 3 + number * 7 % 60
        total = len(ids)


def test_acknowledged_rows_survive_kill_9(tmp_path: Path) -> None:
    survive(tmp_path, 5)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_acknowledged_rows_survive_hundreds_of_kills(tmp_path: Path) -> None:
    survive(tmp_path, 300)


def test_two_processes_may_open_a_new_journal_at_once(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from refine_tui.journal import SqliteJournal as J; J(Path(sys.argv[1])).append('task', {})"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stderr=subprocess.PIPE) for _ in range(4)]
    assert [writer.communicate()[1] for writer in writers] == [b""] * 4
    journal = SqliteJournal(tmp_path)
    assert len(list(journal.rows())) == 4
    journal.close()


def test_a_write_that_is_taken_back_after_it_counted_leaves_its_application_as_it_was(journal: SqliteJournal) -> None:
    log = journal.writes
    patch = Patch((FilePatch("f", digest(b""), (Edit(0, b"", b"x"),)),))
    first = log.begin("apply", patch, {"f": b""})
    log.settle(first, "done")
    log.settle(first, "rolled_back")
    assert list(journal.intents()) == []
    made = log.settle(log.begin("apply", patch, {"f": b""}), "done")
    back = log.begin("undo", patch, {"f": b""}, application=made.id)
    assert log.settle(back, "done").undone
    assert not log.settle(back, "rolled_back").undone
    assert log.last_undone() is None


def test_damage_met_in_use_is_set_aside_at_the_next_start_however_large_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refine_tui.journal.database._CHECKED_BYTES", 0)
    journal = SqliteJournal(tmp_path)
    for number in range(400):
        journal.append("candidate", {"n": number, "text": "x" * 200})
    journal.close()
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.seek(40_960)
        file.write(os.urandom(40_960))
    journal = SqliteJournal(tmp_path)
    assert journal.notices == ()
    with pytest.raises(StorageError, match="Start again"):
        list(journal.rows())
    journal.close()
    journal = SqliteJournal(tmp_path)
    assert "damaged" in journal.notices[0]
    journal.close()
    journal = SqliteJournal(tmp_path)
    assert (journal.notices, list(journal.rows())) == ((), [])
    journal.close()
