"""The `line-edit` format: numbered code in, changed lines out. Training and inference share these functions.

A prompt is the code, one numbered line each (from 1), between two marks:

    <|code|>1|def double(x):
    2|    return x + x + x
    <|edit|>

The answer is one instruction a line, in order of the line numbers, and the end mark:

    2|    return x + x
    <|end|>

| instruction  | meaning                                                              |
|--------------|----------------------------------------------------------------------|
| `7|TEXT`     | line 7 becomes TEXT (which may be empty: a blank line)               |
| `7-|`        | line 7 is deleted                                                    |
| `7+|TEXT`    | TEXT is inserted after line 7, or after what was inserted there before; `0+|TEXT` inserts at the top |

Code goes in with the indentation of its first line taken off (`dedent`), so that a method reads like a function;
`parse_edit` puts it back. Lines are strings without their line ends. A line of code that holds a mark is legal: the
functions here never search for marks inside lines, but a tokenizer that parses marks would; see `has_mark`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

CODE = "<|code|>"
EDIT = "<|edit|>"
END = "<|end|>"
MARKS = (CODE, EDIT, END)

_INSTRUCTION = re.compile(r"(0|[1-9][0-9]*)([+-]?)\|(.*)", re.DOTALL)


def has_mark(lines: Sequence[str]) -> bool:
    """Say whether the code itself holds a mark, which would confuse a tokenizer that parses them."""
    return any(mark in line for line in lines for mark in MARKS)


def first_indent(lines: Sequence[str]) -> str:
    """Return the white space that the first line begins with; nothing for no lines."""
    return lines[0][: len(lines[0]) - len(lines[0].lstrip())] if lines else ""


def dedent(lines: Sequence[str], indent: str) -> list[str]:
    """Take `indent` off every line that has it.

    A line of white space only that is shorter becomes empty; any other line without the indentation (the inside of a long
    string) stays as it is.
    """
    return [_dedent_line(line, indent) for line in lines]


def _dedent_line(line: str, indent: str) -> str:
    if line.startswith(indent):
        return line[len(indent) :]
    return line if line.strip() else ""


def render_prompt(lines: Sequence[str]) -> str:
    """Return the prompt that asks for an edit of these lines.

    Raises:
        ValueError: a line holds a line end.
    """
    _refuse_line_ends(lines)
    numbered = "".join(f"{number}|{line}\n" for number, line in enumerate(lines, 1))
    return f"{CODE}{numbered}{EDIT}"


def render_edit(old_lines: Sequence[str], new_lines: Sequence[str]) -> str:
    """Return the answer that turns `old_lines` into `new_lines`; for equal lines it is the end mark alone.

    Raises:
        ValueError: a line holds a line end.
    """
    _refuse_line_ends(old_lines)
    _refuse_line_ends(new_lines)
    matcher = difflib.SequenceMatcher(None, old_lines, new_lines, autojunk=False)
    instructions: list[str] = []
    for tag, start, stop, new_start, new_stop in matcher.get_opcodes():
        if tag != "equal":
            instructions += _block(start, stop, new_lines[new_start:new_stop])
    return "".join(f"{instruction}\n" for instruction in instructions) + END


def _block(start: int, stop: int, new: Sequence[str]) -> list[str]:
    """Return the instructions that put `new` in the place of the 0-based lines `start` to `stop`."""
    shared = min(stop - start, len(new))
    replaced = [f"{start + offset + 1}|{new[offset]}" for offset in range(shared)]
    deleted = [f"{number}-|" for number in range(start + shared + 1, stop + 1)]
    inserted = [f"{start + shared}+|{line}" for line in new[shared:]]
    return replaced + deleted + inserted


def parse_edit(text: str, lines: Sequence[str], indent: str = "") -> list[str] | None:
    """Return `lines` with the answer's instructions carried out, or None when the answer is not in the format.

    Args:
        text: the answer, with or without the end mark; what follows the mark must be white space.
        lines: the code as it is in the file, without line ends.
        indent: what `dedent` took off; it is put before each new line that is not blank.

    Refused: an unknown form, a number beyond the lines, a line changed twice, numbers out of order, a carriage return, and
    an answer that was cut off in the middle of a line or that has no instruction at all.
    """
    body, mark, rest = text.partition(END)
    if (mark and rest.strip()) or not body.endswith("\n") or "\r" in body:
        return None
    changed: dict[int, list[str]] = {}
    inserted: dict[int, list[str]] = {}
    at = (0, -1)
    for row in body[:-1].split("\n"):
        match = _INSTRUCTION.fullmatch(row)
        if match is None:
            return None
        number, form, new = int(match[1]), match[2], indent + match[3] if match[3].strip() else match[3]
        here = (number, int(form == "+"))
        if number > len(lines) or (form == "-" and match[3]) or (form != "+" and number == 0):
            return None
        if here < at or (here == at and form != "+"):
            return None
        at = here
        if form == "+":
            inserted.setdefault(number, []).append(new)
        else:
            changed[number] = [] if form == "-" else [new]
    return _carry_out(lines, changed, inserted)


def begun_edit(text: str, lines: Sequence[str], indent: str = "") -> list[str] | None:
    """Return the first lines that an unfinished answer has settled, since its instructions come in order; `None` when one is wrong."""
    whole = text.rpartition("\n")[0]
    if not whole:
        return []
    edited = parse_edit(f"{whole}\n", lines, indent)
    last = _INSTRUCTION.fullmatch(whole.rpartition("\n")[2])
    return None if edited is None or last is None else edited[: len(edited) - (len(lines) - int(last[1]))]


def _carry_out(lines: Sequence[str], changed: dict[int, list[str]], inserted: dict[int, list[str]]) -> list[str]:
    result = list(inserted.get(0, ()))
    for number, line in enumerate(lines, 1):
        result += changed.get(number, [line])
        result += inserted.get(number, ())
    return result


def _refuse_line_ends(lines: Sequence[str]) -> None:
    for number, line in enumerate(lines, 1):
        if "\n" in line or "\r" in line:
            raise ValueError(f"line {number} holds a line end")
