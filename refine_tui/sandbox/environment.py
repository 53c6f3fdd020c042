"""What a candidate finds in its environment: a fixed list, nothing of the user's."""

from __future__ import annotations

import os
from collections.abc import Mapping

_PASSED_ON = ("TZ",)


def scrubbed(home: str, temporary: str, added: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a launch.

    Args:
        home: the empty home folder.
        temporary: the folder for temporary files.
        added: what the caller wants on top; it wins.
    """
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "HOME": home,
        "TMPDIR": temporary,
        "USER": "user",
        "LOGNAME": "user",
        "SHELL": "/bin/sh",
        "TERM": "dumb",
        "PYTHONHASHSEED": "0",
    }
    environment.update({name: os.environ[name] for name in _PASSED_ON if name in os.environ})
    environment.update(added)
    return environment
