"""Loan periods as the desk writes them."""

from __future__ import annotations


def parse_period(text):
    """Days in a period such as `5`, `5d`, `2w` or `1w 3d`; a week has seven days.

    Raises:
        ValueError: The text is no period, or one of no days.
    """
    words = text.split()
    if len(words) != 1:
        raise ValueError(f"not a period: {text!r}")
    number = words[0].rstrip("d")
    if not number.isdigit() or int(number) == 0:
        raise ValueError(f"not a period: {text!r}")
    return int(number)
