"""The figures of a bench of repairs: shares, medians, kinds of bugs, what made the solutions, and the ways beside each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from refine_tui.bench.measuring import Row, at_least, at_most, row
from refine_tui.bench.repair import Mode, RepairResult, Way

AMPLE_S = 60.0
"""Seconds a task from which the higher target counts."""
FIRST = (10, 100)
"""Numbers of candidates that a solution is counted by."""
IN_WORDS: Mapping[Way, str] = {"both": "search and model", "search": "search only", "model": "model only", "one-shot": "one shot"}


def report(by_way: Mapping[Way, Sequence[RepairResult]], mode: Mode, seconds: float) -> Iterator[Row]:
    """Return the rows: those of the first way in full, then a share for each way, and the loop beside one shot."""
    first = next(iter(by_way), None)
    if first is None or not by_way[first]:
        return
    yield from _shares(by_way[first], mode, seconds)
    yield from _medians([result for result in by_way[first] if result.correct], len(by_way[first]), _word(mode))
    yield from _kinds(by_way[first])
    yield from _makers([result for result in by_way[first] if result.correct])
    if len(by_way) > 1:
        word = _word(mode)
        for way, results in by_way.items():
            yield _share(f"{word}, {IN_WORDS[way]}", sum(result.correct for result in results), len(results))
    if "one-shot" in by_way and first != "one-shot":
        yield _loop_beside(by_way[first], by_way["one-shot"])


def _word(mode: Mode) -> str:
    return "solved" if mode == "tests" else "correct"


def _shares(results: Sequence[RepairResult], mode: Mode, seconds: float) -> Iterator[Row]:
    good, plausible = sum(result.correct for result in results), sum(result.plausible for result in results)
    if mode == "tests":
        yield at_least(_share("solved", good, len(results)), 0.8 if seconds >= AMPLE_S else 0.6)
        return
    yield at_least(_share("correct", good, len(results)), 0.65)
    yield _share("plausible", plausible, len(results))
    yield at_least(_share("correct of the plausible", good, plausible), 0.85)
    idle = sum(result.outcome == "nothing_failing" for result in results)
    yield _share("nothing failed to begin with", idle, len(results))


def _medians(good: Sequence[RepairResult], count: int, word: str) -> Iterator[Row]:
    for first in FIRST:
        yield _share(f"{word} by the first {first} candidates", sum(result.candidates <= first for result in good), count)
    if good:
        yield row("median candidates of the solved", [result.candidates for result in good], "candidates")
        yield row("median executions of the solved", [result.executions for result in good], "executions")
        yield at_most(row("median seconds of the solved", [result.seconds for result in good], "s"), 5.0)


def _kinds(results: Sequence[RepairResult]) -> Iterator[Row]:
    kinds: dict[str, list[bool]] = defaultdict(list)
    for result in results:
        kinds[result.note].append(result.correct)
    for kind, marks in sorted(kinds.items()):
        yield _share(f"of {kind or 'no kind'}", sum(marks), len(marks))


def _makers(good: Sequence[RepairResult]) -> Iterator[Row]:
    """Return who made the solutions, then how many each operator had a part in."""
    for proposer, count in Counter(result.proposer for result in good).most_common():
        yield _share(f"made by {proposer or 'nothing known'}", count, len(good))
    for count, total in sorted(Counter(len(result.operators) for result in good).items()):
        yield _share(f"{count} edit{'s' if count != 1 else ''}", total, len(good))
    operators = Counter(name for result in good for name in set(result.operators))
    for name, count in sorted(operators.items(), key=lambda item: (-item[1], item[0])):
        yield _share(f"operator {name}", count, len(good))


def _loop_beside(loop: Sequence[RepairResult], shot: Sequence[RepairResult]) -> Row:
    """Return the loop's share beside that of one shot, over the tasks that both worked on."""
    shots = {result.id: result for result in shot}
    both = [(result, shots[result.id]) for result in loop if result.id in shots]
    one, other = sum(a.correct for a, _ in both), sum(b.correct for _, b in both)
    found = _share("loop beside one shot of as many candidates", one, len(both))
    ratio = round(one / other, 4) if other else None
    alone = sum(a.correct and not b.correct for a, b in both), sum(b.correct and not a.correct for a, b in both)
    note = f"{one} against {other} of {len(both)}; only the loop {alone[0]}, only one shot {alone[1]}"
    return replace(found, baseline=round(other / len(both), 4) if both else None, ratio=ratio, note=note)


def _share(name: str, part: int, whole: int) -> Row:
    return Row(name, round(part / whole, 4) if whole else 0.0, "share", runs=whole, note=f"{part} of {whole}", basis="count")
