"""Which profile a model wants, and the one of the model that ships."""

from __future__ import annotations

from collections.abc import Sequence

from refine_tui.core.critique import Hypothesis
from refine_tui.core.errors import ModelError
from refine_tui.core.text import digest
from refine_tui.loop.ports.thinking import Ask, Fault, FillMarks, ModelInfo, Part, Profile, Prompt, Step
from refine_tui.prompting import line_edit
from refine_tui.prompting.budget import about_tokens
from refine_tui.prompting.chat import ChatFormat
from refine_tui.prompting.fill_middle import FillMiddle
from refine_tui.prompting.scope_rewrite import ScopeRewrite

__all__ = ["LineEdit", "profile_for"]

MALFORMED = "it is not a list of line edits"


class LineEdit:
    """The format the shipped model was trained on; also how it ranks the edits that search proposes."""

    name = "line-edit"
    converses = False
    stop: tuple[str, ...] = (line_edit.END,)
    prompts = f"line-edit.1 {digest(line_edit.render_prompt(('{line}',)).encode())[:8]}"

    def render_prompt(self, lines: Sequence[str]) -> str:
        """Return the numbered function, its indentation taken off."""
        return line_edit.render_prompt(line_edit.dedent(lines, line_edit.first_indent(lines)))

    def render_edit(self, old_lines: Sequence[str], new_lines: Sequence[str]) -> str:
        """Return an edit in the model's own words."""
        indent = line_edit.first_indent(old_lines)
        return line_edit.render_edit(line_edit.dedent(old_lines, indent), line_edit.dedent(new_lines, indent))

    def parse_edit(self, text: str, lines: Sequence[str]) -> list[str] | None:
        """Return the edited lines, or `None` when the answer is malformed."""
        return line_edit.parse_edit(text, lines, line_edit.first_indent(lines))

    def questions(self, ask: Ask, count: int) -> tuple[tuple[Ask, int], ...]:
        """Return the one question there is."""
        return ((ask, count),)

    def prompt(self, ask: Ask, step: Step) -> Prompt | None:
        """Return the function alone, since this model reads nothing else; nothing for steps that want prose.

        Raises:
            ModelError: the code holds the format's own marks, so that it would be read as something else.
        """
        if step in ("plan", "critique", "specify"):
            return None
        if line_edit.has_mark(ask.lines):
            raise ModelError(f"{ask.scope.path} holds the format's own marks in its text: it cannot be shown to this model")
        text = self.render_prompt(ask.lines)
        return Prompt(text, "line-edit.1", (Part("scope", about_tokens(text)),))

    def again(self, ask: Ask, step: Step, answer: str, fault: Fault) -> None:
        """Return nothing: this model reads no prose, so it could not read what was wrong."""

    def read(self, answer: str, ask: Ask) -> list[str] | Fault:
        """Read an answer."""
        return self.parse_edit(answer, ask.lines) or Fault(MALFORMED)

    def begun(self, answer: str, ask: Ask) -> list[str] | Fault:
        """Return the lines up to the one that the last complete instruction is about."""
        lines = line_edit.begun_edit(answer, ask.lines, line_edit.first_indent(ask.lines))
        return Fault(MALFORMED) if lines is None else lines

    def read_critique(self, answer: str) -> Hypothesis | Fault:  # noqa: ARG002 - never asked
        """Refuse: this model writes edits only."""
        return Fault("this model writes no critique")

    def max_tokens(self, ask: Ask, step: Step) -> int:  # noqa: ARG002 - an edit is short whatever is asked
        """Return room for about three changed lines."""
        return 96


def profile_for(info: ModelInfo, marks: FillMarks | None = None) -> Profile:
    """Return the profile a loaded model wants.

    Args:
        info: what is loaded.
        marks: how its vocabulary writes filling in the middle; without them a completion model is asked to rewrite scopes.
    """
    if info.profile == "line-edit":
        return LineEdit()
    if info.profile == "fim" and marks is not None:
        return FillMiddle(marks, info.context_tokens)
    return ScopeRewrite(ChatFormat(info.chat_template, info.bos_token, info.eos_token, info.adds_bos), info.context_tokens)
