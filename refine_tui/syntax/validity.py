"""What Python itself says about a text that tree-sitter takes."""

from __future__ import annotations

import warnings


def python_accepts(data: bytes) -> bool:
    """Say whether Python compiles the text: it also refuses `return` outside a function, `break` outside a loop and the like.

    Nothing is executed. Text that exhausts the compiler (very deep nesting) counts as refused.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(data, "<candidate>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True
