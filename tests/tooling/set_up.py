"""Makes or mends the virtual environment of one purpose: `app` to use refine_tui, `dev` to test it, `train` to train its model.

Run by make before everything else. When nothing changed since the last time it returns at once, without starting a process.
Nothing of this project is imported, and on a Python that is too old it says so instead of failing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import engine
import needs
from progress import Line, StepFailed, run

CHECKOUT = engine.CHECKOUT
LOCKS = {"app": "app.txt", "dev": "dev.txt", "train": "train.txt"}
ENOUGH = {"app": ("app", "dev"), "dev": ("dev",), "train": ("train",)}
"""For each purpose the ones whose environment serves it as well."""


def environment_folder(purpose: str) -> Path:
    """Where the environment of a purpose lives."""
    return CHECKOUT / (".venv-train" if purpose == "train" else ".venv")


def fingerprint(purpose: str) -> str:
    """A digest of everything the environment is made from; another one means it has to be brought up to date."""
    requirements = CHECKOUT / ".ci" / "locks"
    files = [requirements / LOCKS[purpose], engine.PIN, CHECKOUT / "pyproject.toml"]
    if purpose == "train":
        files.append(requirements / "torch.txt")
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    # The folder may have been moved or carried to another CPU, where its scripts or its native code don't run.
    digest.update(f"{CHECKOUT}\n{engine.cpu_features()}\n{engine.ALWAYS}\n{engine.LEFT_OUT.read_text(encoding='utf-8')}".encode())
    return digest.hexdigest()


def read_stamp(purpose: str) -> dict[str, str]:
    """What the last finished set-up noted, or nothing."""
    try:
        noted: dict[str, str] = json.loads((environment_folder(purpose) / "refine-setup.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted


def wanted_flags(purpose: str) -> str:
    """The CMake flags of the engine: those the person gave, else those of the last time."""
    return os.environ.get("CMAKE_ARGS", read_stamp(purpose).get("cmake_args", ""))


def is_ready(purpose: str) -> bool:
    """Whether the environment is there and made from what the checkout holds now."""
    stamp = read_stamp(purpose)
    return (
        stamp.get("purpose") in ENOUGH[purpose]
        and stamp.get("fingerprint") == fingerprint(stamp["purpose"])
        and stamp.get("cmake_args", "") == wanted_flags(purpose)
        and (environment_folder(purpose) / "bin" / "python").exists()
    )


def set_up(purpose: str) -> None:
    """Brings the environment up to date.

    Raises:
        StepFailed: A step did not work; what is there so far stays, and the next run goes on from it.
    """
    if read_stamp(purpose).get("purpose") == "dev":
        purpose = "dev"  # what the tests need stays in an environment that has it
    cmake_args = wanted_flags(purpose)
    folder = environment_folder(purpose)
    python = _make_environment(folder)
    logs = engine.cache_folder() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"setup-{purpose}.log"
    log.unlink(missing_ok=True)
    _install_lock(python, CHECKOUT / ".ci" / "locks" / LOCKS[purpose], log)
    if purpose == "train":
        _install(python, "torch", log, "-r", str(CHECKOUT / ".ci" / "locks" / "torch.txt"))
    wheel = engine.kept_wheel(cmake_args) or engine.build(cmake_args)
    # The version alone does not tell two builds apart.
    _install(python, "engine", log, "--no-deps", "--no-index", "--force-reinstall", str(wheel))
    _install(python, "refine_tui", log, "--no-deps", "--no-build-isolation", "--editable", str(CHECKOUT))
    noted = {"purpose": purpose, "fingerprint": fingerprint(purpose), "cmake_args": cmake_args}
    (folder / "refine-setup.json").write_text(json.dumps(noted, indent=1), encoding="utf-8")


def _make_environment(folder: Path) -> str:
    python = folder / "bin" / "python"
    moved = folder.exists() and not _belongs_here(folder)
    if moved or not _runs(python):
        shutil.rmtree(folder, ignore_errors=True)
        line = Line("python")
        line.show(f"making {folder.name}")
        made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True, check=False)
        if made.returncode:
            raise StepFailed(f"{folder} can't be made:\n{made.stdout}{made.stderr}")
        line.end(f"{folder.name} with Python {sys.version.split()[0]}")
    return str(python)


def _belongs_here(folder: Path) -> bool:
    try:
        return str(folder) in (folder / "bin" / "activate").read_text(encoding="utf-8")
    except OSError:
        return False


def _runs(python: Path) -> bool:
    return python.exists() and subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def _install_lock(python: str, lock: Path, log: Path) -> None:
    line = Line("packages")
    count = sum("==" in row for row in lock.read_text(encoding="utf-8").splitlines())
    seen = 0
    installing = False

    def narrate(printed: str) -> None:
        nonlocal seen, installing
        first = printed.split(" ", 1)[0]
        seen += first in ("Collecting", "Ignoring", "Requirement")
        installing = installing or first == "Installing"
        line.show(f"installing {count}" if installing else f"{min(seen, count)}/{count} from {lock.relative_to(CHECKOUT)}")

    arguments = ["--no-input", "--progress-bar", "off", "--require-hashes", "-r", str(lock)]
    run([python, "-m", "pip", "install", *arguments], log, narrate)
    line.end(f"{count} pinned, from {lock.relative_to(CHECKOUT)}")


def _install(python: str, label: str, log: Path, *arguments: str) -> None:
    line = Line(label)
    run([python, "-m", "pip", "install", "--no-input", "--progress-bar", "off", *arguments], log, lambda _: line.show("installing"))
    line.end("installed")


def choose_backend(backend: str) -> None:
    """Makes the engine's flags those of a backend; the environment remembers them from then on.

    Raises:
        StepFailed: There is no such backend, or it can't be compiled here.
    """
    os.environ["CMAKE_ARGS"] = engine.backend_flags(backend)


def main(purpose: str, backend: str = "") -> int:
    """Sets up one purpose and returns the exit status; with a backend its engine is compiled, or taken from the wheelhouse."""
    if sys.version_info < needs.OLDEST and (better := needs.newer_python()):
        os.execv(better, [better, *sys.argv])
    try:
        if backend:
            choose_backend(backend)
    except StepFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    if is_ready(purpose):
        return 0
    without = frozenset(os.environ.get("WITHOUT", "").replace(",", " ").split())
    try:
        built = engine.kept_wheel(wanted_flags(purpose)) is not None
        lacking = needs.missing(tests=purpose == "dev", engine_is_built=built, without=without)
        if lacking:
            print(needs.explain(lacking), file=sys.stderr)
            return 1
        set_up(purpose)
    except StepFailed as failure:
        print(f"\nSetting up did not work: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The next run goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
