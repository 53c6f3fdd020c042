from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence

import pytest

from refine_tui.core.patch import Edit, Patch, patch_between
from refine_tui.core.proposal import OperatorEdit
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile
from refine_tui.loop.planning import Suspects
from refine_tui.loop.search import Base, knows_by_heart, pair_up, propose_edits
from refine_tui.syntax import TreeSitter

CODE = b"def area(width, height):\n    total = width + width\n    return total\n"
TREE = {"area.py": CODE}


class CountingSyntax(TreeSitter):
    """Counts how often edits of a text are asked for."""

    asked = 0

    def edits(
        self, source: SourceFile, scope: Scope, lines: Collection[int] | None = None, values: Sequence[str] = ()
    ) -> Iterator[OperatorEdit]:
        self.asked += 1
        return super().edits(source, scope, lines, values)


def suspects(*lines: int) -> Suspects:
    scope = next(scope for scope in TreeSitter().scopes(SourceFile("area.py", CODE)) if scope.kind == "function")
    return Suspects((scope,), {("area.py", line): 1.0 for line in lines})


def changed(old: bytes, new: bytes) -> Patch:
    return patch_between({"area.py": old}, {"area.py": new})


def test_pairs_come_likeliest_first_and_an_edited_state_is_read_only_when_its_turn_comes() -> None:
    syntax = CountingSyntax()
    firsts = propose_edits(Base(TREE, Patch()), suspects(1, 2), syntax)
    syntax.asked = 0
    pairs = list(itertools.islice(pair_up(firsts, TREE, suspects(1, 2), syntax), 50))
    scores = [pair.score for pair in pairs]
    # What a first edit leaves fewer of is likelier each, so the order is not quite that of the sums.
    assert scores[0] == max(scores)
    assert sum(later > earlier for earlier, later in itertools.pairwise(scores)) <= 2
    assert syntax.asked < len(firsts) / 2
    assert any(pair.patch.apply(TREE)["area.py"].count(b"width * height") for pair in pairs)
    assert pairs[0].operators == tuple(edit.partition(":")[0] for edit in pairs[0].edits)
    assert len(pairs[0].edits) == 2


def test_lines_keep_their_suspicion_when_a_candidate_moves_them() -> None:
    longer = CODE.replace(b"    total =", b"    # one\n    # two\n    total =")
    base = Base(TREE, changed(CODE, longer))
    lines = {proposal.line for proposal in propose_edits(base, suspects(2), TreeSitter())}
    assert 4 in lines
    assert 2 not in lines, "that is a comment now"


def test_what_a_candidate_wrote_over_a_suspicious_line_is_as_suspicious() -> None:
    base = Base(TREE, changed(CODE, CODE.replace(b"width + width", b"width * width")))
    found = propose_edits(base, suspects(1), TreeSitter())
    assert any(b"width * height" in proposal.patch.apply(TREE)["area.py"] for proposal in found)


@pytest.mark.parametrize(
    ("old", "new", "known"),
    [
        ("sum(items)", "24", True),
        ("return sum(items)", "return 24", True),
        ("sum(items)", "'done'", True),
        ("sum(items)", '"done"', True),
        ("sum(items)", "0", False),
        ("sum(items)", "25", False),
        ("23", "24", False),
        ("'dome'", "'done'", False),
    ],
)
def test_an_edit_that_says_what_the_test_wants_instead_of_computing_it_is_known(old: str, new: str, known: bool) -> None:
    edit = OperatorEdit("return.value", (Edit(0, old.encode(), new.encode()),), 0, 0.1, "")
    assert knows_by_heart(edit, ("24", "'done'", "0")) is known


def test_such_an_edit_is_tried_after_the_others() -> None:
    told = suspects(1, 2)
    found = propose_edits(Base(TREE, Patch()), Suspects(told.scopes, told.lines, ("42", "7")), TreeSitter())
    (place,) = [n for n, p in enumerate(found) if p.note == "total to 42"]
    assert place > 0.9 * len(found)
