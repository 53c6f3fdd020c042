"""`docs/operators.md`, made from the table of operators; `python -m tests.syntax.operator_page` writes it anew."""

from __future__ import annotations

from difflib import SequenceMatcher
from pathlib import Path

from refine_tui.syntax import OPERATORS, Operator
from refine_tui.syntax.languages import LANGUAGES
from refine_tui.syntax.operators.faster import Speedup

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operators.md"
KINDS = {
    1: "comparison operator", 2: "comparison operands swapped", 3: "arithmetic or bitwise operator", 4: "operand order",
    5: "assignment", 6: "`and`, `or`", 7: "a condition's operands", 8: "`not`, and asking for None", 9: "integer constant",
    10: "other constants", 11: "a name for another", 12: "offsets and terms", 13: "order of arguments", 14: "number of arguments",
    15: "calls around an expression", 16: "attributes and methods", 17: "slices and indices", 18: "the returned value",
    19: "leaving: break, continue, return, yield", 20: "a condition as a whole", 21: "branches", 22: "statements",
}  # fmt: skip
HEAD = """# Edit operators

What search tries at a suspicious place, one row an operator; run backwards they inject bugs, which makes training data and mutants.
This page is made from the table in `refine_tui/syntax/operators/`: do not edit it, run `python -m tests.syntax.operator_page`.

An operator is shown by the lines it changes, as they were → as they become (`⏎` ends a line, `·` is a step of indentation). *Prior* is
its share among the repairs of one place, to order edits by; what it makes there shares it. *Languages*: `all` carries over to
{languages}; each has its own tests. What they solve on repair tasks is counted in `repair.md`.
"""


def page() -> str:
    """Return the page as it should be."""
    others = ", ".join(row.name for row in LANGUAGES[1:-1]) + f" and {LANGUAGES[-1].name}"
    parts = [HEAD.format(languages=others)]
    for number, about in KINDS.items():
        rows = sorted((row for row in OPERATORS if row.number == number), key=lambda row: row.name)
        parts.append(
            f"\n## {number} · {about}\n\n| operator | what it does | example | inverse | prior | languages |\n|---|---|---|---|---|---|\n"
        )
        parts += [_row(row) for row in rows]
    return "".join(parts)


def _row(row: Operator) -> str:
    before, after = example(row)
    inverse = "itself" if row.inverse == row.name else f"`{row.inverse}`"
    languages = "all" if row.carries else "Python"
    return f"| `{row.name}` | {row.about} | `{before}` → `{after}` | {inverse} | {row.prior:g} | {languages} |\n"


def example(row: Operator | Speedup) -> tuple[str, str]:
    """Return the lines of an operator's example that it changes, before and after, each in one line."""
    old, new = row.before.splitlines(), row.after.splitlines()
    blocks = [block for block in SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if block[0] != "equal"]
    start, end, there = blocks[0][1], blocks[-1][2], (blocks[0][3], blocks[-1][4])
    if start == end or there[0] == there[1]:  # nothing to show on one side: the line before tells where
        start, there = start - 1, (there[0] - 1, there[1])
    before, after = old[start:end], new[there[0] : there[1]]
    margin = min(len(row) - len(row.lstrip()) for row in before + after)
    return _line(before, margin), _line(after, margin)


def _line(rows: list[str], margin: int) -> str:
    steps = [(row[margin:], (len(row) - len(row.lstrip()) - margin) // 4) for row in rows]
    return " ⏎ ".join(f"{'·' * step}{text.lstrip()}" for text, step in steps).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
