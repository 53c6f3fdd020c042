"""The list that hangs on the door."""

from __future__ import annotations


def by_category(tools):
    """The tools of each category."""
    groups = {}
    for tool in tools:
        groups.setdefault(tool.category, []).append(tool)
    return groups


def categories(tools):
    """The categories of these tools, from A to Z."""
    return list(dict.fromkeys(tool.category for tool in tools))


def door_list(tools, book):
    """One line for each category."""
    groups = by_category(tools)
    return [door_line(category, groups[category], book) for category in categories(tools)]


def door_line(category, tools, book):
    """The tools of a category, from A to Z; one that is out has a star."""
    names = [f"{tool.name}*" if book.is_out(tool) else tool.name for tool in tools]
    return f"{category}: {', '.join(sorted(names))}"


def summary(tools, book):
    """How many tools of how many categories there are, and how many of them are out."""
    out = sum(book.is_out(tool) for tool in tools)
    return f"{len(tools)} tools in {len(by_category(tools))} categories, {out} out"
