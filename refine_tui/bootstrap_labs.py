"""The part of the composition root for measuring and training: what the benches are run with, and the recipe. Imports late."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refine_tui.bootstrap import make_sandbox
from refine_tui.bootstrap_settings import Places

if TYPE_CHECKING:
    from refine_tui.bench.pairs import Lab
    from refine_tui.bench.runner_lab import RunnerLab
    from refine_tui.learn.examples import Mutant
    from refine_tui.loop.ports.running import Evaluator


def make_lab(cache: Path | None, log: Path) -> Lab:
    """Return what the engine is measured with; `cache` is where generated models are kept, `None` for the user's cache folder."""
    from refine_tui.bench.pairs import Lab
    from refine_tui.llama.client import LlamaGenerator
    from refine_tui.models.registry import Registry

    def ours(path: Path, threads: int | None, gpu_layers: int | None, drafting: bool) -> LlamaGenerator:
        return LlamaGenerator(path, log_file=log, threads=threads, gpu_layers=gpu_layers, drafting=drafting)

    kept = cache or Places().cache / "bench"
    return Lab(ours, _plain_llama, _engine_probe, _llama_library, lambda: Registry(kept, user_config=kept).shipped().path, kept)


def _plain_llama(*arguments: Any) -> object:
    from refine_tui.llama.plain import Plain

    return Plain(*arguments)


def _engine_probe(*arguments: Any) -> object:
    from refine_tui.llama.probing import Probe

    return Probe(*arguments)


def _llama_library() -> object:
    from refine_tui.llama.plain import Library

    return Library()


def make_runner_lab(folder: Path, python: Path) -> RunnerLab:
    """Return what the runner is measured with; generated projects go below `folder`, and `python` runs their tests."""
    from refine_tui.bench.runner_lab import RunnerLab
    from refine_tui.core.isolation import Limits
    from refine_tui.evaluation.evaluator import PytestEvaluator
    from refine_tui.evaluation.settings import RunSettings
    from refine_tui.sandbox.bubblewrap import own_interpreter
    from refine_tui.syntax import TreeSitter

    sandbox = make_sandbox(unsafe=False, state_dir=Places().state)

    def evaluator(project: Path, *, test_limit_s: float = 5.0, limits: Limits | None = None, warm: bool = True) -> Evaluator:
        return PytestEvaluator(project, sandbox, python, RunSettings(test_limit_s, limits=limits or Limits(), warm=warm, recheck=False))

    tests = Path(__file__).parents[1] / "tests"
    return RunnerLab(sandbox, evaluator, TreeSitter(), python, own_interpreter(), folder, tests if tests.is_dir() else None)


def run_recipe(options: argparse.Namespace) -> bool:
    """Train the model that ships; say whether it got to the end of its plan."""
    from refine_tui.learn.command import learn
    from refine_tui.prompting import line_edit

    return learn(
        options.out,
        size=options.size,
        device=options.device,
        tokens=options.tokens,
        threads=options.threads,
        exclusions=options.exclude,
        mutate=_mutants,
        render_prompt=line_edit.render_prompt,
        render_edit=line_edit.render_edit,
        marks=line_edit.MARKS,
    )


def _mutants(text: str) -> Iterator[Mutant]:
    """Yield every single operator edit of a function: run on right code, the repair operators inject bugs."""
    from refine_tui.core.patch import splice
    from refine_tui.core.text import SourceFile
    from refine_tui.learn.examples import Mutant
    from refine_tui.syntax import TreeSitter

    syntax, source = TreeSitter(), SourceFile("scope.py", text.encode())
    scope = next((scope for scope in syntax.scopes(source) if scope.kind in ("function", "method")), None)
    for edit in syntax.edits(source, scope) if scope else ():
        changed = splice(source.data, edit.edits)
        if changed.decode("utf-8", "ignore").encode() == changed:
            # The square root keeps rare operators in the mix: the model should know them all.
            yield Mutant(edit.operator.partition(".")[0], changed.decode(), edit.prior**0.5)
