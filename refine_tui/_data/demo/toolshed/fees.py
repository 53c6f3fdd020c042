"""What lateness costs and what comes back of a deposit. Every amount is in cents."""

from __future__ import annotations

GRACE_DAYS = 2


def refund(tool, days_late, damage=0):
    """What a member gets back of the deposit.

    The grace days are free. Who is later than that pays for every late day, the grace days too. The cost of a damage is
    kept as well, and nobody pays more than the deposit.
    """
    fee = 0
    if days_late >= GRACE_DAYS:
        fee = days_late * tool.daily_fee
    kept = fee - damage
    return max(tool.deposit - kept, 0)


def euros(cents):
    """An amount as it stands on a receipt."""
    return f"{cents // 100}.{cents % 100:02d} EUR"
