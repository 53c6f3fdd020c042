"""Stands for a web framework: settings are named by a variable, and nothing works before they are loaded."""
import importlib
import os

_loaded = None


def setup():
    global _loaded
    _loaded = importlib.import_module(os.environ["SITE_SETTINGS"])


def settings():
    if _loaded is None:
        raise RuntimeError("settings are not loaded")
    return _loaded
