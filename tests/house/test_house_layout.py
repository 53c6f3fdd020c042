from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
LONGEST_FILE = {"refine_tui": 400, "tests": 450}
"""Lines a file may have, by the folder it lies in; a list of cases may be a little longer than code."""
LARGEST_MODEL_BYTES = 24 * 1024 * 1024

TOP_LEVEL = {
    *("pyproject.toml", "refine_tui", "models", "grammars", "tests", "themes", "docs"),
    *("README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile"),
    *(".gitignore", ".pre-commit-config.yaml", ".importlinter", ".ci"),
}

# In pieces, so that this file is not a hit.
REGISTRY = re.compile(r"py" r"pi\.org|python" r"hosted\.|npm" r"js\.(org|com)|index-" r"url *=|find-" r"links *=|extra-" r"index")
ONE_MACHINE = re.compile(r"(^|[^\w.])/(root|home|srv|Users|work)/[A-Za-z]|\.\./" r"shared\b", re.MULTILINE)


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return [CHECKOUT / name for name in listed.stdout.split("\0") if name and (CHECKOUT / name).exists()]


def texts(files: list[Path]) -> list[tuple[Path, str]]:
    binary = {".gguf", ".png", ".svg"}
    return [(file, file.read_text(encoding="utf-8", errors="replace")) for file in files if file.suffix not in binary]


def hits(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    return [f"{file.relative_to(CHECKOUT)}: {hit.group()!r}" for file, text in texts(files) for hit in pattern.finditer(text)]


def test_the_top_level_holds_what_it_should_and_nothing_else() -> None:
    assert {file.relative_to(CHECKOUT).parts[0] for file in tracked()} == TOP_LEVEL


def test_no_source_file_is_longer_than_one_can_read_at_once() -> None:
    lengths = {file.relative_to(CHECKOUT): len(text.splitlines()) for file, text in texts(tracked("*.py"))}
    assert {str(file): length for file, length in lengths.items() if length > LONGEST_FILE[file.parts[0]]} == {}


def test_no_file_names_a_package_registry() -> None:
    assert hits(REGISTRY, tracked()) == []


def test_nothing_outside_the_tests_names_a_folder_of_one_machine() -> None:
    assert hits(ONE_MACHINE, [file for file in tracked() if file.relative_to(CHECKOUT).parts[0] != "tests"]) == []


def test_one_model_ships_and_it_is_small() -> None:
    weights = tracked("*.gguf")
    assert len(weights) <= 1
    assert all(file.parent == CHECKOUT / "models" and file.stat().st_size <= LARGEST_MODEL_BYTES for file in weights)


@pytest.mark.parametrize("lock", ["app", "dev", "train", "engine", "engine-build"])
def test_every_pin_of_a_lock_has_a_hash_and_no_address(lock: str) -> None:
    text = (CHECKOUT / ".ci" / "locks" / f"{lock}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    rows = re.findall(r"^(\S+==.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    assert rows
    assert [row for row in rows if "--hash=sha256:" not in row] == []


def test_the_locked_engine_is_the_one_the_project_asks_for() -> None:
    asked = re.search(r"llama-cpp-python==[\d.]+", (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    assert asked is not None
    assert (CHECKOUT / ".ci" / "locks" / "engine.txt").read_text(encoding="utf-8").startswith(f"{asked.group()} ")


@pytest.mark.parametrize(("lock", "extra"), [("app", None), ("dev", "dev"), ("train", "train")])
def test_a_lock_holds_everything_the_project_depends_on(lock: str, extra: str | None) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = [*project["dependencies"], *(project["optional-dependencies"][extra] if extra else ())]
    # Each of the two has a lock file of its own.
    asked = {re.split(r"[<>=~! \[;]", row, maxsplit=1)[0].lower() for row in rows} - {"llama-cpp-python", "torch"}
    locked = set(re.findall(r"^([\w.-]+)==", (CHECKOUT / ".ci" / "locks" / f"{lock}.txt").read_text(encoding="utf-8"), re.MULTILINE))
    assert asked <= locked
