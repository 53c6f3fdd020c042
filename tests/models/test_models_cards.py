"""The cards that come with the program: complete, honest, and every address one that `pull` understands."""

from __future__ import annotations

import tomllib

import pytest

from refine_tui.models.addresses import parse_address
from refine_tui.models.cards import Card
from refine_tui.models.registry import Registry, packaged_folder

CARDS = Registry().cards
FIELDS = {
    "name",
    "source",
    "licence",
    "parameters",
    "context",
    "profile",
    "profile_reason",
    "note",
    "unverified",
    "sampling",
    "files",
}
FILE_FIELDS = {"name", "quantisation", "bytes", "about_gb", "sha256", "address"}


def test_there_are_a_dozen_from_half_a_billion_to_32_billion_parameters_and_one_fills_in_the_middle() -> None:
    assert len(CARDS) >= 12
    assert 0 < (CARDS[0].parameters or 0) < 600_000_000
    assert 30e9 < (CARDS[-1].parameters or 0) < 34e9
    assert any(card.profile == "fim" for card in CARDS)
    assert len({card.name for card in CARDS}) == len({file.name for card in CARDS for file in card.files[:1]}) == len(CARDS)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_card_says_all_that_one_has_to_know_before_fetching(card: Card) -> None:
    assert card.source.startswith("https://")
    assert card.licence
    assert card.context_tokens
    assert card.profile in ("scope-rewrite", "fim")
    assert card.profile_reason
    assert {"temperature", "top_p"} <= set(card.sampling)
    assert card.files
    for file in card.files:
        address = parse_address(file.address, {})
        assert (address.file, address.token_variable) == (file.name, "HF_TOKEN")
        assert file.quantisation in file.name
        assert file.size_bytes


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_what_could_not_be_checked_is_absent_or_named_as_unverified(card: Card) -> None:
    document = tomllib.loads((packaged_folder() / f"{card.name}.toml").read_text("utf-8"))
    assert set(document) <= FIELDS
    assert all(set(file) <= FILE_FIELDS for file in document["files"])
    assert set(card.unverified) <= set(document)
    assert "sampling" in card.unverified, "advice nobody here has measured"
    # No file of these could be fetched to compute a hash or count its bytes.
    assert all(file.sha256 == "" and file.bytes is None for file in card.files)
