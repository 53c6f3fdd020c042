"""Chat turns to prompt text by the model's own template, in jinja2's sandbox: a template comes from a file nobody vouches for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn

from refine_tui.core.errors import ModelError

PLAIN = (
    "{% for m in messages %}{{ m.role | capitalize }}:\n{{ m.content }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:\n{% endif %}"
)
"""Used for a model whose file carries no template."""
LONGEST_TEMPLATE = 200_000


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """What one side of a conversation says."""

    role: Literal["system", "user", "assistant"]
    content: str


def render_chat(template: str, turns: Sequence[ChatTurn]) -> str:
    """Return the prompt that makes the model answer the last turn.

    A template that knows no system role gets its text in front of the first user turn.

    Raises:
        ModelError: the template is broken or reaches for what the sandbox forbids.
    """
    if len(template) > LONGEST_TEMPLATE:
        raise ModelError(f"The model's chat template has {len(template):,} characters. It is not used; choose another model file.")
    try:
        return _render(template or PLAIN, turns)
    except ModelError:
        merged = ChatTurn("user", "\n\n".join(turn.content for turn in turns if turn.role != "assistant"))
        return _render(template or PLAIN, (merged,))


def _render(template: str, turns: Sequence[ChatTurn]) -> str:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    environment.globals["raise_exception"] = _refuse
    messages = [{"role": turn.role, "content": turn.content} for turn in turns]
    try:
        text: str = environment.from_string(template).render(messages=messages, add_generation_prompt=True, bos_token="", eos_token="")
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, RecursionError, LookupError, AttributeError) as error:
        raise ModelError(f"The model's chat template cannot be used: {error}. Choose another model file.") from error
    return text


def _refuse(message: str) -> NoReturn:
    raise ModelError(f"The model's chat template refuses: {message}")
