"""Whether a text that is still being written can become code at all: what a model writes is given up once it cannot.

Asked of whole lines from the start of a scope. In doubt the answer is yes: a wrong no would throw a good candidate away.
"""

from __future__ import annotations

import ast
import warnings

_OPEN = (
    "was never closed",
    "unterminated triple-quoted",
    "expected an indented block",
    "expected 'except' or 'finally' block",
    "unexpected unindent",
    "unexpected EOF",
)
"""What Python says of a text that ends too early; further lines may mend it."""


def python_can_go_on(text: str) -> bool:
    """Say whether further lines could make a text that begins at a scope's first line parse as Python. Nothing is executed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(f"{text}\n")
        except SyntaxError as error:
            # The end of the text is a token of its own, before the first column of whatever line Python counts it to.
            at_the_end = (error.offset or 0) < 1 or (error.lineno or 0) > text.rstrip().count("\n") + 1
            return at_the_end or any(words in error.msg for words in _OPEN)
        except (ValueError, RecursionError, MemoryError):
            return True
    return True
