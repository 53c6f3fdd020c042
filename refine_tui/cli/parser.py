"""Arguments: the contract other tools rely on."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from refine_tui import __version__
from refine_tui.cli.consenting import typed_consent, typed_key

COMMANDS = ("demo", "fix", "eval", "review", "history", "undo", "redo", "models", "bench", "doctor", "where")
UNLISTED = ("open", "learn")
HELP = frozenset({"-h", "--help", "--version"})
DESCRIPTION = (
    "A pair programmer in your terminal that proves its patches. Without a command the terminal UI opens on the project at PATH "
    "(default: here); `refine-tui open --help` lists its options."
)
EPILOG = "exit status: 0 done · 1 not solved, tests failed · 2 wrong usage, no tests · 3 refused for safety · 130 interrupted"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the parsed options; `run` is the function to call with them. Exits with 2 on wrong usage."""
    arguments = _with_command(list(arguments))
    parser = _parser()
    if (first := _first_word(arguments)) not in (None, *COMMANDS, *UNLISTED) and arguments[0] not in HELP:
        parser.error(f"there is no command {first!r}. Commands: {', '.join(COMMANDS)}; or name a folder to open")
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        # The usage of that command says more than the one of all.
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    options.run = _lazily(options.module, options.function)
    return options


def _with_command(arguments: list[str]) -> list[str]:
    """Insert the `open` command when the first word is a folder or nothing: `refine-tui [PATH]`."""
    first = _first_word(arguments)
    if first in (*COMMANDS, *UNLISTED) or HELP & set(arguments[:1]):
        return arguments
    if first is not None and not Path(first).exists() and "/" not in first:
        return arguments
    return ["open", *arguments]


def _first_word(arguments: Sequence[str]) -> str | None:
    """Return the first argument that is no option and no option's value."""
    takes_value = {"--project", "--model", "--seed"}
    return next((w for i, w in enumerate(arguments) if not w.startswith("-") and (i == 0 or arguments[i - 1] not in takes_value)), None)


def _lazily(module: str, function: str) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        from importlib import import_module

        status: int = getattr(import_module(module), function)(options)
        return status

    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="refine-tui",
        usage="refine-tui [PATH] [OPTION ...]\n       refine-tui COMMAND ...",
        description=DESCRIPTION,
        epilog=EPILOG,
        parents=[_everywhere()],
    )
    parser.set_defaults(project=None, offline=False, plain=False, no_color=False, debug=False)
    parser.add_argument("--version", action="version", version=f"refine-tui {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, prog="refine-tui")

    def command(name: str, module: str, function: str, help: str | None) -> argparse.ArgumentParser:
        # Without `help` a command works and is not listed.
        listed: dict[str, Any] = {} if help is None else {"help": help}
        sub: argparse.ArgumentParser = commands.add_parser(name, parents=[_everywhere()], description=help, **listed)
        sub.set_defaults(module=f"refine_tui.cli.{module}", function=function, parser=sub)
        return sub

    _open(command("open", "interactive", "open_ui", None))
    _model_options(command("demo", "interactive", "open_demo", "the same on a throw-away copy of a small project with failing tests"))
    _fix(command("fix", "fixing", "run_fix", "the loop without the UI"))
    _eval(command("eval", "evaluating", "run_eval", "pass or fail: tests, lint, types"))
    _review(command("review", "reviewing", "run_review", "bring in a patch made elsewhere: verify it, review it"))
    history = command("history", "keeping", "run_history", "what was done and applied")
    history.add_argument("--json", action="store_true", help="one JSON document")
    undo = command("undo", "keeping", "run_undo", "take back what was applied last, or the application ID")
    undo.add_argument("id", nargs="?", type=_application, metavar="ID", help="its number in `history`")
    redo = command("redo", "keeping", "run_redo", "apply again what was undone last, or the application ID")
    redo.add_argument("id", nargs="?", type=_application, metavar="ID", help="its number in `history`")
    _models(command("models", "choosing", "run_models", "list, show, add, use, pull, remove"))
    _bench(command("bench", "benching", "run_bench", "figures: engine, runner, ranking, or repair FILE.jsonl"))
    command("doctor", "showing", "run_doctor", "what works here, and why not")
    command("where", "showing", "run_where", "every file it reads and writes")
    _learn(command("learn", "learning", "run_learn", None))
    return parser


def _everywhere() -> argparse.ArgumentParser:
    """Return the options of every command. What is not given sets nothing, or a command would undo what stood before it."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    everywhere = common.add_argument_group("everywhere")
    everywhere.add_argument("--project", type=Path, metavar="DIR", help="the project (default: here)")
    everywhere.add_argument("--offline", action="store_true", default=argparse.SUPPRESS, help="any use of the network is an error")
    everywhere.add_argument("--plain", action="store_true", default=argparse.SUPPRESS, help="no colours, one line per event")
    everywhere.add_argument("--no-color", action="store_true", default=argparse.SUPPRESS, help="no colours")
    everywhere.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="tracebacks of errors; those of the UI go to the log, which `where` names",
    )
    return common


def _application(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number; `refine-tui history` lists the numbers")
    return int(text)


def _number(kind: Callable[[str], float], least: float) -> Callable[[str], float]:
    """Return a reader of numbers that refuses what is too small or no number."""

    def read(text: str) -> float:
        value = kind(text)
        if not least <= value < float("inf"):
            raise ValueError
        return value

    read.__name__ = f"number (at least {least:g})"
    return read


def _model_options(parser: argparse.ArgumentParser) -> None:
    default = "the model to use (default: the chosen one, else the one that ships)"
    parser.add_argument("--model", metavar="NAME|PATH|http…/v1#NAME|none", default=None, help=default)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of everything random (default: 0)")
    unsafe = "where no isolation holds: ask for consent, typed, to run the project's code as you; for this session"
    parser.add_argument("--unsafe", action="store_const", const=typed_consent, default=False, help=unsafe)
    parser.set_defaults(ask=typed_key)


def _open(parser: argparse.ArgumentParser) -> None:
    parser.usage, parser.description = "refine-tui [PATH] [OPTION ...]", "the terminal UI"
    parser.add_argument("path", nargs="?", type=Path, default=None, metavar="PATH", help="the project (default: here)")
    _model_options(parser)


def _fix(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="pytest node id, test file, or FILE::SYMBOL (default: what fails)")
    parser.add_argument("--goal", default="", metavar="TEXT", help="what is to become true, in words")
    parser.add_argument(
        "--scope", action="append", default=[], metavar="FILE::SYMBOL", help="the only place that may change; may be repeated"
    )
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--faster", default="", metavar="FILE::SYMBOL", help="make this function faster and keep what it does")
    kinds.add_argument(
        "--characterise", default="", metavar="FILE::SYMBOL", help="propose tests that hold what this function does as it is"
    )
    parser.add_argument("--rounds", type=_number(int, 1), default=None, metavar="N", help="rounds a task")
    parser.add_argument(
        "--seconds",
        type=_number(float, 0.1),
        default=None,
        metavar="S",
        help="time for all tasks together, after the first run of the tests (default: 60)",
    )
    parser.add_argument("--candidates", type=_number(int, 1), default=None, metavar="N", help="candidates a round")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--apply", action="store_true", help="write the patch if it fixes a test and breaks none")
    parser.add_argument("--output", type=Path, default=None, metavar="FILE.patch", help="write the patch to a file")
    _model_options(parser)


def _eval(parser: argparse.ArgumentParser) -> None:
    against = "a git revision: count only findings that are new since, and look for tampering"
    mutants = "for so many seconds, put mistakes into what changed (without --against: into what the tests execute): which are noticed?"
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--against", default="", metavar="REV", help=against)
    parser.add_argument("--sarif", type=Path, default=None, metavar="FILE", help="write lint and type findings there as SARIF 2.1.0")
    parser.add_argument("--mutants", type=_number(float, 0.1), default=None, metavar="S", help=mutants)
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of that document, and do nothing else")


def _review(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("patch", metavar="PATCH|-", help="a file with a unified diff or SEARCH/REPLACE blocks; -: standard input")
    parser.add_argument("--json", action="store_true", help="one JSON document, and no UI")
    _model_options(parser)


def _models(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", parents=[_everywhere()], help="what is here")
    listed.add_argument("--json", action="store_true", help="one JSON document")
    shown = actions.add_parser("show", parents=[_everywhere()], help="all that is known of one")
    shown.add_argument("name", metavar="NAME|PATH")
    shown.add_argument("--json", action="store_true", help="one JSON document")
    added = actions.add_parser("add", parents=[_everywhere()], help="make a .gguf file a model here; it stays where it is")
    added.add_argument("file", type=Path, metavar="FILE")
    used = actions.add_parser("use", parents=[_everywhere()], help="choose one for the next start")
    used.add_argument("name", metavar="NAME|PATH|http…/v1#NAME|none")
    pulled = actions.add_parser("pull", parents=[_everywhere()], help="fetch one; goes on where it broke off")
    pulled.add_argument("address", metavar="hf:OWNER/REPO/FILE[@REV]|https…|NAME")
    pulled.add_argument("--json", action="store_true", help="one JSON object a line")
    removed = actions.add_parser("remove", parents=[_everywhere()], help="take one out of your models")
    removed.add_argument("name", metavar="NAME")


def _bench(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    repair = kinds.add_parser("repair", parents=[_everywhere()], help="repair tasks: solved share, candidates, seconds")
    repair.add_argument("file", type=Path, metavar="FILE.jsonl")
    repair.add_argument("--mode", choices=("tests", "examples"), default="tests", help="which tests are visible (default: tests)")
    repair.add_argument("--jobs", type=_number(int, 1), default=1, metavar="N", help="tasks side by side (default: 1)")
    repair.add_argument(
        "--seconds", type=_number(float, 0.1), default=60.0, metavar="S", help="a task, the first run of the tests included (default: 60)"
    )
    repair.add_argument("--model", metavar="NAME|PATH|none", default=None)
    repair.add_argument(
        "--ways", default="", metavar="WAY,…", help="both, search, model, one-shot: who proposes, and whether in rounds (default: both)"
    )
    repair.add_argument("--without", default="", metavar="NAME,…", help="operators, or families of them, that search does without")
    repair.add_argument("--out", type=Path, default=None, metavar="FILE.jsonl", help="keep results here; a run that was ended carries on")
    repair.add_argument("--seed", type=int, default=0, metavar="N")
    repair.add_argument("--only", default="", metavar="TEXT", help="tasks whose id holds this text")
    repair.add_argument("--json", action="store_true", help="one JSON object a row")
    ranking = kinds.add_parser(
        "ranking", parents=[_everywhere()], help="where the right edit stands among all, for bugs put into a package"
    )
    ranking.set_defaults(module="refine_tui.cli.ranking_benching", function="run_ranking_bench")
    ranking.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="Python files or folders of them, best not in its training data"
    )
    ranking.add_argument("--bugs", type=_number(int, 1), default=200, metavar="N", help="at most (default: 200)")
    ranking.add_argument("--model", metavar="NAME|PATH|none", default=None)
    ranking.add_argument("--seed", type=int, default=0, metavar="N")
    ranking.add_argument("--json", action="store_true", help="one JSON object a row")
    engine = kinds.add_parser("engine", parents=[_everywhere()], help="the model engine beside plain llama.cpp, on generated models")
    engine.set_defaults(module="refine_tui.cli.engine_benching", function="run_engine_bench")
    engine.add_argument("--rows", default="", metavar="NAME,…", help="only these; a wrong name lists them (default: all)")
    engine.add_argument("--shapes", default="", metavar="NAME,…", help="only these generated models: toy, 0.5b, 152k, 7b")
    engine.add_argument("--model", type=Path, default=None, metavar="FILE.gguf", help="this model in place of generated ones")
    engine.add_argument("--gpu-layers", type=int, default=None, metavar="N", help="0: none; -1: all (default: as many as fit)")
    engine.add_argument("--threads", type=_number(int, 1), default=None, metavar="N", help="on the CPU (default: all cores but one)")
    engine.add_argument("--quick", action="store_true", help="a toy model, each row once: does it run at all?")
    engine.add_argument("--repeats", type=_number(int, 1), default=None, metavar="N", help="runs of which a row is the median (default: 5)")
    engine.add_argument("--cache", type=Path, default=None, metavar="DIR", help="where generated models are kept")
    engine.add_argument("--json", action="store_true", help="one JSON object a row")
    runner = kinds.add_parser("runner", parents=[_everywhere()], help="candidates beside a cold pytest, and what is left of them")
    runner.set_defaults(module="refine_tui.cli.runner_benching", function="run_runner_bench")
    runner.add_argument("--rows", default="", metavar="NAME,…", help="only these; a wrong name lists them (default: all)")
    runner.add_argument("--runs", type=_number(int, 1), default=None, metavar="N", help="evaluations that leave processes (default: 500)")
    runner.add_argument("--repeats", type=_number(int, 1), default=None, metavar="N", help="runs behind a median (default: 25)")
    runner.add_argument("--python", type=Path, default=None, metavar="PATH", help="an interpreter with pytest (default: this one)")
    runner.add_argument("--quick", action="store_true", help="a slice of everything: does it run at all?")
    runner.add_argument("--json", action="store_true", help="one JSON object a row")


def _learn(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="checkpoints and results")
    parser.add_argument("--exclude", type=Path, action="append", default=[], metavar="FILE.jsonl")
    parser.add_argument("--size", choices=("6m", "19m"), default="6m")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--tokens", type=int, default=10_000_000)
    parser.add_argument("--threads", type=int, default=2)
