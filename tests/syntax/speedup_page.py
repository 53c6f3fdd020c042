"""The table at the end of `docs/faster.md`, made from the table of rewrites; `python -m tests.syntax.speedup_page` writes it anew."""

from __future__ import annotations

from pathlib import Path

from refine_tui.syntax.operators.faster import SPEEDUPS
from tests.syntax.operator_page import example

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faster.md"
HEADING = "## Rewrites\n"


def page() -> str:
    """Return the page with the table as it should be."""
    rows = []
    for row in SPEEDUPS:
        before, after = example(row)
        rows.append(f"| `{row.name}` | {row.about} | `{before}` → `{after}` |\n")
    head = PAGE.read_text("utf-8").partition(HEADING)[0]
    return f"{head}{HEADING}\n| rewrite | what it does | example |\n|---|---|---|\n{''.join(rows)}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
