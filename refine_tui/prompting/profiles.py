"""The profiles: how each kind of model is asked for a change, and how its answer is read.

`LineEdit` is the format of the model that ships. `ScopeRewrite` asks an instruct model for the whole function, fenced: the
reliability of whole-file answers at the size of one node.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from refine_tui.loop.ports.thinking import Ask, ModelInfo, Profile
from refine_tui.prompting import line_edit
from refine_tui.prompting.chat import ChatTurn, render_chat

FENCE = re.compile(r"```[a-zA-Z0-9]*\n(.*?)```", re.DOTALL)
SYSTEM = (
    "You repair Python functions. You are shown one function and what its tests printed. "
    "Answer with the whole corrected function in one fenced block and nothing else. Change as little as possible."
)
CRITIC = (
    "You explain why tests fail. You are shown one function with line numbers and what its tests printed. "
    "In at most three sentences name the wrong line as 'line N', quote the wrong code in backquotes, and say the smallest change."
)


class LineEdit:
    """The format the shipped model was trained on; also how it ranks the edits that search proposes."""

    name = "line-edit"
    stop: tuple[str, ...] = (line_edit.END,)

    def render_prompt(self, lines: Sequence[str]) -> str:
        """Return the numbered function, its indentation taken off."""
        return line_edit.render_prompt(line_edit.dedent(lines, line_edit.first_indent(lines)))

    def render_edit(self, old_lines: Sequence[str], new_lines: Sequence[str]) -> str:
        """Return an edit in the model's own words."""
        indent = line_edit.first_indent(old_lines)
        return line_edit.render_edit(line_edit.dedent(old_lines, indent), line_edit.dedent(new_lines, indent))

    def render_unchanged(self, lines: Sequence[str], line: int) -> str:
        """Return the edit that writes a line as it stands."""
        return line_edit.render_unchanged(line_edit.dedent(lines, line_edit.first_indent(lines)), line)

    def touched(self, edit: str) -> tuple[int | None, ...]:
        """Return the line each instruction replaces."""
        return line_edit.touched(edit)

    def parse_edit(self, text: str, lines: Sequence[str]) -> list[str] | None:
        """Return the edited lines, or `None` when the answer is malformed."""
        return line_edit.parse_edit(text, lines, line_edit.first_indent(lines))

    def prompt(self, ask: Ask) -> str:
        """Return the prompt: the function alone, since this model reads nothing else."""
        return self.render_prompt(ask.lines)

    def critique_prompt(self, ask: Ask) -> str:  # noqa: ARG002 - this model cannot write prose
        """Return nothing: this model writes edits only."""
        return ""

    def read(self, answer: str, ask: Ask) -> list[str] | None:
        """Read an answer."""
        return self.parse_edit(answer, ask.lines)

    def max_tokens(self, ask: Ask) -> int:  # noqa: ARG002 - an edit is short whatever the function
        """Return room for about three changed lines."""
        return 96


class ScopeRewrite:
    """Whole-node rewriting for instruct models, through the chat template of the model's own file."""

    name = "scope-rewrite"

    def __init__(self, chat_template: str) -> None:
        self._template = chat_template
        self.stop: tuple[str, ...] = ("\n```\n",)

    def prompt(self, ask: Ask) -> str:
        """Return the chat prompt, stable text first: rules, function, goal, failures, then what was tried."""
        return render_chat(self._template, (ChatTurn("system", SYSTEM), ChatTurn("user", _told(ask))))

    def critique_prompt(self, ask: Ask) -> str:
        """Return the chat prompt that asks for a root cause."""
        return render_chat(self._template, (ChatTurn("system", CRITIC), ChatTurn("user", _told(ask))))

    def read(self, answer: str, ask: Ask) -> list[str] | None:
        """Read the one fenced block; anything but exactly one block is malformed."""
        blocks = FENCE.findall(answer if answer.count("```") % 2 == 0 else answer + "\n```")
        if len(blocks) != 1:
            return None
        lines: list[str] = blocks[0].rstrip().splitlines()
        return _indented_like(lines, ask.lines) if lines else None

    def max_tokens(self, ask: Ask) -> int:
        """Return room for the function once more, and a third of it."""
        return 128 + int(1.33 * sum(len(line) // 3 + 2 for line in ask.lines))


def _told(ask: Ask) -> str:
    first = ask.scope.first_line + 1
    parts = ["Function:", "```python", *(f"{first + n:4d}  {line}" for n, line in enumerate(ask.lines)), "```", f"Goal: {ask.goal}"]
    parts += [f"Failing: {case.node_id.rsplit('::', 1)[-1]}: {case.message}" for case in ask.failures[:4]]
    if ask.failures:
        parts += ["Test output:", ask.failures[0].details[-1500:]]
    if ask.suspects:
        parts.append("Most suspicious lines: " + ", ".join(str(first + n) for n in ask.suspects[:5]))
    if ask.critique:
        parts += ["What is known so far:", ask.critique]
    if ask.tried:
        parts.append("Tried without success: " + "; ".join(ask.tried[-8:]))
    if ask.note:
        parts.append(f"The user says: {ask.note}")
    parts.append("The block must hold the function without line numbers.")
    return "\n".join(parts)


def _indented_like(lines: list[str], model: Sequence[str]) -> list[str]:
    """Shift the answer's lines so that its first line stands where the scope's first line stands."""
    have, want = line_edit.first_indent(lines), line_edit.first_indent(model)
    if have == want:
        return lines
    return [want + line if line.strip() else "" for line in line_edit.dedent(lines, have)]


def profile_for(info: ModelInfo) -> Profile:
    """Return the profile a loaded model wants."""
    choices: dict[str, Callable[[], Profile]] = {
        "line-edit": LineEdit,
        "scope-rewrite": lambda: ScopeRewrite(info.chat_template),
    }
    return choices.get(info.profile, choices["scope-rewrite"])()
