"""What a function's source tells, and the values that are made from it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refine_tui.evaluation.inputs.drawing import draw
from refine_tui.evaluation.inputs.reading import Signature, read_signature
from refine_tui.evaluation.inputs.strategies import source_for
from refine_tui.evaluation.inputs.varying import Unknown, guesses, seen_call, varied
from refine_tui.evaluation.inside._canonical import NoText, canonical, literal

SOURCE = '''
from dataclasses import dataclass, field


def slug(text, separator="-", *, limit=20):
    """Make a slug."""
    return separator.join(text.lower().split())[:limit]


def steps(low: int, high: "int", by: int = 1, *more: int) -> list[int]:
    return [number for number in range(low, high, by) if number != 7]


@dataclass
class Line:
    name: str
    price: float = 1.0
    tags: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        return self.name.upper()

    def times(self, count):
        return self.price * count

    @staticmethod
    def plain(text: str) -> str:
        return text

    @classmethod
    def made(cls, name: str) -> "Line":
        return cls(name)


class Basket(Line):
    pass


def sends(client: Client, text: str) -> None:
    client.send(text)


def outer():
    def inner():
        pass
'''
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=8,
)


def signature(symbol: str) -> Signature:
    found = read_signature(SOURCE, symbol, -1)
    assert found is not None
    return found


@settings(max_examples=150)
@given(values)
def test_a_literal_reads_back_as_the_same_value_of_the_same_type(value: Any) -> None:
    assert repr(ast.literal_eval(literal(value))) == repr(value)


def test_what_has_no_literal_says_why() -> None:
    for value in (object(), float("nan"), [len], frozenset({1}), 1 << 100_000, "x" * 10_000):
        with pytest.raises(NoText):
            literal(value)


def test_the_canonical_text_of_equal_collections_is_equal_whatever_their_order() -> None:
    assert canonical({"b": {2, 1}, "a": 1}) == canonical({"a": 1, "b": {1, 2}})
    assert canonical(frozenset("ab")) == "frozenset({'a', 'b'})"


def test_objects_are_written_by_their_own_text_or_by_what_they_hold() -> None:
    class Plain:
        def __init__(self) -> None:
            self.items = [1]

    class Sly(int):
        def __repr__(self) -> str:
            return "5"

    assert canonical(Path("a")) == repr(Path("a"))
    assert canonical(Plain()) == "Plain(**{'items': [1]})"
    assert canonical(Sly()) == "Sly(5)"
    assert canonical(iter([1, 2])) == "generator([1, 2])"
    with pytest.raises(NoText, match="address"):
        canonical(test_objects_are_written_by_their_own_text_or_by_what_they_hold)


def test_a_circle_of_values_has_no_text() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(NoText, match="deep"):
        canonical(ring)


def test_parameters_are_read_with_what_the_source_tells_of_them() -> None:
    text, separator, limit = signature("slug").parameters
    assert (text.required, text.kinds[0]) == (True, "str")
    assert (separator.form, separator.default, separator.required) == ("positional", "'-'", False)
    assert (limit.form, limit.default) == ("keyword", "20")
    assert [one.annotation for one in signature("steps").parameters] == ["int", "int", "int", "int"]
    assert signature("steps").literals == ("7",)


def test_a_method_knows_how_its_object_is_made() -> None:
    times, label = signature("Line.times"), signature("Line.label")
    assert [one.name for one in times.parameters] == ["count"]
    assert [(one.name, one.required) for one in times.receiver or ()] == [("name", True), ("price", False), ("tags", False)]
    assert label.is_property
    assert signature("Line.plain").receiver is None
    assert signature("Line.made").receiver is None
    assert [one.name for one in signature("Line.made").parameters] == ["name"]


def test_a_function_inside_another_cannot_be_called() -> None:
    assert read_signature(SOURCE, "outer.inner", 0) is None
    assert read_signature(SOURCE, "nothing", 0) is None
    assert read_signature("def broken(:", "broken", 0) is None


@pytest.mark.parametrize("symbol", ["slug", "steps", "Line.times", "Line.label", "Line.plain"])
def test_every_input_is_a_call_that_the_signature_takes(symbol: str) -> None:
    called = signature(symbol)
    guess = (guesses(called, ()) or ({},))[0]
    made = varied(called, (), guess, 40, 0)
    names = {one.name for one in called.parameters}
    required = sum(one.required for one in called.parameters if one.form == "positional")
    assert made
    assert len(set(made)) == len(made)
    for one in made:
        args, kwargs = ast.literal_eval(one.text)
        assert len(args) >= required
        assert set(kwargs) <= names
        assert bool(one.receiver) == (called.receiver is not None)
        if one.receiver:
            assert len(ast.literal_eval(one.receiver)) == 3


def test_boundaries_come_before_drawn_values_and_constants_of_the_body_are_among_them() -> None:
    made = [ast.literal_eval(one.text)[0] for one in varied(signature("steps"), (), {}, 40, 0)]
    assert made[0] == (3, 3)
    assert (7, 3) in made
    assert (8, 3) in made


def test_recorded_calls_come_first_without_the_defaults() -> None:
    called = signature("slug")
    seen = [seen_call(called, "(('A b', '-'), {'limit': 20})", ""), seen_call(called, "(('A b', '_'), {'limit': 3})", "")]
    made = varied(called, seen, {}, 12, 0)
    assert [one.text for one in made[:2]] == ["(('A b',), {})", "(('A b',), {'separator': '_', 'limit': 3})"]
    assert len(made) == 12


def test_a_recorded_object_is_also_taken_with_fewer_of_its_calls() -> None:
    called = signature("Line.label")
    receiver = "(('a',), {}, [('times', (2,), {}), ('times', (3,), {})])"
    made = varied(called, [seen_call(called, "((), {})", receiver)], {}, 20, 0)
    assert [one.receiver for one in made[:3]] == [receiver, "(('a',), {}, [('times', (2,), {})])", "(('a',), {}, [])"]


def test_a_method_is_also_called_on_an_object_on_which_it_was_called_before() -> None:
    made = varied(signature("Line.times"), (), {"count": "int"}, 40, 0)
    assert {one.receiver for one in made if one.text == made[0].text} >= {
        made[0].receiver,
        f"{made[0].receiver[:-3]}[('times', (3,), {{}})])",
    }


def test_a_type_without_literals_is_told_by_its_parameter() -> None:
    with pytest.raises(Unknown, match="client"):
        varied(signature("sends"), (), {}, 10, 0)


@pytest.mark.parametrize(
    ("annotation", "of"),
    [
        ("int | None", (int, type(None))),
        ("Optional[str]", (str, type(None))),
        ("dict[str, list[float]]", (dict,)),
        ("tuple[int, ...]", (tuple,)),
    ],
)
def test_values_have_the_type_of_the_annotation(annotation: str, of: tuple[type, ...]) -> None:
    source = source_for(annotation, [7])
    assert source is not None
    assert all(isinstance(value, of) for value in (*source.bounds, *draw(source.many(), 30, 1)))
    assert source_for("Callable[[int], str]") is None


def test_what_a_body_looks_up_is_a_key_of_its_dictionaries() -> None:
    found = read_signature("def port(config):\n    return config['server']\n", "port", 0)
    assert found is not None
    assert ast.literal_eval(varied(found, (), {}, 5, 0)[0].text)[0][0].keys() >= {"server"}


def test_the_same_seed_draws_the_same_in_every_process_and_leaves_nothing_behind(tmp_path: Path) -> None:
    # Which modules a process has imported, and its hash seed, must make no difference.
    script = (
        "from refine_tui.evaluation.inputs.drawing import draw\n"
        "from refine_tui.evaluation.inputs.strategies import source_for\n"
        "print([draw(source_for(text).many(), 200, 3) for text in ('int', 'list[str]', 'dict[str, float]')])\n"
    )
    root = str(Path(__file__).parents[2])
    runs = [
        subprocess.run(
            [sys.executable, "-c", imports + script],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": root, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed, imports in (("1", ""), ("2", "import refine_tui.core.patch, refine_tui.loop.refine\n"))
    ]
    assert runs[0] == runs[1]
    assert list(tmp_path.iterdir()) == []
    assert draw(st.integers(), 5, 1) != draw(st.integers(), 5, 2)
