"""The tools on the shelves and the catalogue that finds them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tool:
    """One tool that can be borrowed. Amounts are in cents."""

    code: str
    name: str
    category: str
    daily_fee: int = 0
    deposit: int = 0


class Catalogue:
    """All tools, by code."""

    def __init__(self, tools=()):
        self._tools = {}
        for tool in tools:
            self.add(tool)

    def __len__(self):
        return len(self._tools)

    def __iter__(self):
        return iter(self._tools.values())

    def add(self, tool):
        """Adds a tool; a code can be given only once."""
        if tool.code in self._tools:
            raise ValueError(f"there is a tool with the code {tool.code} already")
        self._tools[tool.code] = tool

    def find(self, code):
        """The tool with this code, however the desk typed it."""
        return self._tools[code.strip().upper()]

    def search(self, words):
        """The tools whose name or category holds every word, in the order they were added."""
        wanted = words.lower().split()
        return [tool for tool in self if all(word in f"{tool.name} {tool.category}".lower() for word in wanted)]
