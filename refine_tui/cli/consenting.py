"""What is typed at a terminal, for this session only: consent to run a project's code unprotected, and keys."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refine_tui.core.isolation import Probe

SENTENCE = "run it unprotected"
_WARNING = """
Nothing on this machine keeps the project's code from your files.
{reasons}
With --unsafe it runs as you: tests and candidates can read, change and send away whatever you can. Nothing of this is remembered.
Type "{sentence}" to go on for this session; with anything else nothing of the project is run.
> """


@functools.cache
def typed_consent(probes: tuple[Probe, ...]) -> bool:
    """Ask once a session; say whether the user typed the sentence. Without a terminal there is nobody to ask, and it is no."""
    from refine_tui.core.sanitize import visible

    if not sys.stdin.isatty():
        print("refine-tui: --unsafe needs consent that is typed at a terminal; nothing of the project is run.", file=sys.stderr)
        return False
    reasons = "\n".join(f"  {probe.level.value}: {visible(probe.reason)}" for probe in probes if probe.level.may_run and not probe.holds)
    print(_WARNING.format(reasons=reasons, sentence=SENTENCE), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == SENTENCE


def typed_key(question: str) -> str:
    """Ask for a key, which is not shown; empty where nobody can be asked."""
    from getpass import getpass

    try:
        return getpass(question) if sys.stdin.isatty() else ""
    except EOFError:
        return ""
