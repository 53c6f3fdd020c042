"""Prints what this interpreter is, as one JSON object.

Runs inside the project's interpreter, which may be any Python 3: standard library only, old syntax only.
"""

import json
import os
import sys


def pytest_version():
    # type: () -> str
    """Return the version of pytest, as its installation says, since importing it takes as long as all the rest; or an empty text."""
    try:
        from importlib.metadata import version

        return version("pytest")
    except Exception:  # noqa: BLE001  # an old Python, or a pytest that was not installed but lies on the path
        pass
    try:
        import pytest
    except Exception:  # noqa: BLE001  # whatever a broken installation raises means that it cannot be used
        return ""
    return getattr(pytest, "__version__", "")


def has_pip():
    # type: () -> bool
    """Say whether packages can be installed; environments of other tools come without."""
    try:
        from importlib.util import find_spec

        return find_spec("pip") is not None
    except ImportError:
        return False


def readable_paths():
    # type: () -> list[str]
    """Return the folders that imports may reach, those of editable installations included."""
    found = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
    found += sys.path[1:]
    for finder in sys.meta_path:
        mapping = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", {})
        if isinstance(mapping, dict):
            found += [str(path) for path in mapping.values()]
    return [path for path in found if os.path.exists(path)]


if __name__ == "__main__":
    facts = {"version": list(sys.version_info[:3]), "pytest": pytest_version(), "pip": has_pip()}
    facts.update(paths=readable_paths(), fork=hasattr(os, "fork"))
    json.dump(facts, sys.stdout)
