"""Chat turns to prompt text as the model's own file wants it: its template, where its turns end, how it thinks, and its first token."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from refine_tui.core.errors import ModelError

PLAIN = (
    "{% for m in messages %}{{ m.role | capitalize }}:\n{{ m.content }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:\n{% endif %}"
)
"""Used for a model whose file carries no template."""
AS_JSON = "{{ messages | tojson }}"
"""What a model server is given for a template, since it has the model's own: the conversation itself."""
SHORT = {"enable_thinking": False, "thinking": False, "reasoning_effort": "low"}
"""What the families call it that a model does not think at length: answers here are tried out, which tells more."""
THINKING = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)
"""What models write before and after they think."""
UNFINISHED = "<think>"
THINKING_TOKENS = 1024
"""Room for the thinking of a model that cannot leave it."""
MARK = re.compile(r"\s*(<[^<>\s]{1,60}>|\[/?[A-Z_]{2,40}\])")
"""A control token as it is written, after an answer."""
CONTROL = re.compile(r"<[|\uff5c][^<>|\uff5c\s]{1,60}[|\uff5c]>")
"""A control token that is nothing else."""
PROBE = "qzxqzx"


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """What one side of a conversation says."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class ChatFormat:
    """How one model's conversations are written."""

    template: str = ""
    """Jinja, from the model's file; empty: none."""
    bos: str = ""
    """The token that begins every text, as it is written; empty when there is none or it is not known."""
    eos: str = ""
    """The token that ends one."""
    adds_bos: bool = False
    """Whether the tokenizer puts the first token there itself."""

    def prompt(self, turns: Sequence[ChatTurn]) -> str:
        """Return the prompt that makes the model answer the last turn.

        A template that knows no system role gets its text in front of the first user turn. The first token stands there once,
        whoever puts it there.

        Raises:
            ModelError: the template is broken or reaches for what the sandbox forbids.
        """
        self._refuse_marks(turns)
        text = self._written(turns)
        return text.removeprefix(self.bos) if self.adds_bos and self.bos else text

    def _refuse_marks(self, turns: Sequence[ChatTurn]) -> None:
        """Raise `ModelError` for text that the model would take for a part of the conversation's frame."""
        found = next((mark for mark in dict.fromkeys(CONTROL.findall(self.template)) for turn in turns if mark in turn.content), "")
        if found:
            raise ModelError(f"The text holds {found}, which to this model is a mark of the conversation: it cannot be shown to it.")

    @cached_property
    def stops(self) -> tuple[str, ...]:
        """What the model writes at the end of its turn, seen from what its template writes after an answer."""
        try:
            text = self._rendered((ChatTurn("user", "Hello"), ChatTurn("assistant", PROBE)), as_parts=False, answers=False)
        except ModelError:
            return ()
        match = MARK.match(text.rpartition(PROBE)[2]) if PROBE in text else None
        return (match[1],) if match else (self.eos,) if self.eos else ()

    @cached_property
    def thinking_tokens(self) -> int:
        """How many tokens beside its answer the model needs, since it thinks first whatever it is told; 0 for all others."""
        begins = self._opened is not None
        can_leave_it = any(name in self.template for name in ("enable_thinking", "reasoning_effort")) or re.search(
            r"\bthinking\b", self.template
        )
        knows = any(close in self.template for _, close in THINKING)
        return THINKING_TOKENS if begins or (knows and not can_leave_it) else 0

    def answer(self, text: str) -> str:
        """Return an answer without the thinking before it; one that ends while still thinking begins with `<think>`."""
        said = f"{self._opened or ''}{text}".lstrip()
        for opening, closing in THINKING:
            if said.startswith(opening):
                _, closed, rest = said.partition(closing)
                return rest if closed else UNFINISHED + said.removeprefix(opening)
            if closing in said and opening not in said:
                return said.rpartition(closing)[2]
        return text

    @cached_property
    def _opened(self) -> str | None:
        """What the prompt itself opens the model's thinking with, if it does."""
        try:
            text = self._written((ChatTurn("user", PROBE),)).rstrip()
        except ModelError:
            return None
        return next((opening for opening, _ in THINKING if text.endswith(opening)), None)

    def _written(self, turns: Sequence[ChatTurn]) -> str:
        """Return the first rendering that says everything; templates want turns in different shapes."""
        tries: list[Callable[[], str]] = [
            lambda: self._rendered(turns, as_parts=False),
            lambda: self._rendered(_without_system(turns), as_parts=False),
            lambda: self._rendered(turns, as_parts=True),
            lambda: self._rendered(_without_system(turns), as_parts=True),
        ]
        first, refusal = "", None
        for attempt in tries:
            try:
                text = attempt()
            except ModelError as error:
                refusal = refusal or error
                continue
            if all(turn.content.strip() in text for turn in turns):
                return text
            first = first or text
        if first:
            return first
        raise refusal or ModelError("The model's chat template writes nothing. Choose another model file.")

    def _rendered(self, turns: Sequence[ChatTurn], *, as_parts: bool, answers: bool = True) -> str:
        said: Callable[[str], Any] = lambda text: [{"type": "text", "text": text}] if as_parts else text  # noqa: E731
        messages = [{"role": turn.role, "content": said(turn.content)} for turn in turns]
        if self.template == AS_JSON:
            return json.dumps(messages, ensure_ascii=False)
        # Here and not above: jinja2 takes a while to import, and not every model needs it.
        from refine_tui.prompting.templates import render

        tokens = {"bos_token": self.bos, "eos_token": self.eos}
        given = {"messages": messages, "tools": None, "documents": None, "add_generation_prompt": answers}
        return render(self.template or PLAIN, given | tokens | SHORT)


def _without_system(turns: Sequence[ChatTurn]) -> Sequence[ChatTurn]:
    """Return the turns with the system's text in front of the first user turn."""
    rules = [turn.content for turn in turns if turn.role == "system"]
    others = [turn for turn in turns if turn.role != "system"]
    if not rules or not others or others[0].role != "user":
        return turns
    return [ChatTurn("user", "\n\n".join([*rules, others[0].content])), *others[1:]]
