"""Keys: environment, keyring, question, in that order, and never a plain file."""

from __future__ import annotations

from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null
from keyring.errors import KeyringLocked

from refine_tui.core.errors import UsageError
from refine_tui.network.keys import SERVICE, Keys, from_keyring


class Stored(KeyringBackend):
    """A keyring in memory."""

    priority = 1.0

    def __init__(self, kept: dict[tuple[str, str], str] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept = kept or {}

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AssertionError("keys are never written")

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))


class Locked(Stored):
    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("the user closed the window")


PlainFile = type("PlaintextKeyring", (Stored,), {"__module__": "keyrings.alt.file"})


@pytest.fixture(autouse=True)
def no_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(null.Keyring())  # type: ignore[no-untyped-call]
    yield
    keyring.set_keyring(before)


def test_the_environment_comes_first_and_asks_nobody() -> None:
    keys = Keys(ask=lambda question: pytest.fail(question), environment={"HF_TOKEN": " secret \n"})
    assert keys.at_hand("hub", "HF_TOKEN") == "secret"
    assert keys.at_hand("hub", "OTHER") == ""


def test_the_keyring_is_next_and_its_key_is_remembered() -> None:
    keyring.set_keyring(Stored({(SERVICE, "hub"): "kept"}))
    keys = Keys(ask=lambda question: pytest.fail(question), environment={})
    assert keys.search("hub", "HF_TOKEN") == "kept"
    assert keys.at_hand("hub", "HF_TOKEN") == "kept"
    assert keys.at_hand("other", "HF_TOKEN") == ""


@pytest.mark.parametrize("broken", ["sec\nret", "sécret", "sec\x00ret"])
def test_a_key_that_no_request_can_hold_is_named_by_its_place_and_not_shown(broken: str) -> None:
    with pytest.raises(UsageError, match="in HF_TOKEN cannot be sent") as caught:
        Keys(environment={"HF_TOKEN": broken}).at_hand("hub", "HF_TOKEN")
    keyring.set_keyring(Stored({(SERVICE, "hub"): broken}))
    with pytest.raises(UsageError, match="in the keyring for hub") as stored:
        Keys(environment={}).search("hub", "HF_TOKEN")
    with pytest.raises(UsageError, match="in the answer") as typed:
        Keys(ask=lambda _: broken, environment={}).search("other", "HF_TOKEN")
    assert not any("sec" in str(one.value) or "ret" in str(one.value) for one in (caught, stored, typed))


def test_a_key_that_was_refused_is_not_found_again() -> None:
    keyring.set_keyring(Stored({(SERVICE, "hub"): "old"}))
    keys = Keys(ask=lambda _: "typed", environment={"HF_TOKEN": "old"})
    assert keys.search("hub", "HF_TOKEN") == "typed"
    assert keys.at_hand("hub", "HF_TOKEN") == "typed"


def test_without_a_keyring_there_is_a_clear_word_and_a_question() -> None:
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    told: list[str] = []
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return " typed "

    assert Keys(ask, told.append, {}).search("hub", "HF_TOKEN") == "typed"
    assert told == ["This machine has no system keyring. Set HF_TOKEN, or type the key for each session."]
    assert questions == ["Key for hub (kept for this session only): "]
    assert Keys(None, told.append, {}).search("hub", "HF_TOKEN") == ""


def test_a_keyring_in_a_plain_file_is_not_used_alone_or_in_a_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = PlainFile({(SERVICE, "hub"): "readable"})
    keyring.set_keyring(plain)
    assert from_keyring("hub") == ("", "The keyring here (keyrings.alt.file.PlaintextKeyring) is a plain file and is not used.")
    chain = chainer.ChainerBackend()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(chainer.ChainerBackend, "backends", [plain, Stored({(SERVICE, "hub"): "safe"})])
    keyring.set_keyring(chain)
    assert from_keyring("hub") == ("safe", "")


def test_a_keyring_that_does_not_open_is_a_sentence() -> None:
    keyring.set_keyring(Locked())
    assert from_keyring("hub") == ("", "The system keyring does not answer (the user closed the window).")
