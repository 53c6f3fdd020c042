"""Marks that silence a check, and settings that leave tests out."""

from __future__ import annotations

import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

from refine_tui.core.evidence import Flag
from refine_tui.evaluation.tampering.reading import Change, Source, flag

_SUPPRESSION = re.compile(
    r"#\s*(?P<what>noqa|type:\s*ignore|pyright:\s*ignore|pylint:\s*disable|nosec|"
    r"(?P<whole>(?:flake8|ruff):\s*noqa|mypy:\s*(?:ignore-errors|disable-error-code)|pylint:\s*skip-file|pyright:\s*basic))",
    re.IGNORECASE,
)
_SETTINGS = frozenset({"pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml", "conftest.py", "noxfile.py", "Makefile"})
_LEAVES_OUT = re.compile(
    r"--deselect\b|--ignore(?:-glob)?[= ]\S|\bcollect_ignore(?:_glob)?\b|-k[ =]?['\"]?not |-m[ =]?['\"]?not \w+ and not"
)


def suppressions(change: Change, *, strict: bool) -> Iterator[Flag]:
    """Flag comments that silence a lint or type check for a whole file of code; `strict`: for any line of any file."""
    for tests in (False, True) if strict else (False,):
        for old, new in change.pairs(tests=tests):
            known = Counter(code for _, code, _ in _comments(old))
            for line, code, match in _comments(new):
                known[code] -= 1
                if known[code] < 0 and (strict or (match["whole"] and old.text)):
                    where = "in the whole file" if match["whole"] else "on this line"
                    yield flag("suppression", f"silences a check {where}: {match.group().strip()}", new.path, line)


def _comments(source: Source) -> Iterator[tuple[int, str, re.Match[str]]]:
    """Return each suppression with its 0-based line and the code before it."""
    if not _SUPPRESSION.search(source.text):
        return
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.COMMENT and (match := _SUPPRESSION.search(token.string)):
                yield token.start[0] - 1, token.line[: token.start[1]].strip(), match
    except (tokenize.TokenError, SyntaxError):
        return


def deselected(change: Change) -> Iterator[Flag]:
    """Flag settings of the test run that leave out tests."""
    for path, new in change.after.items():
        if PurePosixPath(path).name not in _SETTINGS:
            continue
        old = change.before.get(path)
        known = Counter(line.strip() for line in old.text.splitlines()) if old else Counter()
        for number, line in enumerate(new.text.splitlines()):
            known[line.strip()] -= 1
            is_new = old is not None and known[line.strip()] < 0
            if is_new and (match := _LEAVES_OUT.search(line)) and match.group() not in old.text:  # type: ignore[union-attr]
                yield flag("deselected", f"leaves tests out of the run: {line.strip()[:80]}", path, number)
