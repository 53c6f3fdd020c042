from __future__ import annotations

from collections import Counter

from refine_tui.core.patch import Patch
from refine_tui.core.proposal import Proposal
from refine_tui.core.scope import Scope
from refine_tui.core.text import Span
from refine_tui.loop.events import Event, Notice
from refine_tui.loop.streams import Streams, Trial

SCOPE = Scope("a.py", "f", "function", Span(0, 1), 0, 0)


def trials(name: str, count: int) -> list[Trial | Event]:
    return [Trial(Proposal(Patch(), "search", "op", f"{name}{n}", SCOPE, 0)) for n in range(count)]


def drawn(streams: Streams, count: int) -> list[str]:
    found = [streams.draw() for _ in range(count)]
    return [item.proposal.note for item in found if isinstance(item, Trial)]


def names(notes: list[str]) -> Counter[str]:
    return Counter(note[0] for note in notes)


def test_each_stream_gets_its_share_in_order() -> None:
    streams = Streams()
    streams.add(trials("a", 100))
    streams.add(trials("b", 100), 0.5)
    notes = drawn(streams, 30)
    assert names(notes) == {"a": 20, "b": 10}
    assert [note for note in notes if note[0] == "b"] == [f"b{n}" for n in range(10)]


def test_one_that_comes_later_does_not_catch_up() -> None:
    streams = Streams()
    streams.add(trials("a", 100))
    drawn(streams, 40)
    streams.add(trials("b", 100))
    assert names(drawn(streams, 20)) == {"a": 10, "b": 10}


def test_an_empty_one_leaves_its_share_to_the_others_until_nothing_is_left() -> None:
    streams = Streams()
    streams.add(trials("a", 3))
    streams.add(trials("b", 10))
    assert names(drawn(streams, 13)) == {"a": 3, "b": 10}
    assert streams.draw() is None


def test_urgent_trials_come_first_and_events_cost_nothing() -> None:
    streams = Streams()
    streams.add([Notice("begins"), *trials("a", 5)])
    streams.add(trials("b", 5))
    streams.urge(item for item in trials("u", 2) if isinstance(item, Trial))
    assert drawn(streams, 2) == ["u0", "u1"]
    assert names(drawn(streams, 5)) == {"a": 2, "b": 2}
