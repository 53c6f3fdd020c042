"""Command line options of the project that would break a run, taken out of pytest's arguments.

Runs inside the project's interpreter: standard library only, Python 3.8 and later, no import from this package.
"""

from __future__ import annotations

import re

BLOCKED = (
    "cacheprovider",
    "stepwise",
    "dsession",
    "xdist.looponfail",
    "pytest_cov",
    "randomly",
    "random_order",
    "timeout",
    "pytest-parallel",
    "testmon",
    "sugar",
    "html",
)
"""Plugins by the name they register under: those that reorder, distribute, cut short or write files of their own.

Of pytest-xdist only what distributes: a project may use its fixtures `worker_id` and `testrun_uid` and its hooks.
"""

MARKERS = (
    "timeout(seconds): pytest-timeout is off here",
    "xdist_group(name): tests are not distributed here",
    "no_cover: pytest-cov is off here",
    "random_order(*, disabled): pytest-random-order is off here",
)
"""Marks of the blocked plugins, registered so that `--strict-markers` accepts them."""

SETTINGS = ("timeout", "timeout_method", "timeout_func_only", "session_timeout", "timeout_disable_debugger_detection", "looponfailroots")
"""Their keys in the project's configuration."""

_FLAGS = frozenset(
    """
    -x --exitfirst -d --distload -f --looponfail --lf --last-failed --ff --failed-first --nf --new-first --sw --stepwise --stepwise-skip
    --sw-skip --stepwise-reset --sw-reset --cache-clear --pdb --trace --co --collect-only --collectonly --no-cov --cov-append --cov-branch
    --cov-reset --no-cov-on-fail --random-order --randomly-dont-reset-seed --randomly-dont-reorganize --strict-config --setup-only
    --setup-plan --self-contained-html --timeout-disable-debugger-detection
    """.split()  # noqa: SIM905  # a list of so many words is harder to read
)
_VALUED = frozenset(
    """
    -n --numprocesses --dist --maxprocesses --max-worker-restart --tx --px --rsyncdir --rsyncignore --testrunuid --maxschedchunk --maxfail
    --cov-report --cov-config --cov-fail-under --cov-context --cov-precision --timeout --timeout-method --timeout-func-only
    --session-timeout --randomly-seed --random-order-bucket --random-order-seed --junitxml --junit-xml --junitprefix --junit-prefix
    --html --css --durations --durations-min --lfnf --last-failed-no-failures --cache-show --workers --tests-per-worker --report-log
    --pastebin
    """.split()  # noqa: SIM905
)
_WORKERS = re.compile(r"-n(\d+|auto|logical)$")
_BUNDLE = re.compile(r"-[xvqslf]{2,}$")


def neutralise(args: list[str]) -> tuple[list[str], list[str]]:
    """Return the arguments that may stay, and those that were taken out, each with its value."""
    kept: list[str] = []
    dropped: list[str] = []
    at = 0
    while at < len(args):
        word, width = args[at], _width(args[at], args[at + 1 : at + 2])
        if width:
            dropped.append(" ".join(args[at : at + width]))
        else:
            kept.append(word.replace("x", "").replace("f", "") if _BUNDLE.match(word) else word)
        at += width or 1
    return [word for word in kept if word != "-"], dropped


def _width(word: str, following: list[str]) -> int:
    """How many arguments to take out here, beginning with `word`."""
    name = word.split("=", 1)[0]
    if name == "--cov":  # its value is optional, also as a word of its own
        return 1 if "=" in word or not following or following[0].startswith("-") else 2
    if name in _VALUED:
        return 1 if "=" in word else 2
    return 1 if name in _FLAGS or _WORKERS.match(word) else 0


def fixed_arguments(project: str, version: int) -> list[str]:
    """Return what every run adds; `version` is pytest's major version."""
    args = ["--rootdir=" + project, "--tb=auto", "--color=no", "--continue-on-collection-errors", "-o", "required_plugins="]
    for warning in ("PytestConfigWarning", "PytestAssertRewriteWarning", "PytestCacheWarning"):
        args += ["-W", "ignore::pytest." + warning]  # caused by what is switched off here, not by the project
    if version >= 7:
        args += ["--no-header", "--no-summary"]
    if version >= 9:
        args += ["-o", "strict_config=false"]
    for name in BLOCKED:
        args += ["-p", "no:" + name]
    return args
