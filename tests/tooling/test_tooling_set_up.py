"""`make` on a machine that lacks something: what it says, and that it changes nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
MAKE = shutil.which("make") or "make"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout without an environment, beside a `bin` that holds only what a bare Debian with Python and git has."""
    checkout = tmp_path / "checkout"
    for name in ("Makefile", "pyproject.toml", ".ci/locks", "tests/tooling"):
        source, copy = CHECKOUT / name, checkout / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    (tmp_path / "home").mkdir()
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(Path(sys.executable).resolve())
    for name in ("sh", "git"):
        (programs / name).symlink_to(shutil.which(name) or name)
    (programs / "apt-get").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (programs / "apt-get").chmod(0o755)
    return checkout


def make(checkout: Path, *arguments: str, home: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": str(checkout.parent / "bin"),
        "HOME": str(checkout.parent / "home") if home is None else home,
        "LC_ALL": "C.UTF-8",
    }
    return subprocess.run(
        [MAKE, *arguments], cwd=checkout, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def test_demo_names_every_missing_piece_and_the_command_that_brings_it(bare: Path) -> None:
    said = make(bare, "demo")
    assert said.returncode != 0
    assert "a C++ compiler" in said.stderr
    assert "apt-get install g++ bubblewrap" in said.stderr
    assert "tmux" not in said.stderr
    assert not (bare / ".venv").exists()


def test_the_tests_need_tmux_too(bare: Path) -> None:
    said = make(bare, "test")
    assert said.returncode != 0
    assert "apt-get install g++ bubblewrap tmux" in said.stderr


def test_without_leaves_out_only_what_can_be_done_without(bare: Path) -> None:
    said = make(bare, "test", "WITHOUT=bubblewrap tmux g++")
    assert said.returncode != 0
    assert "apt-get install g++\n" in said.stderr
    assert "bubblewrap" not in said.stderr


def test_a_missing_python_is_named(bare: Path) -> None:
    (bare.parent / "bin" / "python3").unlink()
    said = make(bare, "demo")
    assert said.returncode != 0
    assert "Python 3.11 or newer" in said.stderr


@pytest.mark.parametrize(("backend", "words"), [("cuda", "nvcc"), ("vulkan", "glslc"), ("abacus", "cpu, cuda, metal, vulkan, rpc")])
def test_a_backend_that_cannot_be_compiled_here_says_what_is_missing(bare: Path, backend: str, words: str) -> None:
    said = make(bare, "engine", f"BACKEND={backend}")
    assert said.returncode != 0
    assert words in said.stderr
    assert not (bare / ".venv").exists()


def test_builds_differ_in_their_place_by_everything_they_depend_on(tmp_path: Path) -> None:
    code = (
        "import engine, os, needs; os.environ['CMAKE_ARGS'] = '-DMINE=on'\n"
        "flags = [engine.backend_flags(name) for name in ('cpu', 'rpc')] + ['-DGGML_CUDA=on', '']\n"
        "print(*(engine.wheelhouse(one).name for one in flags))\n"
        "print(engine.backend_flags('cpu'))\n"
        "engine.cpu_features = lambda: 'another processor'\n"
        "print(engine.wheelhouse('').name)"
    )
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "tests/tooling"), "XDG_CACHE_HOME": str(tmp_path)}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
    cpu, rpc, cuda, bare_cpu, flags, elsewhere = said.split()
    assert cpu == rpc, "every build has the RPC backend"
    assert len({cpu, cuda, bare_cpu, elsewhere}) == 4
    assert flags == "-DMINE=on"


def test_an_empty_home_name_falls_back_to_the_checkout(bare: Path) -> None:
    said = make(bare, "demo", home="")
    assert "g++" in said.stderr
    assert (bare / ".cache").is_dir()


def test_a_ready_environment_is_recognised_without_starting_anything(bare: Path) -> None:
    ready = "import set_up; print(set_up.is_ready('app')); print(set_up.fingerprint('app'))"
    environment = {**os.environ, "HOME": str(bare.parent / "home"), "PYTHONPATH": str(bare / "tests/tooling")}

    def ask() -> list[str]:
        return subprocess.run([sys.executable, "-c", ready], env=environment, capture_output=True, text=True, check=True).stdout.split()

    before, fingerprint = ask()
    assert before == "False"
    (bare / ".venv" / "bin").mkdir(parents=True)
    (bare / ".venv" / "bin" / "python").symlink_to(sys.executable)
    stamp = bare / ".venv" / "refine-setup.json"
    stamp.write_text(f'{{"purpose": "app", "fingerprint": "{fingerprint}"}}', encoding="utf-8")
    assert ask()[0] == "True"
    with (bare / ".ci" / "locks" / "app.txt").open("a", encoding="utf-8") as lock:
        lock.write("# changed\n")
    assert ask()[0] == "False"


def test_a_failed_step_shows_the_end_of_its_log(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from progress import StepFailed, run\n"
        "try: run([sys.executable, '-c', 'print(\"the reason\"); raise SystemExit(3)'], Path('log'), lambda line: None)\n"
        "except StepFailed as failure: print(failure)"
    )
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "tests/tooling")}
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert "status 3" in said
    assert "| the reason" in said
