"""Who has which tool, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from toolshed.members import Member
from toolshed.tools import Tool


class LoanRefused(Exception):
    """The desk may not hand out this tool to this member now."""


@dataclass(frozen=True)
class Loan:
    """A tool at a member's home."""

    tool: Tool
    member: Member
    due: date

    def is_overdue(self, today):
        """Whether the tool should have been back by now; the due day itself is still in time."""
        return today >= self.due

    def days_late(self, today):
        """Whole days since the due day, never less than zero."""
        return max((today - self.due).days, 0)


class LoanBook:
    """All tools that are out."""

    def __init__(self):
        self._loans = {}

    def out_to(self, member):
        """The loans of one member."""
        return [loan for loan in self._loans.values() if loan.member == member]

    def is_out(self, tool):
        """Whether somebody has the tool."""
        return tool.code in self._loans

    def lend(self, tool, member, today, days):
        """Hands out a tool and returns the loan; the tier may shorten the days asked for."""
        if self.is_out(tool):
            raise LoanRefused(f"{tool.name} is out")
        if not member.may_borrow(len(self.out_to(member))):
            raise LoanRefused(f"{member.name} may not borrow more tools")
        loan = Loan(tool, member, today + timedelta(days=member.loan_days(days)))
        self._loans[tool.code] = loan
        return loan

    def take_back(self, tool):
        """Takes a tool back and returns the loan that ended."""
        return self._loans.pop(tool.code)

    def overdue(self, today):
        """The loans that are overdue, the longest first."""
        late = [loan for loan in self._loans.values() if loan.is_overdue(today)]
        return sorted(late, key=lambda loan: loan.due)
