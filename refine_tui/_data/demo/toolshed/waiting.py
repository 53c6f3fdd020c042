"""The waiting list for tools that are out."""

from __future__ import annotations


class WaitingList:
    """Members who wait for a tool, first come, first served."""

    def __init__(self):
        self._waiting = {}

    def join(self, tool, member):
        """Puts a member at the end of the line and returns the place in it, 1 for the next one."""
        line = self._waiting.setdefault(tool.code, [])
        if member not in line:
            line.append(member)
        return line.index(member) + 1

    def leave(self, tool, member):
        """Takes a member out of the line."""
        self._waiting[tool.code].remove(member)

    def call_next(self, tool):
        """Takes the first member who is not suspended out of the line, or returns None."""
        line = self._waiting.get(tool.code, [])
        for member in line:
            if not member.suspended:
                line.remove(member)
                return member
        return None
