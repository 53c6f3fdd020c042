"""The run-time twin of the import contracts: what a fresh process really loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

LIBRARIES = {"textual", "rich", "llama_cpp", "tree_sitter", "tree_sitter_python", "watchdog", "keyring", "jinja2", "numpy", "torch"}
OUTSIDE = {"sqlite3", "subprocess", "socket", "ctypes", "multiprocessing"}


def modules_of(room: str) -> list[str]:
    folder = CHECKOUT / "refine_tui" / room
    files = (file.relative_to(CHECKOUT).with_suffix("") for file in sorted(folder.rglob("*.py")))
    return [".".join(file.parts).removesuffix(".__init__") for file in files]


def loaded_by(code: str) -> set[str]:
    """The top-level modules in `sys.modules` after a fresh process ran the code, beyond those of an empty one."""
    report = "import sys; print(' '.join({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stderr.split())


@pytest.mark.parametrize("room", ["core", "loop"])
def test_an_inner_room_loads_nothing_from_outside(room: str) -> None:
    modules = modules_of(room)
    assert modules
    loaded = loaded_by(f"import {', '.join(modules)}")
    assert loaded & (LIBRARIES | OUTSIDE) == set()


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from refine_tui.cli import main\nsys.argv = ['refine-tui', '--help']\ntry: main()\nexcept SystemExit: pass"
    assert loaded_by(code) & (LIBRARIES | {"sqlite3", "asyncio"}) == set()


def test_importing_the_package_does_nothing() -> None:
    assert loaded_by("import refine_tui") - loaded_by("pass") == {"refine_tui"}
