"""What the rounds of a refinement compute: only what is new, whatever order they come in. Counted in a real worker."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

from refine_tui.llama.client import LlamaGenerator
from refine_tui.loop.ports.thinking import Completion, Request, Sampling

SYSTEM = "Q" * 120
"""Letters that no merge of the test vocabulary joins: one token each."""
WILD = Sampling(temperature=1.2, top_k=0, top_p=1.0, min_p=0.0, seed=7)


def never() -> bool:
    return False


class Rounds:
    """Asks as a refinement does, and adds up what each request needs that no request before it had."""

    def __init__(self, generator: LlamaGenerator) -> None:
        self.generator = generator
        self.needed = self.answers = 0

    def ask(self, prompt: str, new: int, count: int = 1, length: int = 12) -> list[str]:
        """Ask for answers; `new` is how many tokens of the prompt no earlier request computed. Returns them with the prompt before."""
        self.needed += new
        self.answers += count
        request = Request(prompt, count=count, max_tokens=length, sampling=WILD, grammar="root ::= [ -~]+")
        done = [event for event in self.generator.complete(request, never) if isinstance(event, Completion)]
        assert {one.reason for one in done} == {"length"}
        assert self.generator.stats().counters.computed == self.needed
        return [prompt + one.text for one in sorted(done, key=lambda one: one.index)]


def refine(rounds: Rounds, node: str) -> None:
    """Three rounds over one node: drafts, a critique of each of two, and a next draft behind the better one."""
    prompt = SYSTEM + node
    drafts = rounds.ask(prompt, len(prompt) if not rounds.needed else len(node), count=5)
    for _ in range(3):
        # The last token of an answer was chosen and never computed.
        first, _ = [rounds.ask(draft + "ZZZ", 1 + 3) for draft in drafts[:2]]
        drafts = rounds.ask(first[0] + "XX", 1 + 2, count=5)


def test_a_refinement_computes_exactly_what_is_new_in_each_round(long_tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    rounds = Rounds(start(long_tiny))
    refine(rounds, "A" * 60)
    stats = rounds.generator.stats()
    assert stats.counters.computed / rounds.needed == 1.00
    counted = stats.counters
    in_vain = counted.drafted - counted.accepted
    assert counted.rows == counted.computed + counted.generated - rounds.answers + in_vain, "no answer's last token is computed"
    assert stats.counters.prompt == stats.counters.computed + stats.counters.reused


def test_nodes_in_turn_compute_no_more_than_one_after_the_other(long_tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    rounds = Rounds(start(long_tiny))
    for node in ("A", "B", "C"):
        refine(rounds, node * 60)
    stats = rounds.generator.stats()
    assert stats.counters.computed / rounds.needed == 1.00
    assert stats.counters.restored, "what an earlier node had was brought back from memory"
    assert stats.holding.saved_bytes
    again = SYSTEM + "A" * 60
    rounds.ask(again, 0)
    rounds.ask(again + "Y", 1)
    rounds.ask(SYSTEM + "D", 1)


def test_a_budget_of_nothing_keeps_nothing_outside_the_context(long_tiny: Path, start: Callable[..., LlamaGenerator]) -> None:
    generator = start(long_tiny, saved_bytes=0)
    for first in "ABA":
        list(generator.complete(Request(first + "Q" * 50, max_tokens=3), never))
    stats = generator.stats()
    assert (stats.counters.computed, stats.counters.restored, stats.holding.saved_bytes) == (153, 0, 0)
    assert stats.holding.cells == 51 + 2


def test_a_part_of_a_prompt_gets_no_space_of_its_own(tiny_gguf: Any, tmp_path: Path) -> None:
    """A vocabulary of sentence pieces puts a space before every text, so a part behind others must not be taken for one."""
    from refine_tui.llama.binding import Log
    from refine_tui.llama.loading import Wish, load

    path = tmp_path / "pieces.gguf"
    path.write_bytes(tiny_gguf.tiny_model(fields=tiny_gguf.sentence_pieces()))
    with (tmp_path / "log").open("w") as file:
        log = Log(file)
        engine, _ = load(Wish(str(path), threads=1), log, lambda: None, ctypes.addressof(ctypes.create_string_buffer(2)))
        whole = engine.prompt_tokens(["A", "B", "CAB\nD"])
        assert b"".join(map(engine.piece, whole)) == b"<s> ABCAB\nD"
        log.detach()
