"""What is kept of prompts and candidates, on a made-up context that holds tokens instead of keys and values."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refine_tui.llama.counting import Counters
from refine_tui.llama.prefixes import Entry, Prefixes
from refine_tui.llama.remembered import MOST, Remembered
from refine_tui.llama.trie import Trie, common_length

PLAIN: tuple[str, ...] = ()


class FakeCells:
    """Cells that sequences share, as llama.cpp has them; each holds its place and its token."""

    def __init__(self, room: int = 10_000) -> None:
        self.room = room
        self.sequences: dict[int, dict[int, list[int]]] = {}

    def used(self) -> int:
        return len({id(cell) for cells in self.sequences.values() for cell in cells.values()})

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        cells = self.sequences.get(source, {})
        mine = self.sequences.setdefault(target, {})
        for place, cell in cells.items():
            if start <= place and (end < 0 or place < end):
                assert place not in mine, "a place is never held twice"
                mine[place] = cell

    def drop(self, sequence: int, start: int = 0) -> None:
        kept = self.sequences.get(sequence, {})
        self.sequences[sequence] = {place: cell for place, cell in kept.items() if place < start}

    def save(self, sequence: int, start: int) -> bytes:
        return bytes(b for place, (token,) in sorted(self.sequences[sequence].items()) if place >= start for b in (place, token))

    def restore(self, sequence: int, saved: Any) -> bool:
        assert not self.sequences.get(sequence)
        if self.used() + len(saved) // 2 > self.room:
            return False
        self.sequences[sequence] = {saved[at]: [saved[at + 1]] for at in range(0, len(saved), 2)}
        return True

    def extend(self, sequence: int, start: int, tokens: Sequence[int], prefixes: Prefixes) -> bool:
        while self.used() + len(tokens) > self.room:
            if not prefixes.make_room():
                return False
        held = self.sequences.setdefault(sequence, {})
        held.update({start + place: [token] for place, token in enumerate(tokens)})
        return True

    def tokens(self, sequence: int) -> list[int]:
        held = self.sequences.get(sequence, {})
        assert sorted(held) == list(range(len(held)))
        return [held[place][0] for place in sorted(held)]


class Session:
    """Asks for prompts as the engine does and counts what had to be computed."""

    def __init__(self, *, room: int = 10_000, budget: int = 1 << 30, compact: bool = False, ids: int = 12) -> None:
        self.cells = FakeCells(room)
        self.counters = Counters()
        self.prefixes = Prefixes(self.cells, range(ids), budget_bytes=budget, compact=compact, counters=self.counters)
        self.computed = 0

    def prompt(self, tokens: list[int], grown: Sequence[list[int]] = (), adapters: tuple[str, ...] = PLAIN) -> Entry | None:
        trunk = self.prefixes.begin(tokens, adapters)
        assert trunk.tokens == tokens[: len(trunk.tokens)]
        assert self.cells.tokens(trunk.sequence) == trunk.tokens
        new = tokens[len(trunk.tokens) :]
        if not self.cells.extend(trunk.sequence, len(trunk.tokens), new, self.prefixes):
            self.prefixes.release()
            return None
        self.prefixes.grow(trunk, new)
        self.prefixes.index(trunk)
        self.computed += len(new)
        for branch, more in enumerate(grown, start=100):
            self.cells.drop(branch)
            self.cells.copy(trunk.sequence, branch, 0, -1)
            if self.cells.extend(branch, len(tokens), more, self.prefixes):
                self.prefixes.keep(branch, [*tokens, *more], adapters)
        for branch in range(100, 100 + len(grown)):
            self.cells.drop(branch)
        self.prefixes.release()
        return trunk


def test_a_prompt_that_goes_on_costs_what_is_new() -> None:
    session = Session()
    session.prompt([1, 2, 3])
    session.prompt([1, 2, 3, 4, 5])
    session.prompt([1, 2, 9])
    assert session.computed == 3 + 2 + 1


def test_a_candidate_can_be_gone_on_from_and_the_others_too() -> None:
    session = Session()
    session.prompt([1, 2], grown=[[5, 6], [5, 7], [8]])
    session.prompt([1, 2, 5, 6, 3])
    session.prompt([1, 2, 5, 7, 3])
    session.prompt([1, 2, 8, 3])
    assert session.computed == 2 + 3


@pytest.mark.parametrize("compact", [False, True])
def test_what_was_saved_comes_back_instead_of_being_computed_again(compact: bool) -> None:
    session = Session(compact=compact, room=60 if not compact else 1000)
    long = list(range(40))
    session.prompt(long, grown=[[50, 51], [52, 53]])
    session.prompt([90] * 45)
    assert session.counters.saved
    session.prompt([*long, 52, 53, 60])
    assert session.computed == 40 + 45 + 1
    assert session.counters.restored == 42


def test_a_compact_context_holds_only_what_the_prompt_shares() -> None:
    session = Session(compact=True)
    session.prompt([1] * 30, grown=[[2] * 5, [3] * 5])
    session.prompt([1] * 30 + [2] * 5 + [4])
    assert session.cells.used() == 36
    assert session.prefixes.cells_used() == 36
    session.prompt([7])
    assert session.cells.used() == session.prefixes.cells_used() == 1


def test_candidates_of_one_prompt_are_saved_with_that_prompt_once() -> None:
    session = Session(compact=True)
    session.prompt([1] * 100, grown=[[2], [3], [4], [5]])
    session.prompt([9])
    assert session.counters.saved == 100 + 4
    assert session.prefixes.saved_bytes() == 2 * 104


def test_a_budget_forgets_the_least_recently_used() -> None:
    session = Session(compact=True, budget=2 * 25)
    for first in (1, 2, 3, 4):
        session.prompt([first] * 10)
    assert session.prefixes.saved_bytes() <= 50
    before = session.computed
    session.prompt([3] * 10)
    assert session.computed == before
    session.prompt([1] * 10)
    assert session.computed == before + 10


def test_adapters_are_never_mixed() -> None:
    session = Session()
    session.prompt([1, 2, 3])
    session.prompt([1, 2, 3], adapters=("a",))
    session.prompt([1, 2, 3], adapters=("a", "b"))
    assert session.computed == 9
    session.prompt([1, 2, 3, 4], adapters=("a",))
    assert session.computed == 10


def test_a_cut_prompt_is_known_as_far_as_it_goes() -> None:
    session = Session()
    trunk = session.prompt([1, 2, 3, 4])
    assert trunk is not None
    session.prefixes.cut(trunk, 2)
    session.prompt([1, 2, 3, 4])
    assert session.computed == 4 + 2


@settings(max_examples=150)
@given(
    st.integers(0, 2**32), st.booleans(), st.sampled_from([30, 60, 10_000]), st.sampled_from([0, 60, 1 << 30]), st.sampled_from([3, 5, 12])
)
def test_whatever_is_asked_the_cells_hold_the_prompt(seed: int, compact: bool, room: int, budget: int, ids: int) -> None:
    rng = random.Random(seed)
    session = Session(room=room, budget=budget, compact=compact, ids=ids)
    known: list[list[int]] = [[]]
    needed = 0
    for _ in range(30):
        start = rng.choice(known)
        tokens = [*start[: rng.randint(0, len(start))], *rng.choices(range(3), k=rng.randint(1, 6))][:24]
        grown = [rng.choices(range(3), k=rng.randint(1, 3)) for _ in range(rng.randint(0, 3))]
        needed += len(tokens) - max(common_length(tokens, one) for one in known)
        if session.prompt(tokens, grown) is not None:
            known += [tokens, *([*tokens, *more] for more in grown)]
    assert session.cells.used() <= room
    assert session.prefixes.cells_used() == session.cells.used()
    assert session.prefixes.saved_bytes() <= budget
    if room == 10_000 and budget == 1 << 30:
        assert session.computed == needed, "everything that was ever computed is found again"


@given(st.lists(st.lists(st.integers(0, 2), max_size=6), max_size=12), st.data())
def test_a_trie_finds_what_each_holder_shares(sequences: list[list[int]], data: st.DataObject) -> None:
    trie: Trie[int] = Trie()
    held = dict(enumerate(sequences))
    for holder, tokens in held.items():
        trie.add(tokens, holder)
    for holder in data.draw(st.sets(st.sampled_from(sorted(held)))) if held else ():
        trie.remove(held.pop(holder), holder)
    asked = data.draw(st.lists(st.integers(0, 2), max_size=7))
    found: dict[int, int] = {}
    for shared, holders in trie.along(asked):
        found.update(dict.fromkeys(holders, shared))
    assert found == {holder: length for holder, tokens in held.items() if (length := common_length(tokens, asked))}


@given(st.lists(st.integers(0, 3), max_size=8), st.lists(st.integers(0, 3), max_size=8))
def test_the_common_length_is_that_of_the_longest_common_beginning(left: list[int], right: list[int]) -> None:
    length = common_length(left, right)
    assert left[:length] == right[:length]
    assert length == min(len(left), len(right)) or left[length] != right[length]


def test_a_prompt_that_goes_on_from_an_answer_is_the_tokens_of_the_answer() -> None:
    remembered = Remembered()
    remembered.add("ask ", "answer", [7, 8])
    assert remembered.pieces("ask answer, and why") == ["ask ", [7, 8], ", and why"]
    remembered.add("ask answer, and why", " so", [9])
    assert remembered.pieces("ask answer, and why so") == ["ask ", [7, 8], ", and why", [9]]
    assert remembered.pieces("ask other") == ["ask other"]
    assert remembered.pieces("") == [""]


def test_only_the_latest_answers_are_remembered() -> None:
    remembered = Remembered()
    for number in range(MOST + 1):
        remembered.add(f"{number}:", "x", [number])
    assert remembered.pieces("0:x") == ["0:x"]
    assert remembered.pieces("1:x") == ["1:", [1]]
