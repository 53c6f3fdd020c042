"""Examples: a function with injected bugs, and the edit that takes them out again."""

from __future__ import annotations

import random
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from refine_tui.learn.corpus import Function, without_docstring

RenderPrompt = Callable[[Sequence[str]], str]
RenderEdit = Callable[[Sequence[str], Sequence[str]], str]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A function's whole text after one edit."""

    family: str
    """Name of the kind of operator that made it."""
    text: str
    weight: float = 1.0
    """How likely it is drawn among mutants of its family; only ratios matter."""


Mutate = Callable[[str], Iterable[Mutant]]
"""Every single edit of a function's text."""


@dataclass(frozen=True, slots=True)
class Example:
    """What the model reads and what it should answer."""

    prompt: str
    answer: str
    families: tuple[str, ...]
    """One for each bug, in the order they were put in."""
    package: str


@dataclass(frozen=True, slots=True)
class Mix:
    """How examples are drawn."""

    per_function: int = 5
    """Examples drawn from one function each time it comes up."""
    edits: tuple[float, ...] = (0.84, 0.12, 0.04)
    """Share of examples with one, two, three bugs."""
    bare: float = 0.5
    """Share of functions whose docstring is taken off."""


TRIES = 4
"""Draws for each bug wanted: some do not parse, or meet a bug that is there already."""

Pool = dict[str, list[Mutant]]
"""The mutants of one text by family."""


class Injector:
    """Draws bugs so that over time no family of operators is drawn much more often than another."""

    def __init__(self, mutate: Mutate, rng: random.Random) -> None:
        self._mutate = mutate
        self._rng = rng
        self.drawn: Counter[str] = Counter()

    def mutants(self, text: str) -> list[Mutant]:
        """Return the mutants whose text differs from the original."""
        return [mutant for mutant in self._mutate(text) if mutant.text != text]

    def pool(self, text: str) -> Pool:
        """Return the same by family, families in the order of their names."""
        families: Pool = {}
        for mutant in sorted(self.mutants(text), key=lambda each: each.family):
            families.setdefault(mutant.family, []).append(mutant)
        return families

    def pick(self, pool: Pool) -> Mutant:
        """Draw a family, rarer ones so far more likely, then one of its mutants."""
        names = list(pool)
        weights = [min(len(pool[name]), 4) / (1 + self.drawn[name]) for name in names]
        name = self._rng.choices(names, weights)[0]
        self.drawn[name] += 1
        return self._rng.choices(pool[name], [mutant.weight for mutant in pool[name]])[0]


def examples_of(
    function: Function, injector: Injector, mix: Mix, rng: random.Random, render_prompt: RenderPrompt, render_edit: RenderEdit
) -> Iterator[Example]:
    """Yield up to `mix.per_function` examples of one function, each with its own bugs."""
    text = without_docstring(function.text) if rng.random() < mix.bare else function.text
    good = text.rstrip("\n").split("\n")
    pool = injector.pool(text)
    seen: set[str] = {text}
    for _ in range(mix.per_function):
        wanted = rng.choices(range(1, len(mix.edits) + 1), mix.edits)[0]
        bad, families = inject(text, pool, wanted, injector)
        if bad in seen:
            continue
        seen.add(bad)
        lines = bad.rstrip("\n").split("\n")
        if any("\r" in line for line in lines):
            continue
        yield Example(render_prompt(lines), render_edit(lines, good), families, function.package)


def inject(text: str, pool: Pool, wanted: int, injector: Injector) -> tuple[str, tuple[str, ...]]:
    """Return the text with up to `wanted` bugs in places that do not meet, and their families.

    Args:
        text: the good function.
        pool: its single mutants, made once because making them is what costs time.
        wanted: how many bugs.
        injector: draws mutants.
    """
    families: list[str] = []
    changes: list[Change] = []
    bad = text
    for _ in range(TRIES * wanted if pool else 0):
        if len(changes) == wanted:
            break
        mutant = injector.pick(pool)
        change = change_between(text, mutant.text)
        if any(change.start <= other.end and other.start <= change.end for other in changes):
            continue
        tried = applied(text, [*changes, change])
        if parses(tried):
            bad = tried
            changes.append(change)
            families.append(mutant.family)
    return bad, tuple(families)


@dataclass(frozen=True, slots=True)
class Change:
    """The one stretch in which two texts differ: characters `start` to `end` become `new`."""

    start: int
    end: int
    new: str


def change_between(old: str, new: str) -> Change:
    """Return the shortest single change that makes `new` of `old`."""
    start = _alike(old, new)
    tail = _alike(old[start:][::-1], new[start:][::-1])
    return Change(start, len(old) - tail, new[start : len(new) - tail])


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts share at their beginning."""
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def applied(text: str, changes: Sequence[Change]) -> str:
    """Return the text after changes that do not meet."""
    for change in sorted(changes, key=lambda each: -each.start):
        text = text[: change.start] + change.new + text[change.end :]
    return text


def parses(text: str) -> bool:
    """Say whether Python accepts the text; a bug that it refuses is found without tests and teaches little."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<mutant>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def draw(
    functions: Sequence[Function], seed: int, mutate: Mutate, mix: Mix, render_prompt: RenderPrompt, render_edit: RenderEdit
) -> list[Example]:
    """Return examples of these functions; the same seed gives the same examples."""
    rng = random.Random(seed)
    injector = Injector(mutate, rng)
    return [example for function in functions for example in examples_of(function, injector, mix, rng, render_prompt, render_edit)]
