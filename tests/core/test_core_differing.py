from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refine_tui.core.differing import changed_runs
from refine_tui.core.patch import line_edits, splice

LINES = st.lists(st.sampled_from([b"a", b"b", b"", b"c", b"d", b"e"]), max_size=14)


def rebuilt(old: list[bytes], new: list[bytes]) -> list[bytes]:
    """Carry the runs out, and check that they are in order with something equal between."""
    result, at, runs = list[bytes](), 0, list(changed_runs(old, new))
    for i, i_end, j, j_end in runs:
        result += [*old[at:i], *new[j:j_end]]
        at = i_end
    assert all(one[1] < two[0] and one[3] < two[2] for one, two in itertools.pairwise(runs))
    assert all(old[i:i_end] != new[j:j_end] for i, i_end, j, j_end in runs)
    return result + old[at:]


@pytest.mark.parametrize("small", [0, 4, 30, 1 << 16])
@given(LINES, LINES)
def test_the_runs_lead_from_one_text_to_the_other(small: int, old: list[bytes], new: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("refine_tui.core.differing._SMALL", small)
        assert rebuilt(old, new) == new


def test_thousands_of_changed_lines_with_blank_ones_between_are_compared_at_once() -> None:
    old = b"".join(b"    x%d = 1\n\n" % number for number in range(20_000))
    new = old.replace(b"    ", b"  ")
    assert splice(old, line_edits(old, new)) == new


def test_far_apart_changes_of_a_large_text_stay_apart() -> None:
    old = [b"line %d" % number if number % 3 else b"" for number in range(20_000)]
    new = list(old)
    for number in (100, 7_000, 19_000):
        new[number] = b"changed"
    new.insert(12_000, b"added")
    runs = [(i, i_end, j_end - j) for i, i_end, j, j_end in changed_runs(old, new)]
    assert runs == [(100, 101, 1), (7_000, 7_001, 1), (12_000, 12_000, 1), (19_000, 19_001, 1)]
