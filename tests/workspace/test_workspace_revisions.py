from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from refine_tui.core.errors import UsageError
from refine_tui.workspace.revisions import since


def git(root: Path, *arguments: str) -> None:
    named = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *named, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "inner").mkdir(parents=True)
    git(tmp_path, "init", "-q", str(root))
    for name, data in {
        "same.py": b"x = 1\n",
        "changed.py": b"one\r\n",
        "gone.py": b"gone\n",
        "inner/a b.py": b"a\n",
        "empty.py": b"",
    }.items():
        (root / name).write_bytes(data)
    (root / ".gitignore").write_text("*.log\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    return root


def test_what_differs_comes_as_it_was_and_as_it_is_and_the_rest_not_at_all(repository: Path) -> None:
    assert since(repository, "HEAD") == ({}, {})
    (repository / "changed.py").write_bytes(b"two\n")
    (repository / "gone.py").unlink()
    (repository / "new\u00fc.py").write_bytes(b"\xff\n")
    (repository / "noise.log").write_text("x")
    (repository / "inner" / "a b.py").write_bytes(b"b\n")
    (repository / "empty.py").write_bytes(b"x")
    assert since(repository, "HEAD") == (
        {"changed.py": b"one\r\n", "empty.py": b"", "gone.py": b"gone\n", "inner/a b.py": b"a\n", "new\u00fc.py": None},
        {"changed.py": b"two\n", "empty.py": b"x", "gone.py": None, "inner/a b.py": b"b\n", "new\u00fc.py": b"\xff\n"},
    )
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "second")
    assert since(repository, "HEAD~1")[0]["changed.py"] == b"one\r\n"
    assert since(repository, "HEAD") == ({}, {})


def test_a_project_inside_a_repository_sees_its_own_files(repository: Path) -> None:
    (repository / "changed.py").write_bytes(b"two\n")
    (repository / "inner" / "a b.py").write_bytes(b"b\n")
    assert since(repository / "inner", "HEAD") == ({"a b.py": b"a\n"}, {"a b.py": b"b\n"})


def test_links_and_very_large_files_are_not_compared(repository: Path) -> None:
    (repository / "link.py").symlink_to("/etc/hostname")
    (repository / "changed.py").write_bytes(b"x" * (3 << 20))
    assert since(repository, "HEAD") == ({"changed.py": b"one\r\n"}, {"changed.py": None})


@pytest.mark.parametrize("revision", ["nowhere", "--all", "HEAD:changed.py", ""])
def test_what_is_no_revision_is_refused(revision: str, repository: Path) -> None:
    with pytest.raises(UsageError, match="no such revision"):
        since(repository, revision)


def test_a_folder_without_a_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such revision"):
        since(tmp_path, "HEAD")
