"""The list that hangs on the door."""

from __future__ import annotations


def by_category(tools):
    """The tools of each category."""
    groups = {}
    for tool in tools:
        groups.setdefault(tool.category, []).append(tool)
    return groups


def door_list(tools, book):
    """One line for each category, from A to Z, with its tools from A to Z; a tool that is out has a star."""
    groups = by_category(tools)
    lines = []
    for category in groups:
        names = [f"{tool.name}*" if book.is_out(tool) else tool.name for tool in groups[category]]
        lines.append(f"{category}: {', '.join(sorted(names))}")
    return lines


def summary(tools, book):
    """How many tools there are and how many of them are out."""
    out = sum(book.is_out(tool) for tool in tools)
    return f"{len(tools)} tools, {out} out"
