from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from refine_tui.core.errors import ProjectError, SafetyError, StaleBaseError
from refine_tui.workspace import ProjectTree, branch_of, project_state_dir
from refine_tui.workspace.disk import Disk, exchange_names
from refine_tui.workspace.listing import without_ignored
from refine_tui.workspace.revisions import since


def test_reading_stays_beneath_the_project(project: Any) -> None:
    outside = project.root.parent / "outside"
    outside.mkdir()
    (outside / "secret.py").write_bytes(b"secret")
    (project.root / "link.py").symlink_to(outside / "secret.py")
    (project.root / "folder").symlink_to(outside)
    (project.root / "inner").symlink_to(project.root / "pkg")
    with project.opened() as tree:
        assert tree.read("pkg/b.py").data == project.base["pkg/b.py"]
        for path in (
            "../outside/secret.py",
            str(outside / "secret.py"),
            "link.py",
            "folder/secret.py",
            "inner/b.py",
            "/proc/self/root/etc/passwd",
        ):
            with pytest.raises(SafetyError):
                tree.read(path)
        for path in ("missing.py", "missing/x.py", "pkg", "a.py/x"):
            with pytest.raises(ProjectError):
                tree.read(path)
    with pytest.raises(ProjectError):
        ProjectTree(project.root / "missing", project.state, tree._log)


def test_a_folder_swapped_for_a_link_never_leads_a_write_outside(make_project: Any) -> None:
    for step in range(45):
        project = make_project()
        outside = project.root.parent / "outside"
        (outside / "sub").mkdir(parents=True)
        (outside / "b.py").write_bytes(project.base["pkg/b.py"])
        (outside / "sub" / "c.py").write_bytes(project.base["pkg/sub/c.py"])
        count = [0]

        def announce(_: str, project: Any = project, outside: Path = outside, count: list[int] = count, step: int = step) -> None:
            if count[0] == step:
                (project.root / "pkg").rename(project.root / "moved")
                (project.root / "pkg").symlink_to(outside)
            count[0] += 1

        with project.opened(Disk(announce)) as tree, suppress(StaleBaseError, SafetyError):
            tree.apply(project.patch, task="", goal="")
        assert sorted(path.name for path in outside.rglob("*")) == ["b.py", "c.py", "sub"]
        assert (outside / "b.py").read_bytes() == project.base["pkg/b.py"]


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)


def test_files_are_those_git_counts(project: Any) -> None:
    (project.root / ".gitignore").write_bytes(b"*.log\nbuild/\n")
    (project.root / "x.log").write_bytes(b"")
    (project.root / "ünï cödé\n.py").write_bytes(b"")
    (project.root / "link.py").symlink_to("a.py")
    git(project.root, "init", "-q")
    git(project.root, "add", "a.py", "link.py")
    with project.opened() as tree:
        assert tree.files() == (".gitignore", "a.py", "pkg/b.py", "pkg/sub/c.py", "ünï cödé\n.py")
        (project.root / "a.py").unlink()
        assert "a.py" not in tree.files()


def test_hooks_and_filters_of_the_repository_never_run(project: Any, tmp_path: Path) -> None:
    git(project.root, "init", "-q", "-b", "main")
    git(project.root, "add", "-A")
    git(project.root, "-c", "user.name=n", "-c", "user.email=e@x", "commit", "-qm", "first")
    trap = tmp_path / "ran"
    command = f"touch {trap}; cat"
    (project.root / ".gitattributes").write_bytes(b"*.py filter=evil\n")
    for name in ("core.fsmonitor", "filter.evil.clean", "filter.evil.process", "core.pager"):
        git(project.root, "config", name, command)
    git(project.root, "config", "filter.evil.required", "true")
    (project.root / "a.py").write_bytes(b"one\ntwO\nthree\n")
    with project.opened() as tree:
        assert "a.py" in tree.files()
    assert without_ignored(project.root, ["a.py"]) == {"a.py"}
    assert branch_of(project.root) == "main"
    assert since(project.root, "HEAD")[1]["a.py"] == b"one\ntwO\nthree\n"
    assert not trap.exists()


def test_without_git_files_are_found_by_walking(make_project: Any, tmp_path: Path) -> None:
    project = make_project(base={"a.py": b"", "pkg/b.py": b"", "build/__init__.py": b"", "dist/x.py": b"", "env/pyvenv.cfg": b""}, new={})
    for path in (".venv/x.py", "node_modules/x.js", "__pycache__/a.pyc", "a.py~", ".refine-tui-9-0.new", "x.egg-info/PKG"):
        (project.root / path).parent.mkdir(parents=True, exist_ok=True)
        (project.root / path).write_bytes(b"")
    (project.root / "loop").symlink_to(project.root)
    with project.opened() as tree:
        assert tree.files() == ("a.py", "build/__init__.py", "pkg/b.py")


def test_asking_for_the_branch_never_fails(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert branch_of(project.root) == branch_of(project.root / "missing") == ""
    git(project.root, "init", "-q", "-b", "trunk")
    assert branch_of(project.root) == "trunk"
    git(project.root, "-c", "user.name=n", "-c", "user.email=e@x", "commit", "-qm", "first", "--allow-empty")
    git(project.root, "checkout", "-q", "--detach")
    assert branch_of(project.root) == ""
    monkeypatch.setenv("PATH", "")
    assert branch_of(project.root) == ""
    with project.opened() as tree:
        assert "a.py" in tree.files()


def test_the_state_folder_is_the_projects_own_and_not_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    one, other = project_state_dir(tmp_path / "a" / "shop"), project_state_dir(tmp_path / "b" / "shop")
    assert one != other
    assert one.name.startswith("shop-")
    assert not one.exists()


def test_names_change_places_at_once(memory: Path) -> None:
    (memory / "one").write_bytes(b"1")
    (memory / "two").write_bytes(b"2")
    folder = os.open(memory, os.O_RDONLY)
    try:
        exchange_names(folder, "one", "two")
        assert ((memory / "one").read_bytes(), (memory / "two").read_bytes()) == (b"2", b"1")
        with pytest.raises(FileNotFoundError):
            exchange_names(folder, "one", "missing")
    finally:
        os.close(folder)
