"""Whether a tree stood still: every change of a source is seen, and no noise."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.loop.ports.running import Launch, Sandbox
from refine_tui.sandbox.fingerprint import fingerprint


def _same_size_same_time(project: Path) -> None:
    path = project / "pkg" / "mod.py"
    before = path.stat()
    ticking = project.with_name("ticking")
    ticking.touch()
    while ticking.stat().st_ctime_ns == before.st_ctime_ns:  # two changes within one tick of the kernel's clock look like one
        ticking.touch()
    path.write_text("VALUE = 9\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": lambda project: (project / "pkg" / "mod.py").write_text("VALUE = 22\n"),
    "written with the same size and time": _same_size_same_time,
    "replaced": lambda project: ((project / "new").write_text("VALUE = 1\n"), (project / "new").rename(project / "pkg" / "mod.py")),
    "added": lambda project: (project / "conftest.py").write_text(""),
    "removed": lambda project: (project / "pkg" / "mod.py").unlink(),
    "renamed": lambda project: (project / "pkg").rename(project / "other"),
    "made executable": lambda project: (project / "pkg" / "mod.py").chmod(0o755),
}
NOISE = (
    *("server.log", "server.log.1", "db.sqlite3", "app.db", "app.db-wal", "a.tmp", "mod.pyc", ".coverage"),
    *(".mod.py.swp", "mod.py~", ".#mod.py", "#mod.py#", "4913", "pkg/.refine-tui-1-0.new"),
    *("pkg/__pycache__/mod.py", ".git/x.py", "node_modules/a/b.js", "env/lib/x.py", ".hypothesis/examples/1"),
)
SOURCES = """
a.ex a.exs a.zig a.lua a.swift a.scala a.hs a.nim a.dart a.erl a.jl a.R a.pl a.ml a.bats a.t a.proto a.md a.kts a.gradle a.sbt a.cxx
a.hh a.mts Makefile Rakefile go.sum run a.golden a.snap log database.py
"""


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_a_source_is_seen(project: Path, what: str) -> None:
    before = fingerprint(project)

    CHANGES[what](project)

    assert fingerprint(project) != before


@pytest.mark.parametrize("name", SOURCES.split())
def test_a_source_in_any_language_and_what_tests_may_read_counts(name: str, project: Path) -> None:
    before = fingerprint(project)

    (project / name).write_text("x")

    assert fingerprint(project) != before


def test_what_is_no_source_does_not_count(project: Path) -> None:
    (project / "env").mkdir()
    (project / "env" / "pyvenv.cfg").write_text("")
    before = fingerprint(project)

    for name in NOISE:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("x")

    assert fingerprint(project) == before


def test_a_run_that_writes_everywhere_leaves_the_fingerprint_as_it_was(sandbox: Sandbox, project: Path) -> None:
    before = sandbox.fingerprint(project)

    with sandbox.launch(Launch(("sh", "-c", "echo 3 > pkg/mod.py; rm run.sh; touch new.py; echo done"), project)) as running:
        assert running.stdout.read() == b"done\n"

    assert sandbox.fingerprint(project) == before
