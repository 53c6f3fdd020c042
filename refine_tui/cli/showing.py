"""`doctor`, `where`: what works here, and which files are used."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys

from refine_tui import __version__
from refine_tui.bootstrap import level_note, make_evaluator, make_sandbox
from refine_tui.bootstrap_models import make_registry
from refine_tui.bootstrap_settings import Places, project_root, read_settings, settings_of
from refine_tui.cli.choosing import model_line
from refine_tui.core.errors import RefineError
from refine_tui.core.sanitize import visible
from refine_tui.models.registry import NO_MODEL, is_address
from refine_tui.workspace import project_state_dir


def run_doctor(options: argparse.Namespace) -> int:
    """Check every part on this machine and say what is missing; 1 when no code can be run."""
    machine = f"{platform.system()} {platform.machine()}"
    print(f"[ok]   refine-tui {__version__}, Python {platform.python_version()}, {machine}, {os.cpu_count()} cores")
    for program, use in (("git", "file lists and branch names"), ("bwrap", "the isolated level"), ("tmux", "the project's own tests only")):
        found = shutil.which(program)
        print(f"[{'ok' if found else '--'}]   {program}: {found or 'not found; used for ' + use}")
    runs = _doctor_sandbox()
    say_model(options)
    _doctor_project(options)
    term = os.environ.get("TERM", "")
    print(f"[ok]   terminal: {term or 'none'}, {'colours' if not os.environ.get('NO_COLOR') else 'no colours'}, {sys.stdout.encoding}")
    return 0 if runs else 1


def _doctor_sandbox() -> bool:
    sandbox = make_sandbox(unsafe=False, state_dir=Places().state)
    for probe in sandbox.probes():
        sign = "ok" if probe.holds else "--"
        print(visible(f"[{sign}]   {probe.level.value}: {level_note(probe.level) if probe.holds else probe.reason}"))
    print(f"[{'ok' if sandbox.level.may_run else '!!'}]   level in use: {sandbox.level.value}")
    print(_memory_line())
    return sandbox.level.may_run


def _memory_line() -> str:
    from refine_tui.sandbox.cgroups import bound_memory

    if bound_memory():
        return "[ok]   total memory of a run: bounded by a control group"
    return "[--]   total memory of a run: watched, as no control group can be made here; it may go over its limit for a moment"


def say_model(options: argparse.Namespace) -> None:
    """Say which model is used here, and what with."""
    registry = make_registry(Places())
    try:
        wanted = settings_of(options, Places())[0].model or registry.chosen()
        if wanted == NO_MODEL or (wanted and is_address(wanted)):
            print(visible(f"[ok]   model: {wanted}"))
            return
        model = registry.resolve(wanted)
    except RefineError as error:
        print(visible(f"[--]   model: {error}"))
        return
    print(visible(f"[ok]   model: {model_line(model)}"))
    try:
        from importlib.metadata import version

        print(f"[ok]   llama-cpp-python {version('llama-cpp-python')}")
    except ImportError:
        print("[--]   llama-cpp-python is not installed: only search works. Install it with `pip install llama-cpp-python==0.3.36`.")


def _doctor_project(options: argparse.Namespace) -> None:
    try:
        root = project_root(options)
        settings, notices = read_settings(root, Places())
        evaluator = make_evaluator(root, make_sandbox(unsafe=False, state_dir=Places().state, allow=settings.sandbox_allow), settings)
        try:
            about = evaluator.describe()
        finally:
            evaluator.close()
    except RefineError as error:
        print(visible(f"[--]   project: {error}"))
        return
    print(visible(f"[ok]   project: {root}, {about}"))
    for notice in notices:
        print(visible(f"[--]   {notice}"))


def run_where(options: argparse.Namespace) -> int:
    """Name every file that is read and written."""
    root, places = project_root(options), Places()
    registry = make_registry(places)
    rows = [
        ("settings of the user", places.config_file),
        ("settings of the project", root / "refine.toml"),
        ("trusted projects", places.trust_file),
        ("journal and kept files", project_state_dir(root)),
        ("models, yours", registry.data_dir),
        ("models, shipped", registry.packaged_dir),
        ("model in use", registry.choice_file),
        ("log of the model", places.log / "model.log"),
        ("log of defects", places.log_file),
        ("cache of `bench`", places.cache),
    ]
    for name, path in rows:
        print(visible(f"{name:24} {path}{'' if path.exists() else '  (not there)'}"))
    return 0
