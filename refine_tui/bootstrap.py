"""The composition root: builds the parts and joins them. The only room that knows everyone; imports late, so that starting is quick."""

from __future__ import annotations

import argparse
import os
import shlex
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from refine_tui.bootstrap_models import make_generator, profile_of
from refine_tui.core.errors import ProjectError, UsageError
from refine_tui.core.isolation import Level
from refine_tui.core.settings import Settings, merge

if TYPE_CHECKING:
    from refine_tui.bench.pairs import Lab
    from refine_tui.bench.runner_lab import RunnerLab
    from refine_tui.journal import SqliteJournal
    from refine_tui.learn.examples import Mutant
    from refine_tui.loop.authoring.characterising import Tools as ObservingTools
    from refine_tui.loop.authoring.specifying import Means
    from refine_tui.loop.faster.optimising import SpeedTools
    from refine_tui.loop.ports.parts import Parts
    from refine_tui.loop.ports.running import Evaluator, Sandbox
    from refine_tui.loop.ports.thinking import Generator
    from refine_tui.loop.session.session import Session
    from refine_tui.sandbox.opening import Consent
    from refine_tui.workspace import ProjectTree

APP = "refine-tui"


@dataclass(frozen=True)
class Project:
    """One project with everything that works on it."""

    root: Path
    settings: Settings
    parts: Parts
    session: Session
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Places:
    """The files and folders outside the project."""

    config: Path = field(default_factory=lambda: _folder("config"))
    data: Path = field(default_factory=lambda: _folder("data"))
    state: Path = field(default_factory=lambda: _folder("state"))
    log: Path = field(default_factory=lambda: _folder("log"))
    cache: Path = field(default_factory=lambda: _folder("cache"))

    @property
    def config_file(self) -> Path:
        """The user's own settings."""
        return self.config / "refine.toml"

    @property
    def log_file(self) -> Path:
        """Where the tracebacks of our own defects go."""
        return self.log / "refine-tui.log"

    @property
    def trust_file(self) -> Path:
        """One trusted project folder a line."""
        return self.config / "trusted"

    def how_to_trust(self, root: Path) -> str:
        """Return the command line that makes a project a trusted one."""
        folder, file, project = (shlex.quote(str(path)) for path in (self.config, self.trust_file, root))
        return f"{'' if self.config.is_dir() else f'mkdir -p {folder} && '}echo {project} >> {file}"


def _folder(kind: str) -> Path:
    import platformdirs

    folder: Path = getattr(platformdirs, f"user_{kind}_path")(APP)
    return folder


def project_root(options: argparse.Namespace) -> Path:
    """Return the project's folder.

    Raises:
        ProjectError: it does not exist or cannot be read.
    """
    named = getattr(options, "path", None) or options.project or Path()
    try:
        root: Path = named.resolve(strict=True)
    except OSError as error:
        raise ProjectError(f"{named}: there is no such folder. Name the project's folder.") from error
    if not root.is_dir():
        raise ProjectError(f"{named}: not a folder. Name the folder that holds the project.")
    if not os.access(root, os.R_OK | os.X_OK):
        raise ProjectError(f"{root}: the folder cannot be read. Check its permissions.")
    return root


def read_settings(root: Path, places: Places) -> tuple[Settings, tuple[str, ...]]:
    """Return the user's settings with the project's laid over them, and sentences about what was left out.

    Raises:
        UsageError: a file is not TOML or holds something unknown.
    """
    settings, notices = Settings(), []
    if places.config_file.is_file():
        settings, _ = merge(settings, _toml(places.config_file), str(places.config_file), trusted=True)
    own = root / "refine.toml"
    if own.is_file():
        settings, ignored = merge(settings, _toml(own), "refine.toml", trusted=_is_trusted(root, places))
        if ignored:
            left_out = f"refine.toml: {', '.join(ignored)} left out: this project is not trusted."
            notices.append(f"{left_out} This trusts it: {places.how_to_trust(root)}")
    return settings, tuple(notices)


def settings_of(options: argparse.Namespace, places: Places) -> tuple[Settings, tuple[str, ...]]:
    """Return the settings that hold for a command, its own options included, and sentences about what was left out.

    Raises:
        ProjectError: there is no such project.
        UsageError: as `read_settings`.
    """
    settings, notices = read_settings(project_root(options), places)
    return replace(settings, offline=settings.offline or options.offline), notices


def _toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}.") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}.") from error


def _is_trusted(root: Path, places: Places) -> bool:
    try:
        return str(root) in places.trust_file.read_text("utf-8").splitlines()
    except OSError:
        return False


@contextmanager
def open_project(options: argparse.Namespace, *, writes: bool = True, watch: bool = False) -> Iterator[Project]:
    """Build everything for one project and take it down again.

    `writes` holds the project's lock: one writing process a project. Without `watch` nobody stays to decide: what is written
    is remembered, but no queue and no proposal, which would take the numbers of those that wait for the user.
    """
    from refine_tui.journal import SqliteJournal, hold_project
    from refine_tui.loop.session.session import Session
    from refine_tui.network.keys import Keys
    from refine_tui.workspace import git_facts, project_state_dir

    root, places = project_root(options), Places()
    settings, notices = settings_of(options, places)
    state_dir = getattr(options, "state_dir", None) or project_state_dir(root)
    with ExitStack() as stack:
        if writes:
            stack.enter_context(hold_project(state_dir))
        journal = SqliteJournal(state_dir) if writes else _private_journal(stack)
        consent: Consent | None = vars(options).get("unsafe") or None
        sandbox = make_sandbox(unsafe=consent or False, state_dir=places.state, allow=settings.sandbox_allow)
        evaluator = make_evaluator(root, sandbox, settings)
        keys = Keys(vars(options).get("ask"))
        generator, reason = make_generator(getattr(options, "model", None) or settings.model, settings, places, keys)
        tree = open_tree(root, state_dir, journal, settings)
        stack.callback(journal.close)
        rows = journal if watch or not writes else _private_journal(stack)
        parts = replace(join_parts(tree, evaluator, rows, generator, watch=watch), probes=sandbox.probes())
        session = Session(parts, settings, seed=getattr(options, "seed", 0), branch=git_facts(root).branch, model_reason=reason)
        stack.callback(session.close)
        yield Project(root, settings, parts, session, (*notices, *journal.notices))


def _private_journal(stack: ExitStack) -> SqliteJournal:
    """Return a journal that is gone with the run: it takes no lock, and no number from the project's own."""
    from tempfile import TemporaryDirectory

    from refine_tui.journal import SqliteJournal

    return SqliteJournal(Path(stack.enter_context(TemporaryDirectory(prefix="refine-tui-"))))


def open_tree(root: Path, state_dir: Path, journal: SqliteJournal, settings: Settings) -> ProjectTree:
    """Return the user's tree with the protected paths of the settings."""
    from refine_tui.workspace import ProjectTree

    return ProjectTree(root, state_dir, journal.writes, protected=settings.protected)


def make_sandbox(*, unsafe: Consent | Literal[False], state_dir: Path, allow: Sequence[str] = ()) -> Sandbox:
    """Return the strongest sandbox that holds on this machine.

    Args:
        unsafe: asks the user for consent where none holds; `False` for never.
        state_dir: where copies are put that memory cannot take.
        allow: `[sandbox] allow`, the credentials that tests may read after all.
    """
    from refine_tui.sandbox.opening import never, open_sandbox

    return open_sandbox(unsafe_consent=unsafe or never, state_dir=state_dir, allow=allow)


def make_evaluator(root: Path, sandbox: Sandbox, settings: Settings) -> Evaluator:
    """Return what runs the project's tests: the command of the settings, else the project's Python.

    Raises:
        ProjectError: the project is in another language and no command is set, or the chosen interpreter is not there.
        UsageError: the settings of the command contradict each other.
    """
    from refine_tui.evaluation.commands.evaluator import CommandEvaluator
    from refine_tui.evaluation.commands.hints import refuse_without_command
    from refine_tui.evaluation.commands.run import Command
    from refine_tui.evaluation.evaluator import PytestEvaluator
    from refine_tui.evaluation.settings import RunSettings

    arguments = ("-m", settings.markers) if settings.markers else ()
    run = RunSettings(settings.test_timeout_s, settings.tests, arguments, settings.environment, gates=settings.gates)
    python = Path(settings.python).expanduser() if settings.python else None
    python = python if python is None or python.is_absolute() else root / python
    if settings.test_command:
        command = Command(settings.test_command, settings.test_junit, settings.test_format, settings.test_filter)
        return CommandEvaluator(root, sandbox, command, python, run)
    refuse_without_command(root, Places().config_file, Places().how_to_trust(root))
    return PytestEvaluator(root, sandbox, python, run)


def join_parts(tree: ProjectTree, evaluator: Evaluator, journal: SqliteJournal, generator: Generator | None, *, watch: bool) -> Parts:
    """Join the rooms."""
    from refine_tui.evaluation.evaluator import PytestEvaluator
    from refine_tui.loop.ports.parts import Parts
    from refine_tui.prompting.profiles import LineEdit
    from refine_tui.syntax import TreeSitter

    watcher = None
    if watch:
        from refine_tui.workspace.watching import TreeWatcher

        watcher = TreeWatcher(tree.root)
        tree.on_write = watcher.expect
    observer = evaluator.observer if isinstance(evaluator, PytestEvaluator) else None
    return Parts(tree, evaluator, TreeSitter(), journal, time.monotonic, generator, LineEdit(), profile_of, watcher, observer=observer)


def make_speed_tools(project: Project) -> SpeedTools:
    """Return what a function of the project is made faster with.

    Raises:
        UsageError: its tests are not run by pytest.
    """
    from refine_tui.evaluation.evaluator import PytestEvaluator
    from refine_tui.loop.faster.optimising import SpeedTools
    from refine_tui.syntax.speedups import TreeSpeedups

    parts = project.parts
    if not isinstance(parts.evaluator, PytestEvaluator):
        raise UsageError("--faster works on Python projects whose tests pytest runs.")
    return SpeedTools(parts.evaluator, parts.syntax, parts.evaluator.timer(), parts.evaluator.observer(), TreeSpeedups(), parts.clock)


def make_specifying_means(project: Project) -> Means | None:
    """Return what a test for a goal is written with, `None` where the project's tests are not run by pytest; loads the model."""
    from refine_tui.evaluation.evaluator import PytestEvaluator
    from refine_tui.loop.authoring.specifying import Means

    parts, evaluator = project.parts, project.parts.evaluator
    if not isinstance(evaluator, PytestEvaluator):
        return None
    info = project.session.load_model().info
    profile = parts.profile(info) if info else None
    return Means(parts.workspace, parts.syntax, evaluator, evaluator.observer(), parts.generator, profile)


def make_observing_tools(project: Project) -> ObservingTools:
    """Return what a function of the project is characterised with.

    Raises:
        UsageError: its tests are not run by pytest.
    """
    from refine_tui.evaluation.evaluator import PytestEvaluator
    from refine_tui.loop.authoring.characterising import Tools

    evaluator = project.parts.evaluator
    if not isinstance(evaluator, PytestEvaluator):
        raise UsageError("--characterise works on Python projects whose tests pytest runs.")
    return Tools(project.parts.workspace, evaluator, evaluator.observer())


def level_note(level: Level) -> str:
    """Return what a level means for the user, in a sentence."""
    return {
        Level.ISOLATED: "own namespaces, no network, an overlay in place of the project",
        Level.CONFINED: "a copy of the project; writes and network are refused by the kernel",
        Level.STATIC: "nothing of the project is executed",
        Level.UNSAFE: "NO isolation: candidates run as you",
    }[level]


def copy_demo(into: Path) -> Path:
    """Copy the demo project below a folder and return its root."""
    import shutil

    source = Path(__file__).parent / "_data" / "demo"
    root = into / "toolshed"
    shutil.copytree(source, root, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    return root


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
