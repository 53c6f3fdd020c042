"""The composition root: builds the parts and joins them. The only room that knows everyone; imports late, so that starting is quick."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from refine_tui.bootstrap_models import make_generator, profile_of
from refine_tui.bootstrap_settings import Places, project_root, settings_of
from refine_tui.core.errors import UsageError
from refine_tui.core.isolation import Level
from refine_tui.core.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Future

    from refine_tui.journal import SqliteJournal
    from refine_tui.loop.authoring.characterising import Tools as ObservingTools
    from refine_tui.loop.authoring.specifying import Means
    from refine_tui.loop.faster.optimising import SpeedTools
    from refine_tui.loop.ports.parts import Parts
    from refine_tui.loop.ports.running import Evaluator, Sandbox
    from refine_tui.loop.ports.thinking import Generator
    from refine_tui.loop.session.session import Session
    from refine_tui.sandbox.opening import Consent
    from refine_tui.workspace import ProjectTree


@dataclass(frozen=True)
class Project:
    """One project with everything that works on it."""

    root: Path
    settings: Settings
    parts: Parts
    session: Session
    notices: tuple[str, ...] = ()


@contextmanager
def open_project(options: argparse.Namespace, *, writes: bool = True, watch: bool = False) -> Iterator[Project]:
    """Build everything for one project and take it down again.

    `writes` holds the project's lock: one writing process a project. Without `watch` nobody stays to decide: what is written
    is remembered, but no queue and no proposal, which would take the numbers of those that wait for the user.
    """
    from refine_tui.journal import SqliteJournal, hold_project
    from refine_tui.loop.session.session import Session
    from refine_tui.network.keys import Keys
    from refine_tui.workspace import branch_of, project_state_dir

    root, places = project_root(options), Places()
    settings, notices = settings_of(options, places)
    state_dir = getattr(options, "state_dir", None) or project_state_dir(root)
    with ExitStack() as stack:
        if writes:
            stack.enter_context(hold_project(state_dir))
        consent: Consent | None = vars(options).get("unsafe") or None
        made = stack.enter_context(_evaluating(root, settings, places, consent))
        journal = SqliteJournal(state_dir) if writes else _private_journal(stack)
        keys = Keys(vars(options).get("ask"))
        generator, reason = make_generator(getattr(options, "model", None) or settings.model, settings, places, keys)
        tree = open_tree(root, state_dir, journal, settings)
        stack.callback(journal.close)
        rows = journal if watch or not writes else _private_journal(stack)
        parts = join_parts(tree, made.result(), rows, generator, watch=watch)
        session = Session(parts, settings, seed=getattr(options, "seed", 0), branch=branch_of(root), model_reason=reason)
        stack.callback(session.close)
        yield Project(root, settings, parts, session, (*notices, *journal.notices))


@contextmanager
def _evaluating(root: Path, settings: Settings, places: Places, consent: Consent | None) -> Iterator[Future[Evaluator]]:
    """Open sandbox and evaluator and let the first run get ready, on a thread beside whatever else is opened; they are closed in the end.

    Where the user may have to be asked, nothing else goes on meanwhile.
    """
    from concurrent.futures import Future, ThreadPoolExecutor

    def make() -> Evaluator:
        sandbox = make_sandbox(unsafe=consent or False, state_dir=places.state, allow=settings.sandbox_allow)
        return make_evaluator(root, sandbox, settings)

    made: Future[Evaluator] = Future()
    if consent:
        made.set_result(make())
    with ThreadPoolExecutor(1, "opening") as pool:
        made = made if consent else pool.submit(make)
        pool.submit(_prepared, made)
        try:
            yield made
        finally:
            if made.exception() is None:
                made.result().close()


def _prepared(made: Future[Evaluator]) -> None:
    """Let the first run get ready; why it cannot, that run finds out itself."""
    from refine_tui.evaluation.evaluator import PytestEvaluator

    if isinstance(evaluator := made.result(), PytestEvaluator):
        evaluator.prepare()


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
    run = RunSettings(settings.test_timeout_s, settings.tests, arguments, settings.environment, gates=settings.gates, timed=settings.timed)
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
