from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refine_tui.core.errors import SafetyError
from refine_tui.core.patch import Edit, FilePatch, Patch
from refine_tui.core.text import digest
from refine_tui.workspace.refusing import refusal_by_name


def make_link(root: Path, outside: Path) -> None:
    (root / "f.py").symlink_to(outside)


def make_dangling_link(root: Path, outside: Path) -> None:
    (root / "f.py").symlink_to(outside.with_name("missing"))


def make_hard_link(root: Path, outside: Path) -> None:
    os.link(outside, root / "f.py")


def make_pipe(root: Path, outside: Path) -> None:
    os.mkfifo(root / "f.py")


def make_socket(root: Path, outside: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "f.py"))


def make_folder(root: Path, outside: Path) -> None:
    (root / "f.py").mkdir()


def make_large(root: Path, outside: Path) -> None:
    (root / "f.py").write_bytes(b"x" * (2 * 1024 * 1024 + 1))


def make_binary(root: Path, outside: Path) -> None:
    (root / "f.py").write_bytes(b"x" * 8191 + b"\0")


def make_read_only(root: Path, outside: Path) -> None:
    (root / "f.py").write_bytes(b"x")
    (root / "f.py").chmod(0o444)


REFUSED: dict[Callable[[Path, Path], None], str] = {
    make_link: "link",
    make_dangling_link: "link",
    make_hard_link: "hard link",
    make_pipe: "no regular file",
    make_socket: "no regular file",
    make_folder: "no regular file",
    make_large: "larger than 2 MB",
    make_binary: "not text",
    make_read_only: "read-only",
}


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_odd_files_are_refused_with_a_reason(make_project: Any, make: Callable[[Path, Path], None]) -> None:
    project = make_project(base={}, new={})
    outside = project.root.parent / "outside.py"
    outside.write_bytes(b"outside\n")
    make(project.root, outside)
    patch = Patch((FilePatch("f.py", digest(b"outside\n"), (Edit(0, b"outside", b"changed"),)),))
    with project.opened() as tree:
        assert REFUSED[make] in tree.refuses("f.py")
        with pytest.raises(SafetyError, match=r"f\.py is not written: it"):
            tree.apply(patch, task="", goal="")
    assert outside.read_bytes() == b"outside\n"


@pytest.mark.parametrize(
    "path",
    [
        *["../x", "/etc/passwd", "a/../../x", "", ".", "a//b", "a/", "./a", "x\0y"],
        *[".git/config", ".gitignore", "pkg/.gitattributes", ".GIT/hooks/x", ".github/workflows/ci.yml", ".gitlab-ci.yml", ".git"],
        *[".circleci/config.yml", "Jenkinsfile", ".husky/pre-commit", ".pre-commit-config.yaml", ".vscode/settings.json", ".idea/x.xml"],
        *[".env", "pkg/.env.local", ".envrc", "refine.toml", ".mcp.json", "my.code-workspace", "pkg/.refine-tui-1-0.new"],
    ],
)
def test_reserved_paths_are_refused_whether_they_exist_or_not(project: Any, path: str) -> None:
    with project.opened() as tree:
        assert tree.refuses(path).startswith("it ")


@pytest.mark.parametrize(
    ("pattern", "refused", "allowed"),
    [
        ("tests/", "pkg/tests/test_a.py", "pkg/testing.py"),
        ("test_*.py", "pkg/deep/test_a.py", "pkg/a_test_x.py"),
        ("tests/**/conftest.py", "tests/a/b/conftest.py", "other/tests/conftest.py"),
        ("pkg/*.py", "pkg/b.py", "pkg/sub/c.py"),
        ("pkg/**", "pkg/sub/c.py", "a.py"),
        ("tests/**", "pkg/tests/a.py", "contests/a.py"),
        ("/tests/**", "tests/a.py", "pkg/tests/a.py"),
        ("pkg/gen[12]", "pkg/gen1/a.py", "pkg/gen3/a.py"),
        ("pages/[id].ts", "pages/[id].ts", "pages/x.ts"),
        ("?.py", "a.py", "ab.py"),
        ("a.py", "x/a.py", "a.pyx"),
    ],
)
def test_protected_patterns(pattern: str, refused: str, allowed: str) -> None:
    assert refusal_by_name(refused, [pattern]) == f"it is protected by the pattern {pattern}"
    assert refusal_by_name(allowed, [pattern]) == ""


def test_a_repository_within_is_refused_and_ordinary_files_are_not(project: Any) -> None:
    (project.root / "pkg/sub/.git").write_bytes(b"gitdir: elsewhere\n")
    with project.opened() as tree:
        assert "repository of its own" in tree.refuses("pkg/sub/c.py")
        assert tree.refuses("a.py") == ""
        assert tree.refuses("pkg/b.py") == ""
        assert tree.refuses("missing.py") == "there is no such file"


def test_own_state_inside_the_project_is_refused(project: Any) -> None:
    project.state = project.root / "state"
    with project.opened() as tree:
        (project.state / "kept").mkdir(parents=True)
        (project.state / "kept" / "x.py").write_bytes(b"")
        assert tree.refuses("state/kept/x.py") == "it belongs to refine-tui"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(project: Any) -> None:
    (project.root / "pkg").chmod(0o555)
    with project.opened() as tree:
        assert tree.refuses("pkg/b.py") == "its folder is read-only"
    (project.root / "pkg").chmod(0o755)
