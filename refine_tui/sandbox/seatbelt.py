"""The profile for macOS's `sandbox-exec`: everything is denied but reading the system and changing the copy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_SYSTEM = ("/usr", "/bin", "/sbin", "/System", "/Library/Frameworks", "/Library/Developer", "/private/var/db/timezone", "/opt/homebrew")
_SYSTEM_FILES = ("/private/etc/localtime", "/private/etc/ssl", "/private/etc/protocols", "/private/etc/services", "/private/var/db/dyld")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


def profile(*, readable: Sequence[Path], writable: Sequence[Path]) -> str:
    """Return the profile's text. Network, other processes and services are denied by the first rule.

    Args:
        readable: folders to read and execute, beside the system's own.
        writable: folders to change at will.
    """
    lines = [
        "(version 1)",
        "(deny default)",
        "(deny network*)",
        "(allow process-fork)",
        "(allow signal (target same-sandbox))",
        "(allow process-info* (target same-sandbox))",
        "(allow sysctl-read)",
        "(allow file-read-metadata)",
        '(allow file-read* (literal "/"))',
    ]
    shown = [*map(Path, (*_SYSTEM, *_SYSTEM_FILES)), *readable, *writable]
    lines += [f"(allow file-read* (subpath {_quoted(path)}))" for path in shown]
    lines += [f"(allow process-exec (subpath {_quoted(path)}))" for path in shown]
    lines += [f"(allow file-map-executable (subpath {_quoted(path)}))" for path in shown]
    lines += [f"(allow file-read* file-write-data (literal {_quoted(Path(path))}))" for path in _DEVICES]
    lines += [f"(allow file-write* (subpath {_quoted(path)}))" for path in writable]
    return "\n".join([*lines, ""])


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
