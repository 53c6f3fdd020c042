"""`models`, `doctor`, `where`: what is here, what works, which files are used."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable
from typing import Any

from refine_tui import __version__
from refine_tui.bootstrap import Places, level_note, make_evaluator, make_registry, make_sandbox, project_root, read_settings
from refine_tui.core.errors import ModelError, RefineError
from refine_tui.core.sanitize import visible
from refine_tui.models.memory import available_bytes, needed_bytes
from refine_tui.models.registry import ModelFile, UnusableFile
from refine_tui.workspace import project_state_dir


def run_models(options: argparse.Namespace) -> int:
    """List, show or choose models."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {"list": _list, "show": _show, "use": _use}
    return actions[options.action](options)


def _list(options: argparse.Namespace) -> int:
    registry = make_registry(Places())
    found = registry.list()
    if options.json:
        print(json.dumps({"version": 1, "in_use": registry.chosen(), "models": [_model_row(model) for model in found]}))
        return 0
    for model in found:
        print(visible(_model_line(model)))
    if not found:
        print("No model is here. The program works without one: search alone proposes patches.")
    return 0


def _model_line(model: ModelFile | UnusableFile) -> str:
    if isinstance(model, UnusableFile):
        return f"{model.name}  cannot be used: {model.reason}"
    kind = f"{model.architecture or '?'} {model.quantisation or '?'}"
    size = f"{model.size_bytes / 1e6:,.0f} MB"
    return f"{model.name}  {kind}  {size}  context {model.context_tokens or '?'}  {model.profile}  ({model.origin})"


def _model_row(model: ModelFile | UnusableFile) -> dict[str, Any]:
    if isinstance(model, UnusableFile):
        return {"name": model.name, "path": str(model.path), "usable": False, "reason": model.reason}
    needed, free = needed_bytes(model.header, model.usable_context_tokens), available_bytes()
    return {
        "name": model.name,
        "path": str(model.path),
        "usable": True,
        "origin": model.origin,
        "architecture": model.architecture,
        "quantisation": model.quantisation,
        "context_tokens": model.context_tokens,
        "parameters": model.parameters,
        "size_bytes": model.size_bytes,
        "licence": model.licence,
        "profile": model.profile,
        "profile_reason": model.profile_reason,
        "has_chat_template": bool(model.chat_template),
        "memory_needed_bytes": needed,
        "fits": None if free is None else needed <= free,
    }


def _show(options: argparse.Namespace) -> int:
    row = _model_row(make_registry(Places()).resolve(options.name))
    if options.json:
        print(json.dumps({"version": 1, **row}))
        return 0
    for key, value in row.items():
        print(visible(f"{key.replace('_', ' '):20} {'unknown' if value is None else value}"))
    return 0


def _use(options: argparse.Namespace) -> int:
    model = make_registry(Places()).use(options.name)
    print(visible(f"{model.name} will be used from the next start on."))
    return 0


def run_doctor(options: argparse.Namespace) -> int:
    """Check every part on this machine and say what is missing; 1 when no code can be run."""
    machine = f"{platform.system()} {platform.machine()}"
    print(f"[ok]   refine-tui {__version__}, Python {platform.python_version()}, {machine}, {os.cpu_count()} cores")
    for program, use in (("git", "file lists and branch names"), ("bwrap", "the isolated level"), ("tmux", "the project's own tests only")):
        found = shutil.which(program)
        print(f"[{'ok' if found else '--'}]   {program}: {found or 'not found; used for ' + use}")
    runs = _doctor_sandbox()
    _doctor_model()
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
    return sandbox.level.may_run


def _doctor_model() -> None:
    try:
        model = make_registry(Places()).resolve()
    except ModelError as error:
        print(visible(f"[--]   model: {error}"))
        return
    print(visible(f"[ok]   model: {_model_line(model)}"))
    try:
        from importlib.metadata import version

        print(f"[ok]   llama-cpp-python {version('llama-cpp-python')}")
    except ImportError:
        print("[--]   llama-cpp-python is not installed: only search works. Install it with `pip install llama-cpp-python==0.3.36`.")


def _doctor_project(options: argparse.Namespace) -> None:
    try:
        root = project_root(options)
        settings, notices = read_settings(root, Places())
        evaluator = make_evaluator(root, make_sandbox(unsafe=False, state_dir=Places().state), settings)
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
        ("log of the model", places.log / "model.log"),
    ]
    for name, path in rows:
        print(visible(f"{name:24} {path}{'' if path.exists() else '  (not there)'}"))
    return 0
