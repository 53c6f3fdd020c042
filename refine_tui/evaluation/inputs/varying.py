"""From a signature and recorded calls to inputs: what was recorded, each parameter at its boundaries, and drawn ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from refine_tui.evaluation.inputs.drawing import draw
from refine_tui.evaluation.inputs.reading import Parameter, Signature
from refine_tui.evaluation.inputs.strategies import Source, joined, likely_annotations, source_for, source_like
from refine_tui.evaluation.inside._canonical import literal
from refine_tui.loop.ports.observing import CallInput

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_RECEIVERS = 8
_GUESSES = 48
Guess = Mapping[str, str]
"""Parameter → annotation, for those that nothing tells the type of."""


class Unknown(Exception):
    """Raised when nothing tells what may be given for a parameter."""

    def __init__(self, parameter: Parameter) -> None:
        super().__init__(parameter.name)
        self.parameter = parameter


@dataclass(frozen=True)
class Seen:
    """One recorded call, by value."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    receiver: str = ""

    @property
    def text(self) -> str:
        """The call's text."""
        return literal((self.args, dict(self.kwargs)))


def seen_call(signature: Signature, text: str, receiver: str) -> Seen:
    """Return a recorded call as a person would write it: what is optional by name, and not at all where it is the default."""
    args, kwargs = ast.literal_eval(text)
    plain = [parameter for parameter in signature.parameters if parameter.form in ("bare", "positional")]
    if len(args) > len(plain) or any(parameter.form == "bare" and not parameter.required for parameter in plain):
        return Seen(tuple(args), kwargs, receiver)
    by_name = {parameter.name: value for parameter, value in zip(plain, args, strict=False) if not parameter.required} | kwargs
    defaults = {parameter.name: parameter.default for parameter in signature.parameters}
    kept = {name: value for name, value in by_name.items() if defaults.get(name) != literal(value)}
    return Seen(tuple(args[: sum(parameter.required for parameter in plain)]), kept, receiver)


def guesses(signature: Signature, seen: Sequence[Seen]) -> tuple[Guess, ...]:
    """Return annotations to try together for the required parameters that have none, the likeliest first; empty when all are known."""
    every = (*signature.parameters, *((signature.receiver or ()) if not any(one.receiver for one in seen) else ()))
    unknown = [parameter for parameter in every if _is_unknown(parameter, signature.parameters, seen)]
    options = [likely_annotations(parameter.kinds) for parameter in unknown]
    if not unknown:
        return ()
    ranked = sorted(product(*(range(len(option)) for option in options)), key=lambda ranks: (sum(ranks), ranks))
    names = [parameter.name for parameter in unknown]
    return tuple(
        dict(zip(names, (option[rank] for option, rank in zip(options, ranks, strict=True)), strict=True)) for ranks in ranked[:_GUESSES]
    )


def _is_unknown(parameter: Parameter, of_function: Sequence[Parameter], seen: Sequence[Seen]) -> bool:
    was_seen = parameter in of_function and bool(_seen_values(parameter, of_function, seen))
    return parameter.required and not parameter.annotation and parameter.default is None and not was_seen


def varied(signature: Signature, seen: Sequence[Seen], guess: Guess, count: int, seed: int) -> tuple[CallInput, ...]:
    """Return up to `count` inputs: recorded ones first, then each parameter at its boundaries, then drawn ones.

    Raises:
        Unknown: a required parameter has a type that no literal has.
    """
    constants = [ast.literal_eval(text) for text in signature.literals]
    receivers = _receivers(signature, seen, guess, constants)
    found: dict[CallInput, None] = dict.fromkeys(islice((CallInput(one.text, one.receiver) for one in seen), max(1, count // 2)))
    if signature.is_property or not signature.parameters:
        found.update(dict.fromkeys(CallInput("((), {})", receiver) for receiver in receivers))
        return tuple(islice(found, count))
    sources = {one.name: _source(one, signature.parameters, seen, guess, constants) for one in signature.parameters}
    known = {name: source for name, source in sources.items() if source is not None}
    usual = seen[0].text if seen else next(_at_bounds(signature.parameters, known))
    found.update(dict.fromkeys(CallInput(usual, receiver) for receiver in receivers))
    for text in islice(_at_bounds(signature.parameters, known), count):
        found.setdefault(CallInput(text, receivers[len(found) % len(receivers)]))
    if len(found) < count:
        for args, kwargs, receiver in draw(_drawn(signature.parameters, known, receivers), 2 * count, seed):
            found.setdefault(CallInput(literal((args, kwargs)), receiver))
    return tuple(islice(found, count))


def _source(
    parameter: Parameter, every: Sequence[Parameter], seen: Sequence[Seen], guess: Guess, constants: Sequence[Any]
) -> Source | None:
    """Return the values for one parameter; `None` when it can be left out and nothing tells what it takes."""
    annotation = parameter.annotation or guess.get(parameter.name, "")
    if not annotation and parameter.default not in (None, "None"):
        annotation = type(ast.literal_eval(str(parameter.default))).__name__
    annotation = annotation or (parameter.kinds[0] if parameter.kinds else "")
    told = source_for(annotation, constants) if annotation else None
    values = _seen_values(parameter, every, seen)
    if values:
        return joined(source_like(values, constants), told)
    if told is None and parameter.required:
        raise Unknown(parameter)
    return told


def _seen_values(parameter: Parameter, every: Sequence[Parameter], seen: Sequence[Seen]) -> list[Any]:
    """Return the different values that were recorded for a parameter."""
    plain = [one.name for one in every if one.form in ("bare", "positional")]
    at = plain.index(parameter.name) if parameter.name in plain else None
    found = {}
    for call in seen:
        if parameter.form == "rest":
            values = list(call.args[len(plain) :])
        elif at is not None and at < len(call.args):
            values = [call.args[at]]
        else:
            values = [call.kwargs[parameter.name]] if parameter.name in call.kwargs else []
        found.update({literal(value): value for value in values})
    return list(found.values())


def _at_bounds(parameters: Sequence[Parameter], sources: Mapping[str, Source]) -> Iterator[str]:
    """Yield calls in which one parameter goes through its boundaries and the others stay ordinary; equal ones last."""
    usual = {one.name: sources[one.name].bounds[0] for one in parameters if one.required}
    yield _text(parameters, usual)
    for at in range(max(len(source.bounds) for source in sources.values()) if sources else 0):
        for name, source in sources.items():
            if at < len(source.bounds):
                yield _text(parameters, usual | {name: source.bounds[at]})
    for at in range(1, min((len(source.bounds) for source in sources.values()), default=0)):
        yield _text(parameters, {name: sources[name].bounds[at] for name in usual})


def _text(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> str:
    return literal(_called(parameters, values))


def _called(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    args = [values[one.name] for one in parameters if one.form in ("bare", "positional") and one.required]
    args += [values[one.name] for one in parameters if one.form == "rest" and one.name in values]
    by_name = (one for one in parameters if one.form == "keyword" or (one.form == "positional" and not one.required))
    return tuple(args), {one.name: values[one.name] for one in by_name if one.name in values}


def _drawn(parameters: Sequence[Parameter], sources: Mapping[str, Source], receivers: Sequence[str]) -> SearchStrategy[Any]:
    """Return a strategy for `(args, kwargs, receiver)`."""
    from hypothesis import strategies

    required = {one.name: sources[one.name].many() for one in parameters if one.required}
    optional = {one.name: sources[one.name].many() for one in parameters if not one.required and one.name in sources}
    values = strategies.fixed_dictionaries(required, optional=optional)
    return strategies.tuples(values, strategies.sampled_from(list(receivers))).map(lambda pair: (*_called(parameters, pair[0]), pair[1]))


def _receivers(signature: Signature, seen: Sequence[Seen], guess: Guess, constants: Sequence[Any]) -> list[str]:
    """Return how objects are made: as recorded, with fewer of the calls that were recorded, by the constructor alone, and called before."""
    if signature.receiver is None:
        return [""]
    recorded = dict.fromkeys(islice((one.receiver for one in seen if one.receiver), _RECEIVERS))
    for args, kwargs, calls in [ast.literal_eval(receiver) for receiver in recorded]:
        recorded.update(dict.fromkeys(literal((args, kwargs, calls[:end])) for end in range(len(calls) - 1, -1, -1)))
    try:
        found = {one.name: _source(one, signature.receiver, (), guess, constants) for one in signature.receiver}
        sources = {name: source for name, source in found.items() if source is not None}
        made = [f"{text[:-1]}, [])" for text in islice(dict.fromkeys(_at_bounds(signature.receiver, sources)), _RECEIVERS)]
    except Unknown:
        if not recorded:
            raise
        made = []
    return list(dict.fromkeys([*recorded, *made, *_called_before(signature, seen, [*recorded, *made], guess, constants)]))


def _called_before(
    signature: Signature, seen: Sequence[Seen], receivers: Sequence[str], guess: Guess, constants: Sequence[Any]
) -> Iterator[str]:
    """Yield objects on which the same method was called already: with what the inputs begin with."""
    if signature.is_property or signature.name.startswith("__"):
        return
    sources = {one.name: _source(one, signature.parameters, seen, guess, constants) for one in signature.parameters}
    known = {name: source for name, source in sources.items() if source is not None}
    called = [(one.args, dict(one.kwargs)) for one in seen[:2]] or [ast.literal_eval(next(_at_bounds(signature.parameters, known)))]
    for receiver in receivers[:2]:
        args, kwargs, calls = ast.literal_eval(receiver)
        for more, named in called:
            yield literal((args, kwargs, [*calls, (signature.name, more, named)]))
