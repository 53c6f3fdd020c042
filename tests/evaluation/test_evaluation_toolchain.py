"""What a test command is shown of the user's own tools, and what lies beside them that it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from refine_tui.evaluation.commands.evaluator import CommandEvaluator
from refine_tui.evaluation.commands.run import Command
from refine_tui.evaluation.commands.toolchain import find_toolchain
from refine_tui.evaluation.settings import RunSettings
from refine_tui.loop.ports.running import Sandbox
from tests.evaluation.evaluation_hands import never, nothing


def shown(folders: tuple[Path, ...]) -> list[Path]:
    return [folder for folder in folders if not folder.is_relative_to("/etc")]  # Java's settings, where it is installed


def make_tool(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


def test_folders_of_known_tools_and_of_the_commands_words_are_shown_but_no_private_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    make_tool(home / "sdk" / "v1" / "bin" / "node")
    (home / "sdk" / "v1" / "lib").mkdir()
    make_tool(home / ".local" / "bin" / "mytester")
    make_tool(home / "games" / "bin" / "chess")
    project = tmp_path / "project"
    make_tool(project / "bin" / "node")
    path = [
        home / "sdk" / "v1" / "bin",
        home / ".local" / "bin",
        home / "games" / "bin",
        project / "bin",
        Path("/usr/bin"),
        Path("relative"),
    ]
    found = find_toolchain("mytester --all && npm test", project, {"PATH": os.pathsep.join(map(str, path))})
    assert found.path == (str(home / "sdk" / "v1" / "bin"), str(home / ".local" / "bin"))
    assert shown(found.readable) == [home / "sdk" / "v1", home / ".local" / "bin"]


@pytest.mark.parametrize(
    ("tool", "beside"),
    [
        ("home/.docker/bin/make", "home/.docker/config.json"),
        ("home/.docker/cli/bin/make", "home/.docker/cli/lib/x"),
        ("home/stuff/bin/make", "home/stuff/diary.txt"),
        ("home/tool/bin/make", "home/tool/lib/../.npmrc"),
        ("home/.cargo/bin/make", "home/.cargo/lib/x"),
        ("srv/bob/bin/make", "srv/bob/.ssh/id_ed25519"),
        ("srv/bob/bin/make", "srv/bob/.mail/inbox"),
        ("srv/cargo/bin/make", "srv/cargo/credentials.toml"),
    ],
)
def test_of_a_folder_that_may_hold_more_than_a_tool_only_the_programs_are_shown(
    tool: str, beside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    make_tool(tmp_path / tool)
    for part in (tmp_path / beside).parent, (tmp_path / beside).resolve().parent:
        part.mkdir(parents=True, exist_ok=True)
    (tmp_path / beside).write_text("secret\n")
    folder = (tmp_path / tool).parent
    assert shown(find_toolchain("make", tmp_path / "project", {"PATH": str(folder)}).readable) == [folder]


def test_of_a_link_out_of_a_folder_of_programs_only_its_target_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    make_tool(home / "work" / "check.sh")
    make_tool(home / ".npm-global" / "lib" / "node_modules" / "tester" / "bin" / "tester.js")
    make_tool(home / ".docker" / "bin" / "docker")
    folder = home / ".local" / "bin"
    folder.mkdir(parents=True)
    for name, target in {
        "check": "work/check.sh",
        "tester": ".npm-global/lib/node_modules/tester/bin/tester.js",
        "docker": ".docker/bin/docker",
    }.items():
        (folder / name).symlink_to(home / target)
    found = find_toolchain("check && tester && docker", tmp_path / "project", {"PATH": str(folder)})
    tester = home / ".npm-global" / "lib" / "node_modules" / "tester"
    assert set(shown(found.readable)) == {folder, home / "work" / "check.sh", tester, home / ".docker" / "bin"}


def test_a_command_reads_nothing_that_lies_beside_its_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolated_sandbox: Sandbox
) -> None:
    home = tmp_path / "home"
    make_tool(home / ".docker" / "bin" / "docker")
    (home / ".docker" / "config.json").write_text("SECRET")
    (home / "work" / "notes").mkdir(parents=True)
    make_tool(home / "work" / "check.sh")
    (home / ".docker" / "bin" / "check").symlink_to(home / "work" / "check.sh")
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{home}/.docker/bin:{os.environ['PATH']}")
    line = f"docker && check && ! cat {home}/.docker/config.json && ! ls {home}/work/notes"
    running = CommandEvaluator(project, isolated_sandbox, Command(line), None, RunSettings(recheck=False))
    suite = running.baseline(nothing, never, limit_s=30).suite
    running.close()
    assert suite.is_green, [(case.outcome, case.message) for case in suite.cases]


@pytest.mark.parametrize("folder", ["/home/someone/bin", "/opt/bin", "/root/bin"])
def test_no_home_folder_is_shown_for_the_programs_in_it(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: True)
    monkeypatch.setattr(Path, "exists", lambda _self: True)
    assert shown(find_toolchain("make", tmp_path, {"PATH": folder}).readable) == [Path(folder)]


def test_rusts_toolchain_is_shown_itself_and_never_the_folder_with_its_keys(tmp_path: Path) -> None:
    make_tool(tmp_path / ".cargo" / "bin" / "rustup")
    make_tool(tmp_path / ".rustup" / "toolchains" / "stable-x" / "bin" / "cargo")
    (tmp_path / ".rustup" / "settings.toml").write_text('default_toolchain = "stable-x"\n')
    (tmp_path / ".cargo" / "registry").mkdir()
    (tmp_path / ".cargo" / "credentials.toml").write_text("token\n")
    found = find_toolchain("cargo test", tmp_path / "project", {"PATH": str(tmp_path / ".cargo" / "bin")})
    assert found.path == (str(tmp_path / ".rustup" / "toolchains" / "stable-x" / "bin"),)
    assert shown(found.readable) == [tmp_path / ".rustup" / "toolchains" / "stable-x", tmp_path / ".cargo" / "registry"]
    assert found.environment == {"CARGO_HOME": str(tmp_path / ".cargo")}
