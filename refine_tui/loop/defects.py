"""Defects of our own: a sentence for the user, and the traceback for whoever mends it."""

from __future__ import annotations

import logging

LOG = logging.getLogger("refine_tui")
"""Keeps the tracebacks of defects, and with `--debug` those of errors too."""


def in_words(defect: BaseException) -> str:
    """Say what to the user is not his doing; where it happened goes to the log, whose file is named."""
    LOG.error("a defect", exc_info=defect)
    file = next((handler.baseFilename for handler in LOG.handlers if isinstance(handler, logging.FileHandler)), "")
    return f"{type(defect).__name__}: {defect}. This is a defect of refine_tui{f'; {file} says where' if file else ''}."
