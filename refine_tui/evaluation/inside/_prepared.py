"""What every child of the warm parent would do in the same way, done once in the parent.

Each part stands alone and is left out where this pytest is built in another way: then the child does the work itself. Nothing here reads
or runs anything of the project. Runs inside the project's interpreter: standard library only, Python 3.8 and later.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
import types
from typing import Any


class Prepared:
    """Facts gathered in the parent; `use` puts them to work in a child."""

    def __init__(self, project: str, args: list[str]) -> None:
        self._distributions = [Remembered(one) for one in importlib.metadata.distributions() if not _lies_in(one, project)]
        self._search_path = list(sys.path)
        self._slim = {id(module): only_fixtures(module) for name, module in list(sys.modules.items()) if name.startswith("_pytest.")}
        self._plugins: list[types.ModuleType] = []
        self._config = first_config(args)

    def load_plugins(self, owns: Any, blocked: Any) -> None:
        """Import what the environment's plugins name as their entry points, those of the project itself left out."""
        for distribution in self._distributions:
            for entry in distribution.entry_points:
                if entry.group == "pytest11" and entry.name not in blocked and not owns(entry.value.split(":")[0].strip()):
                    try:
                        self._slim_down(entry.load())
                    except BaseException:  # noqa: BLE001  # the child will meet it again and report it
                        continue

    def _slim_down(self, plugin: Any) -> None:
        if type(plugin) is types.ModuleType and "__dir__" not in vars(plugin):
            self._plugins.append(plugin)  # what is known by its identity has to live on
            self._slim[id(plugin)] = only_fixtures(plugin)

    def use(self) -> None:
        """Make this process's next pytest run start from here."""
        _replace_config(self._config)
        _search_less(self._slim)
        if self._distributions:
            self._remember_distributions()

    def _remember_distributions(self) -> None:
        original, remembered, before = importlib.metadata.distributions, self._distributions, self._search_path

        def distributions(**kwargs: Any) -> Any:
            if kwargs:
                return original(**kwargs)
            added = [folder for folder in sys.path if folder not in before]
            return iter([*remembered, *(original(path=added) if added else ())])

        setattr(importlib.metadata, "distributions", distributions)  # noqa: B010


class Remembered:
    """A distribution whose entry points and file list are read at most once, in the parent."""

    def __init__(self, distribution: Any) -> None:
        self._distribution = distribution
        self.entry_points = list(distribution.entry_points)
        self.files = distribution.files if any(entry.group == "pytest11" for entry in self.entry_points) else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._distribution, name)


def _lies_in(distribution: Any, project: str) -> bool:
    where = os.path.realpath(str(distribution.locate_file("")))
    return where.startswith(project) and "site-packages" not in where


def only_fixtures(module: Any) -> types.ModuleType:
    """Return a stand-in for a plugin that holds its fixtures and nothing else: quicker to search, in each child."""
    slim = types.ModuleType(module.__name__)
    for name, value in list(vars(module).items()):
        # Before pytest 8.4 a fixture is a function with a mark. Nothing else is asked for attributes: some objects answer by importing.
        is_marked = isinstance(value, types.FunctionType) and hasattr(value, "_pytestfixturefunction")
        if is_marked or type(value).__name__ == "FixtureFunctionDefinition":
            setattr(slim, name, value)
    return slim


def first_config(args: list[str]) -> Any:
    """Return a configuration with pytest's own plugins registered and no argument parsed, or `None`."""
    try:
        from _pytest.config import get_config

        return get_config(list(args))
    except Exception:  # noqa: BLE001  # another pytest than those known: its own way works too
        return None


def _replace_config(config: Any) -> None:
    import _pytest.config as configuration

    if config is None or not hasattr(config, "invocation_params"):
        return
    original = configuration.get_config
    made = config.invocation_params

    def get_config(args: Any = None, plugins: Any = None, **_kwargs: Any) -> Any:
        setattr(configuration, "get_config", original)  # noqa: B010  # tests may make further configurations
        config.invocation_params = type(made)(args=args or (), plugins=plugins, dir=type(made.dir)(os.getcwd()))
        return config

    setattr(configuration, "get_config", get_config)  # noqa: B010


def _search_less(slim: dict[int, types.ModuleType]) -> None:
    from _pytest.fixtures import FixtureManager

    original = FixtureManager.parsefactories

    nothing = types.ModuleType("nothing")

    def slimmed(holder: Any) -> Any:
        if type(holder).__module__.startswith(("_pytest.", "refine_tui_inside")):
            return nothing  # pytest's own objects, and ours, define no fixtures
        return slim.get(id(holder), holder)

    def parsefactories(self: Any, *args: Any, **kwargs: Any) -> Any:
        if "holder" in kwargs:
            kwargs["holder"] = slimmed(kwargs["holder"])
        elif len(args) > 1:  # a lone argument is a node, which stands for a class or module of the project
            args = (slimmed(args[0]), *args[1:])
        return original(self, *args, **kwargs)

    setattr(FixtureManager, "parsefactories", parsefactories)  # noqa: B010
