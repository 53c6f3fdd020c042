"""Calls and their results as a pytest file that a person would have written."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from refine_tui.core.scope import Scope
from refine_tui.loop.authoring.specimens import Specimen

_SPECIAL = re.compile(r"([.^$*+?{}\[\]\\|()])")
_OBJECT = re.compile(r"\w+\(\*\*(\{.*\})\)", re.DOTALL)
_PRODUCED = re.compile(r"generator\((\[.*\])\)", re.DOTALL)
_MATCHED = 60
"""Characters of an error's message that are asked for."""
_LONG_FLOAT = 8


@dataclass(frozen=True)
class Manner:
    """How the project writes its tests, and what has to be known of the function."""

    module: str
    """Dotted name, as the project's tests import it."""
    imports_module: bool = False
    """`import shop` in place of `from shop import Cart`."""
    double_quotes: bool = True
    parameters: tuple[str, ...] = ()
    """Names of the positional parameters, the receiver left out."""
    is_property: bool = False
    errors: frozenset[str] = frozenset()
    """Classes of errors that the module knows by name."""


@dataclass(frozen=True)
class Spelled:
    """One test."""

    name: str
    lines: tuple[str, ...]
    errors: frozenset[str]
    """Names that have to be imported from the module beside the function."""


def spell(scope: Scope, specimens: Sequence[Specimen], manner: Manner) -> tuple[Spelled, ...]:
    """Return a test for each specimen, with names of their own."""
    taken: set[str] = set()
    tests = []
    for specimen in specimens:
        name = _free(_name(scope, specimen), taken)
        taken.add(name)
        body, errors = _Body(scope, manner).of(specimen)
        tests.append(Spelled(name, tuple(body), frozenset(errors)))
    return tuple(tests)


def file_of(scope: Scope, tests: Sequence[Spelled], manner: Manner) -> str:
    """Return the whole file."""
    body = "\n\n\n".join("\n".join([f"def {test.name}():", *(f"    {line}" for line in test.lines)]) for test in tests)
    names = sorted({scope.name.split(".")[0], *(name for test in tests for name in test.errors)})
    own = f"import {manner.module}" if manner.imports_module else f"from {manner.module} import {', '.join(names)}"
    pytest = "import pytest\n\n" if "pytest." in body else ""
    about = f'"""What {scope.name} does as it is now, found by calling it. A change that is meant changes what is expected here."""'
    return f"{about}\n\n{pytest}{own}\n\n\n{body}\n"


class _Body:
    """Writes one test's lines."""

    def __init__(self, scope: Scope, manner: Manner) -> None:
        self._manner, self._name = manner, scope.name
        self._owner = scope.name.rpartition(".")[0]

    def of(self, specimen: Specimen) -> tuple[list[str], set[str]]:
        """Return the lines of one test, and the errors it names."""
        args, kwargs = ast.literal_eval(specimen.call.text)
        lines, target = self._receiver(specimen)
        held = _changed_arguments(specimen, self._manner.parameters)
        lines += [f"{name} = {self._value(args[at])}" for at, (name, _) in held.items()]
        given = [held[at][0] if at in held else self._value(arg) for at, arg in enumerate(args)]
        given += [f"{name}={self._value(value)}" for name, value in kwargs.items()]
        call = target if self._manner.is_property else f"{target}({', '.join(given)})"
        if specimen.outcome.kind == "raised":
            raising, errors = self._raises(specimen.outcome.text)
            lines += [f"with {raising}:", f"    {call}"]
        else:
            errors = set()
            lines += self._returns(call, specimen.outcome.text)
        left = [f"assert {name} == {self._value(value)}" for name, value in held.values()] + list(self._attributes(specimen))
        if left and lines[-1] == f"assert {call} is None":
            lines[-1] = call
        return [*lines, *left], errors

    def _known(self, name: str) -> str:
        return f"{self._manner.module}.{name}" if self._manner.imports_module else name

    def _receiver(self, specimen: Specimen) -> tuple[list[str], str]:
        """Return the lines that make the object, and what is called."""
        if not specimen.call.receiver:
            return [], self._known(self._name)
        args, kwargs, calls = ast.literal_eval(specimen.call.receiver)
        variable = self._variable
        lines = [f"{variable} = {self._known(self._owner)}({self._given(args, kwargs)})"]
        lines += [f"{variable}.{name}({self._given(more, named)})" for name, more, named in calls]
        return lines, f"{variable}.{self._name.rpartition('.')[2]}"

    @property
    def _variable(self) -> str:
        name = snake(self._owner.rpartition(".")[2])
        return f"{name}_" if keyword.iskeyword(name) or hasattr(builtins, name) else name

    def _given(self, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
        return ", ".join([*map(self._value, args), *(f"{name}={self._value(value)}" for name, value in kwargs.items())])

    def _returns(self, call: str, text: str) -> list[str]:
        if text in ("None", "True", "False"):
            return [f"assert {call} is {text}"]
        if produced := _PRODUCED.fullmatch(text):
            return [f"assert list({call}) == {self._text(produced[1])}"]
        if held := _OBJECT.fullmatch(text):
            return [f"assert vars({call}) == {self._text(held[1])}"] if _reads(held[1]) else [f"assert repr({call}) == {self._value(text)}"]
        if not _reads(text):
            return [f"assert repr({call}) == {self._value(text)}"]
        if re.fullmatch(r"-?\d[\d.e+-]*", text) and "." in text and len(text) > _LONG_FLOAT:
            return [f"assert {call} == pytest.approx({text})"]
        return [f"assert {call} == {self._text(text)}"]

    def _raises(self, text: str) -> tuple[str, set[str]]:
        """Return the context in which the call is to fail, and the name of the error if the module has to lend it."""
        kind, _, message = text.partition(": ")
        first = message.split("\n")[0][:_MATCHED]
        match = f", match={self._pattern(first)}" if first.strip() else ""
        if hasattr(builtins, kind):
            return f"pytest.raises({kind}{match})", set()
        if kind in self._manner.errors:
            return f"pytest.raises({self._known(kind)}{match})", {kind}
        return f"pytest.raises(Exception{match or ', match=' + self._value('')})", set()

    def _pattern(self, message: str) -> str:
        escaped = _SPECIAL.sub(r"\\\1", message)
        if "\\" not in escaped or not message.isprintable():
            return self._value(escaped)
        quote = '"' if '"' not in escaped else "'" if "'" not in escaped else ""
        return f"r{quote}{escaped}{quote}" if quote and not escaped.endswith("\\") else self._value(escaped)

    def _attributes(self, specimen: Specimen) -> Iterator[str]:
        """Yield what the call left in its object, as far as that is public."""
        if not specimen.call.receiver or not specimen.outcome.after or specimen.outcome.kind == "raised":
            return
        try:
            changed = ast.literal_eval(specimen.outcome.after)[2]
        except (ValueError, SyntaxError, IndexError):
            return
        for name, value in changed.items():
            if not name.startswith("_"):
                yield f"assert {self._variable}.{name} == {self._value(value)}"

    def _text(self, text: str) -> str:
        try:
            return self._value(ast.literal_eval(text))
        except (ValueError, SyntaxError):
            return text

    def _value(self, value: Any) -> str:
        """Return the source of a value, in the project's quotes."""
        match value:
            case str():
                text = repr(value)
                return f'"{text[1:-1]}"' if self._manner.double_quotes and '"' not in value and text[0] == "'" else text
            case float() if value in (float("inf"), float("-inf")):
                return f"float({self._value(str(value))})"
            case list():
                return f"[{', '.join(map(self._value, value))}]"
            case tuple():
                return f"({', '.join(map(self._value, value))}{',' * (len(value) == 1)})"
            case set():
                return f"{{{', '.join(sorted(map(self._value, value)))}}}" if value else "set()"
            case dict():
                return f"{{{', '.join(f'{self._value(key)}: {self._value(item)}' for key, item in value.items())}}}"
        return repr(value)


def _changed_arguments(specimen: Specimen, parameters: Sequence[str]) -> dict[int, tuple[str, Any]]:
    """Return the positional arguments that the call changed: position → a name for it, what it became."""
    try:
        now = ast.literal_eval(specimen.outcome.after)[0] if specimen.outcome.after else ()
    except (ValueError, SyntaxError, IndexError):
        return {}
    before = ast.literal_eval(specimen.call.text)[0]
    names = [*parameters, *(f"argument_{at + 1}" for at in range(len(parameters), len(before)))]
    return {at: (names[at], new) for at, (old, new) in enumerate(zip(before, now, strict=False)) if repr(old) != repr(new)}


def _reads(text: str) -> bool:
    """Say whether text is an expression of literals, `set()` and `frozenset(…)` alone."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    allowed = (ast.Expression, ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.UnaryOp, ast.USub, ast.BinOp, ast.Add, ast.Load)
    fine = (
        isinstance(node, (*allowed, ast.Call)) or (isinstance(node, ast.Name) and node.id in ("set", "frozenset"))
        for node in ast.walk(tree)
    )
    return all(fine)


def _name(scope: Scope, specimen: Specimen) -> str:
    """Return a name that says what is called with what."""
    args, kwargs = ast.literal_eval(specimen.call.text)
    words = [*map(_word, args), *(f"{name}_{_word(value)}" for name, value in kwargs.items())]
    if specimen.call.receiver and not words:
        made = ast.literal_eval(specimen.call.receiver)
        words = [
            *map(_word, made[0]),
            *(f"{name}_{_word(value)}" for name, value in made[1].items()),
            *(f"after_{one[0]}" for one in made[2]),
        ]
    told = "_and_".join(dict.fromkeys(word for word in words[:3] if word))
    raised = f"_raises_{snake(specimen.outcome.text.partition(':')[0])}" if specimen.outcome.kind == "raised" else ""
    what = f"test_{snake(scope.name.rpartition('.')[2])}{raised}" + (f"_{'for' if raised else 'of'}_{told}" if told else "")
    return what[:100].rstrip("_")


def _word(value: Any) -> str:
    """Return a word or two for a value."""
    match value:
        case bool() | None:
            return str(value).lower()
        case int() | float():
            return "zero" if value == 0 else f"{'minus_' * (value < 0)}{snake(str(abs(value)))}"
        case str():
            return snake(value)[:24].strip("_") or ("empty_text" if not value else "blank" if value.isspace() else "signs")
        case list() | tuple() | set() | dict():
            return f"{type(value).__name__}_of_{len(value)}" if value else f"empty_{type(value).__name__}"
    return type(value).__name__


def snake(text: str) -> str:
    """Return text as part of a Python name, in small letters."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")


def _free(name: str, taken: set[str]) -> str:
    return next(one for one in (name, *(f"{name}_case_{number}" for number in range(2, 1000))) if one not in taken)
