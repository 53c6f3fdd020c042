"""Getting text and pictures out of the terminal, and saying which way they went."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import platformdirs

LARGEST_ESCAPE = 74_000
"""Characters beyond which terminals drop a clipboard escape sequence."""
_DEAF_TERMINALS = frozenset({"", "dumb", "linux", "vt100", "vt220", "ansi"})


def copy_text(text: str, send: Callable[[str], None], environment: Mapping[str, str] = os.environ) -> str:
    """Copy `text` and return in words how: tmux's buffer, the terminal's clipboard (OSC 52 through `send`), or a file."""
    if environment.get("TMUX") and _tmux_takes(text):
        return "copied to the tmux buffer, and to the clipboard if tmux may set it"
    if environment.get("TERM", "") not in _DEAF_TERMINALS and len(text) <= LARGEST_ESCAPE and not environment.get("TMUX"):
        send(text)
        return "sent to the terminal's clipboard (OSC 52; some terminals ignore it)"
    with tempfile.NamedTemporaryFile("w", prefix="refine_tui-", suffix=".diff", delete=False, encoding="utf-8") as file:
        file.write(text)
    return f"this terminal has no clipboard; written to {Path(file.name)}"


def _tmux_takes(text: str) -> bool:
    try:
        done = subprocess.run(["tmux", "load-buffer", "-w", "-"], input=text.encode("utf-8", "replace"), capture_output=True, timeout=2)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def picture_folder() -> Path:
    """Return where a picture of the screen is put: beside what was downloaded, at home where there is no such folder."""
    downloads = platformdirs.user_downloads_path()
    return downloads if downloads.is_dir() else Path.home()
