"""Renders a model's own chat template: in jinja2's sandbox, as transformers does, and with an end to its work.

A template comes from a file nobody vouches for. The sandbox keeps it from the program's objects; counting its steps keeps it from
running for ever. What transformers offers to templates is offered here: its filters, globals and tags give the same text.
Source: Hugging Face transformers, "Chat templates", https://huggingface.co/docs/transformers/chat_templating_writing
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from refine_tui.core.errors import ModelError

LONGEST_TEMPLATE = 200_000
MOST_STEPS = 100_000
"""Turns of loops in one rendering; a long conversation takes some hundreds."""
CALL_STEPS = 10
"""What a call costs, which takes longer than a turn of a loop."""
LONGEST_TEXT = 16 << 20
"""Characters a template may make, or repeat a text to."""
LARGEST_POWER = 64

_steps_left: ContextVar[list[int]] = ContextVar("_steps_left")


def render(template: str, variables: Mapping[str, Any]) -> str:
    """Return what a template makes of variables.

    Raises:
        ModelError: it is broken, refuses, reaches for what the sandbox forbids, or does not come to an end.
    """
    if len(template) > LONGEST_TEMPLATE:
        raise ModelError(f"The model's chat template has {len(template):,} characters. It is not used; choose another model file.")
    token = _steps_left.set([MOST_STEPS])
    try:
        return _joined(_compiled(template).generate(**variables))
    except (
        jinja2.TemplateError,
        TypeError,
        ValueError,
        ArithmeticError,
        RecursionError,
        LookupError,
        AttributeError,
        MemoryError,
    ) as error:
        raise ModelError(f"The model's chat template cannot be used: {error}. Choose another model file.") from error
    finally:
        _steps_left.reset(token)


def _joined(pieces: Iterable[str]) -> str:
    parts, size = [], 0
    for piece in pieces:
        size += len(piece)
        if size > LONGEST_TEXT:
            raise SecurityError(f"it makes more than {LONGEST_TEXT:,} characters")
        parts.append(piece)
    return "".join(parts)


@lru_cache(maxsize=8)
def _compiled(template: str) -> jinja2.Template:
    environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"])
    environment.filters |= {"tojson": _to_json, "counted": _counted}
    environment.globals |= {"raise_exception": _refuse, "strftime_now": _now, "dict": dict, "namespace": _Names}
    tree = environment.parse(template)
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, "counted", [], [], None, None)
    return environment.from_string(tree)


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**"})

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        _spend(CALL_STEPS)
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        sizes = [len(one) if isinstance(one, str | list | tuple) else abs(one) for one in (left, right) if not isinstance(one, float)]
        repeats = operator == "*" and not (isinstance(left, int | float) and isinstance(right, int | float))
        if (repeats and sizes[0] * sizes[-1] > LONGEST_TEXT) or (operator == "**" and sizes and max(sizes) > LARGEST_POWER):
            raise SecurityError(f"{operator} makes too much")
        return super().call_binop(context, operator, left, right)


class _Generation(Extension):
    """`{% generation %}`: marks, for training, what the model wrote. To us it is what stands in it."""

    tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body).set_lineno(line)


class _Names(Namespace):
    """`namespace`, without names that reach into Python's own."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        self, *rest = args
        names = dict(*rest, **kwargs)
        for name in names:
            _refuse_private(name)
        Namespace.__init__(self, names)

    def __setitem__(self, name: str, value: Any) -> None:
        _refuse_private(name)
        super().__setitem__(name, value)


def _refuse_private(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"a namespace has no name {name}")


def _counted(items: Iterable[Any]) -> list[Any]:
    taken = list(items)
    _spend(len(taken))
    return taken


def _spend(steps: int) -> None:
    left = _steps_left.get()
    left[0] -= steps
    if left[0] < 0:
        raise SecurityError(f"it takes more than {MOST_STEPS:,} steps")


def _to_json(value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _now(form: str) -> str:
    return datetime.now().astimezone().replace(tzinfo=None).strftime(form)


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
