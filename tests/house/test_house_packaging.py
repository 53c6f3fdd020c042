from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "refine_tui": "refine_tui",
    "models": "refine_tui/_data/models",
    "grammars": "refine_tui/_data/grammars",
    "themes": "refine_tui/_data/themes",
}
"""The checkout's folders that travel, and where they lie in the wheel."""

LOOK = """
from importlib.resources import files
data = files("refine_tui") / "_data"
print(*sorted(path.name for path in data.iterdir()))
print(sum(path.name.endswith(".py") for path in (data / "demo" / "tests").iterdir()))
"""


def carried() -> set[str]:
    """The names a wheel of this checkout should hold, without its metadata."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *FOLDERS],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = [name for name in listed.stdout.split("\0") if name and (CHECKOUT / name).exists()]
    return {f"{FOLDERS[name.partition('/')[0]]}/{name.partition('/')[2]}" for name in names}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_and_its_data_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if ".dist-info/" not in name}
    assert names == carried()


def test_an_installed_wheel_finds_its_data(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True, capture_output=True)
    python = home / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)],
        check=True,
        capture_output=True,
    )
    seen = subprocess.run([str(python), "-I", "-c", LOOK], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {"demo", "grammars", "models", "themes"} <= set(seen[0].split())
    assert int(seen[1]) == sum(1 for path in (CHECKOUT / "refine_tui/_data/demo/tests").glob("*.py"))
    assert (home / "bin" / "refine-tui").exists()
