"""What needs no model: frames, text streams, and the plan of a tree batch."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refine_tui.llama.framing import LARGEST_BYTES, LENGTH, FrameBuffer, FramingError, encode, read_message
from refine_tui.llama.streams import TextStream
from refine_tui.llama.tree import tree_batches


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.floats(allow_nan=False)))), st.integers(1, 40))
def test_messages_arrive_whole_however_the_pipe_cuts_them(messages: list[dict[str, object]], size: int) -> None:
    data = b"".join(encode(message) for message in messages)
    buffer, found = FrameBuffer(), []
    for at in range(0, len(data), size):
        buffer.feed(data[at : at + size])
        while (message := buffer.next()) is not None:
            found.append(message)
    assert found == messages


@pytest.mark.parametrize("data", [LENGTH.pack(LARGEST_BYTES + 1), LENGTH.pack(2) + b"{]", LENGTH.pack(2) + b"[]"])
def test_garbage_on_the_pipe_is_refused(data: bytes) -> None:
    buffer = FrameBuffer()
    buffer.feed(data)
    with pytest.raises(FramingError):
        buffer.next()
    with pytest.raises(FramingError):
        read_message(io.BytesIO(data))


def test_a_pipe_that_ends_within_a_message_ends() -> None:
    assert read_message(io.BytesIO(encode({"a": 1})[:-1])) is None
    assert read_message(io.BytesIO(b"")) is None


@given(
    st.text(alphabet="abc<|ü€", max_size=60), st.lists(st.text(alphabet="abc<|ü", min_size=1, max_size=5), max_size=3), st.integers(1, 5)
)
def test_a_stream_ends_before_the_first_stop_string(text: str, stops: list[str], size: int) -> None:
    data = text.encode()
    stream, given_out = TextStream(stops), ""
    for at in range(0, len(data), size):
        given_out += stream.feed(data[at : at + size])
        if stream.stopped:
            break
    given_out += stream.finish()
    assert given_out == stream.text
    assert text.startswith(given_out)
    assert not any(stop in given_out for stop in stops)
    if not any(stop in text for stop in stops):
        assert given_out == text
    else:
        assert stream.stopped


def test_half_a_character_is_not_given_out_until_the_end() -> None:
    stream = TextStream(())
    assert stream.feed("€".encode()[:2]) == ""
    assert stream.feed("€".encode()[2:]) == "€"
    assert stream.feed(b"\xe2") == ""
    assert stream.finish() == "\N{REPLACEMENT CHARACTER}"


def test_what_may_begin_a_stop_string_is_held_back_and_given_out_when_it_does_not() -> None:
    stream = TextStream(("<|end|>",))
    assert [stream.feed(piece) for piece in (b"a<", b"|e", b"lse")] == ["a", "", "<|else"]
    assert stream.finish() == ""


@settings(max_examples=300)
@given(st.lists(st.lists(st.integers(0, 2), max_size=7), max_size=25), st.integers(1, 6), st.integers(6, 20))
def test_a_tree_asks_for_every_token_behind_its_own_prefix(continuations: list[list[int]], sequences: int, rows: int) -> None:
    asked: dict[int, dict[int, int]] = {}
    for batch in tree_batches(continuations, sequences, rows):
        assert batch.sequences <= sequences
        assert len(batch.rows) <= rows
        paths = [[row for row in batch.rows if row.first <= sequence <= row.last] for sequence in range(batch.sequences)]
        for path in paths:
            assert [row.depth for row in path] == list(range(len(path)))
        prefixes = [tuple(row.token for row in path[: depth + 1]) for path in paths for depth in range(len(path))]
        assert len(set(prefixes)) == len(batch.rows), "equal prefixes are one row"
        for place, row_at, token in batch.asked:
            row = batch.rows[row_at]
            before = [other.token for other in paths[row.first][: row.depth + 1]]
            assert continuations[place][: row.depth + 1] == before
            assert continuations[place][row.depth + 1] == token
            asked.setdefault(place, {})[row.depth] = token
    wanted = {place: dict(enumerate(tokens[1:])) for place, tokens in enumerate(continuations) if len(tokens) > 1}
    assert asked == wanted


def test_continuations_that_begin_alike_share_rows() -> None:
    (batch,) = tree_batches([[1, 2, 3, 4], [1, 2, 5, 6], [1, 2, 3, 7]], 8, 100)
    assert sorted((row.depth, row.token, row.last - row.first + 1) for row in batch.rows) == [(0, 1, 3), (1, 2, 3), (2, 3, 2), (2, 5, 1)]
