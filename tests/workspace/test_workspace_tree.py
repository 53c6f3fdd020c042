from __future__ import annotations

import os
import random
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refine_tui.core.errors import ProjectError, SafetyError, StaleBaseError, UsageError
from refine_tui.core.patch import Edit, FilePatch, Patch, patch_between
from refine_tui.core.text import digest
from refine_tui.workspace import ProjectTree, project_state_dir
from refine_tui.workspace.disk import Disk, exchange_names

ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
WORDS = st.sampled_from(
    [b"x = 1", b"", "é = 'ü'".encode(), "é = 'ü'".encode("latin-1"), "ключ".encode("koi8-r"), b"\x0c", b"\x1b[0m", b"  \t "]
)


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    lines = draw(st.lists(st.tuples(WORDS, ENDS), max_size=12))
    tail = draw(st.sampled_from([b"", b"no final newline"]))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + b"".join(word + end for word, end in lines) + tail


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=contents(), data=st.data(), mode=st.sampled_from([0o644, 0o600, 0o755, 0o4711, 0o664]))
def test_bytes_outside_the_edit_and_the_mode_stay(make_project: Any, base: bytes, data: st.DataObject, mode: int) -> None:
    start = data.draw(st.integers(0, len(base)))
    end = data.draw(st.integers(start, len(base)))
    project = make_project(base={"f.py": base}, new={})
    file = project.root / "f.py"
    file.chmod(mode)
    patch = Patch((FilePatch("f.py", digest(base), (Edit(start, base[start:end], b"<new>"),)),))
    with project.opened() as tree:
        tree.apply(patch, task="", goal="")
        assert file.read_bytes() == base[:start] + b"<new>" + base[end:]
        assert file.stat().st_mode & 0o7777 == mode
        tree.undo()
        assert file.read_bytes() == base
        assert file.stat().st_mode & 0o7777 == mode


def test_extended_attributes_and_owner_stay(make_project: Any, tmp_path: Path) -> None:
    project = make_project(tmp_path)
    file = project.root / "a.py"
    try:
        os.setxattr(file, "user.note", b"kept")
    except OSError as error:
        pytest.skip(f"no extended attributes here: {error}")
    if os.geteuid() == 0:
        os.chown(file, 1234, 2345)
    before = file.stat()
    with project.opened() as tree:
        tree.apply(project.patch, task="", goal="")
    assert os.getxattr(file, "user.note") == b"kept"
    assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode) == (before.st_uid, before.st_gid, before.st_mode)


def test_applying_undoing_and_redoing_keep_count(project: Any) -> None:
    with project.opened() as tree:
        first = tree.apply(project.patch, task="t1", goal="make it pass")
        assert (first.task, first.goal, first.undone, first.patch) == ("t1", "make it pass", False, project.patch)
        assert project.content() == project.new
        assert tree.undo() == tree._log.intents()[0]
        assert project.content() == project.base
        assert tree.redo().undone is False
        assert project.content() == project.new
        with pytest.raises(UsageError, match="nothing to redo"):
            tree.redo()
    with project.opened() as tree:
        assert tree.undo(first.id).undone
        with pytest.raises(UsageError, match="undone already"):
            tree.undo(first.id)
        with pytest.raises(UsageError, match="nothing to undo"):
            tree.undo()
        with pytest.raises(UsageError, match="no change number 99"):
            tree.undo(99)
        with pytest.raises(UsageError, match="nothing"):
            tree.apply(Patch(), task="", goal="")


def test_a_stale_patch_writes_nothing(project: Any) -> None:
    (project.root / "pkg/b.py").write_bytes(b"newer\n")
    before = project.content()
    with project.opened() as tree:
        with pytest.raises(StaleBaseError, match=r"pkg/b\.py"):
            tree.apply(project.patch, task="", goal="")
        (project.root / "pkg/b.py").unlink()
        with pytest.raises(StaleBaseError, match="gone"):
            tree.apply(project.patch, task="", goal="")
        assert list(tree._log.intents()) == []
    assert (project.root / "a.py").read_bytes() == before["a.py"]


def test_undo_keeps_edits_made_elsewhere_in_the_file(make_project: Any) -> None:
    lines = [b"line %d\n" % number for number in range(20)]
    base = b"".join(lines)
    project = make_project(base={"f.py": base}, new={"f.py": base.replace(b"line 10\n", b"ten\nmore\n")})
    file = project.root / "f.py"
    with project.opened() as tree:
        tree.apply(project.patch, task="", goal="")
        file.write_bytes(b"inserted\n" + file.read_bytes() + b"appended")
        tree.undo()
        assert file.read_bytes() == b"inserted\n" + base + b"appended"
        tree.redo()
        assert file.read_bytes() == b"inserted\n" + project.new["f.py"] + b"appended"
        file.write_bytes(file.read_bytes().replace(b"more\n", b"even more\n"))
        with pytest.raises(StaleBaseError, match="same place"):
            tree.undo()
        assert b"even more\n" in file.read_bytes()


@pytest.mark.parametrize("beside", [9, 11])
def test_undo_refuses_when_the_line_beside_was_changed(make_project: Any, beside: int) -> None:
    base = b"".join(b"line %d\n" % number for number in range(20))
    project = make_project(base={"f.py": base}, new={"f.py": base.replace(b"line 10\n", b"ten\n")})
    file = project.root / "f.py"
    with project.opened() as tree:
        tree.apply(project.patch, task="", goal="")
        edited = file.read_bytes().replace(b"line %d\n" % beside, b"edited\n")
        file.write_bytes(edited)
        with pytest.raises(StaleBaseError):
            tree.undo()
        assert file.read_bytes() == edited


def sequence(make_project: Any, seed: int) -> None:
    """A random session checked against a model: the stack of texts that a person would expect."""
    source = random.Random(seed)
    lines = [b"%d\n" % number for number in range(30)]
    project = make_project(base={"f.py": b"".join(lines), "g.py": b"g\n"}, new={})
    with project.opened() as tree:
        done: list[tuple[int, dict[str, bytes], dict[str, bytes]]] = []
        undone: list[tuple[int, dict[str, bytes], dict[str, bytes]]] = []
        for _ in range(12):
            before, act = project.content(), source.choice(["apply", "apply", "undo", "redo", "edit"])
            if act == "apply":
                changed = dict(before)
                for path in source.sample(sorted(changed), source.choice([1, 2])):
                    text = changed[path].splitlines(keepends=True)
                    place = source.choice([at for at, line in enumerate(text) if not line.startswith(b"user")])
                    text[place] = b"%d\n" % source.randrange(10**6)
                    changed[path] = b"".join(text)
                if changed == before:
                    continue
                application = tree.apply(patch_between(before, changed), task="", goal="")
                done.append((application.id, before, changed))
                assert project.content() == changed
            elif act == "edit":
                text = before["f.py"].splitlines(keepends=True)
                text.insert(source.randrange(len(text)), b"user %d\n" % source.randrange(10**6))
                (project.root / "f.py").write_bytes(b"".join(text))
            elif act == "undo" and done:
                entry = done[-1]
                with suppress(StaleBaseError):
                    assert tree.undo().id == entry[0]
                    undone.append(done.pop())
                    if before == entry[2]:
                        assert project.content() == entry[1]
            elif act == "redo" and undone:
                entry = undone[-1]
                with suppress(StaleBaseError):
                    assert tree.redo().id == entry[0]
                    undone.pop()
                    done.append(entry)
                    done.sort(key=lambda item: item[0])
                    if before == entry[1]:
                        assert project.content() == entry[2]
            users = {line for line in before["f.py"].splitlines() if line.startswith(b"user")}
            assert users <= set(project.content()["f.py"].splitlines())
        assert project.litter() == []


def test_random_sequences_undo_exactly_or_refuse_honestly(make_project: Any) -> None:
    for seed in range(40):
        sequence(make_project, seed)


@pytest.mark.slow
def test_a_thousand_random_sequences_undo_exactly_or_refuse_honestly(make_project: Any) -> None:
    for seed in range(100, 1100):
        sequence(make_project, seed)


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
        ("?.py", "a.py", "ab.py"),
        ("a.py", "x/a.py", "a.pyx"),
    ],
)
def test_protected_patterns(pattern: str, refused: str, allowed: str) -> None:
    from refine_tui.workspace.refusing import refusal_by_name

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
    from refine_tui.workspace import git_facts
    from refine_tui.workspace.listing import without_ignored

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
    facts = git_facts(project.root)
    assert (facts.present, facts.branch, facts.dirty, len(facts.head)) == (True, "main", True, 40)
    assert not trap.exists()


def test_without_git_files_are_found_by_walking(make_project: Any, tmp_path: Path) -> None:
    project = make_project(base={"a.py": b"", "pkg/b.py": b"", "build/__init__.py": b"", "dist/x.py": b"", "env/pyvenv.cfg": b""}, new={})
    for path in (".venv/x.py", "node_modules/x.js", "__pycache__/a.pyc", "a.py~", ".refine-tui-9-0.new", "x.egg-info/PKG"):
        (project.root / path).parent.mkdir(parents=True, exist_ok=True)
        (project.root / path).write_bytes(b"")
    (project.root / "loop").symlink_to(project.root)
    with project.opened() as tree:
        assert tree.files() == ("a.py", "build/__init__.py", "pkg/b.py")


def test_git_facts_never_fail(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from refine_tui.workspace import GitFacts, git_facts

    assert git_facts(project.root) == GitFacts()
    assert git_facts(project.root / "missing") == GitFacts()
    subprocess.run(["git", "init", "-q", "-b", "trunk", str(project.root)], check=True)
    assert git_facts(project.root) == GitFacts(True, "trunk", "", 0)
    monkeypatch.setenv("PATH", "")
    assert git_facts(project.root) == GitFacts()
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
