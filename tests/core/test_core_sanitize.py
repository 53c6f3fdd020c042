from __future__ import annotations

import random
import unicodedata

import pytest

from refine_tui.core.sanitize import has_hidden, shorten, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred", "␛[31mred"),
        ("a\x07b\x7f", "a␇b␡"),
        ("\x9b31m", "<9B>31m"),
        ("a\u202eb", "a<U+202E>b"),
        ("zero\u200bwidth", "zero<U+200B>width"),
        ("\ud800", "<U+D800>"),
        ("a\tb", "a   b"),
        ("abcd\tb", "abcd    b"),
        ("a\r\n", "a␍␊"),
        ("[bold]x[/]", "[bold]x[/]"),
        ("naïve 日本 🙂", "naïve 日本 🙂"),
    ],
)
def test_dangerous_characters_become_symbols(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_newlines_stay_when_asked_and_tabs_count_from_the_line_start() -> None:
    assert visible("ab\n\tc\x1b", newlines=True) == "ab\n    c␛"


def test_nothing_a_terminal_obeys_survives_any_text() -> None:
    chance = random.Random(5)
    pool = [*range(0x250), *range(0x2000, 0x2070), 0xFEFF, 0xD800, 0xDFFF, 0x1F600, *range(0xE0000, 0xE0080)]
    for _ in range(10_000):
        shown = visible("".join(chr(chance.choice(pool)) for _ in range(chance.randrange(30))))
        assert not [
            c
            for c in shown
            if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} or (unicodedata.category(c) == "Cf" and not "\u0600" <= c <= "\u0605")
        ]
        assert visible(shown) == shown


def test_hidden_characters_are_noticed_and_ordinary_white_space_is_not() -> None:
    assert has_hidden("ab\u200b")
    assert has_hidden("\x1b")
    assert not has_hidden("a\tb\nc é")


def test_shortened_text_is_one_line_of_the_asked_width() -> None:
    assert shorten("a  b\nc", 10) == "a b c"
    assert shorten("abcdefgh", 5) == "abcd…"
