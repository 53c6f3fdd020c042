"""The shelf a front end chooses from: what is on it, what fits, adding, fetching with a key that is asked for, and opening."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.core.errors import ModelError, UnknownModelError, UsageError
from refine_tui.loop.ports.choosing import Choice, Fetched, Fetching
from refine_tui.models import shelf as shelf_module
from refine_tui.models.download import Way
from refine_tui.models.pulling import Puller
from refine_tui.models.registry import Registry
from refine_tui.models.shelf import ModelShelf
from refine_tui.network.door import Door
from refine_tui.network.keys import Keys
from tests.models.file_server import Served
from tests.network.loopback import Exchange, serving

CARD = """
name = "Coder"
licence = "Apache-2.0"
parameters = 494000000
[[files]]
name = "coder.gguf"
quantisation = "Q8_0"
about_gb = 0.531
address = "hf:owner/coder/coder.gguf"
"""
MakeShelf = Callable[..., ModelShelf]


@pytest.fixture
def make_shelf(tmp_path: Path, tiny: Path) -> MakeShelf:
    packaged = tmp_path / "packaged"
    packaged.mkdir()
    (packaged / "small.gguf").symlink_to(tiny)
    (packaged / "coder.toml").write_text(CARD)

    def make(environment: dict[str, str] | None = None, wish: str = "") -> ModelShelf:
        registry = Registry(tmp_path / "data", packaged, tmp_path / "config")

        def join(ask: Callable[[str], str], tell: Callable[[str], None]) -> tuple[Puller, Callable[[str], None]]:
            return Puller(registry, Way(Door().open, Keys(ask, tell, {})), environment or {}), opened.append

        return ModelShelf(registry, join, wish)

    opened: list[str] = []
    return make


def by_wish(shelf: ModelShelf) -> dict[str, Choice]:
    return {choice.wish: choice for choice in shelf.choices()}


@pytest.mark.parametrize("wish", ["", "small", "none"])
def test_it_holds_what_is_here_then_no_model_then_what_can_be_fetched(make_shelf: MakeShelf, wish: str) -> None:
    choices = make_shelf(wish=wish).choices()
    assert [(choice.wish, choice.kind) for choice in choices] == [("small", "file"), ("none", "none"), ("coder", "card")]
    small, _, coder = choices
    assert small.needed_bytes is not None
    assert (small.fits, small.path.endswith("small.gguf"), coder.licence, coder.size_bytes) == (True, True, "Apache-2.0", 531_000_000)
    assert [choice.wish for choice in choices if choice.is_awaited] == (["small"] if wish != "none" else [])


def test_what_does_not_fit_is_said_of_a_file_and_of_what_is_not_here_yet(make_shelf: MakeShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    free: list[int | None] = [1_000]
    monkeypatch.setattr(shelf_module, "available_bytes", lambda: free[0])
    shelf = make_shelf()
    assert [by_wish(shelf)[wish].fits for wish in ("small", "coder")] == [False, False]
    free[0] = None
    assert [by_wish(shelf)[wish].fits for wish in ("small", "coder")] == [None, None]
    free[0] = 1 << 40
    assert [by_wish(shelf)[wish].fits for wish in ("small", "coder")] == [True, None], "its header is not here: it may still need more"


def test_a_file_of_the_user_is_added_and_a_damaged_one_is_listed_with_its_reason(make_shelf: MakeShelf, tiny: Path, tmp_path: Path) -> None:
    shelf, mine = make_shelf(), tmp_path / "mine.gguf"
    mine.write_bytes(tiny.read_bytes())
    assert shelf.add(str(mine)) == "mine"
    assert by_wish(shelf)["mine"].kind == "file"
    mine.write_bytes(b"not a model")
    assert by_wish(shelf)["mine"].kind == "broken"
    assert by_wish(shelf)["mine"].note
    with pytest.raises(UsageError, match=r"no \.gguf file"):
        shelf.add("/etc/passwd")
    with pytest.raises(ModelError):
        shelf.add(str(tmp_path / "nowhere.gguf"))


def test_a_choice_is_remembered_and_a_server_stays_on_the_shelf(make_shelf: MakeShelf) -> None:
    shelf, address = make_shelf(), "http://127.0.0.1:1/v1#coder"
    shelf.open(address)
    assert by_wish(shelf)[address].kind == "server"
    shelf.keep(address)
    assert by_wish(make_shelf())[address].kind == "server"
    with pytest.raises(UnknownModelError):
        shelf.keep("nowhere")


def test_fetching_asks_for_the_key_a_host_wants_once_and_tells_why(
    make_shelf: MakeShelf, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setattr("refine_tui.network.keys.from_keyring", lambda _host: ("", "This machine has no system keyring."))

    def wants_key(exchange: Exchange) -> bool:
        if exchange.seen.headers.get("authorization") == "Bearer secret":
            return False
        exchange.send(401)
        return True

    asked: list[str] = []
    told: list[str] = []
    with serving(Served(tiny.read_bytes(), before=wants_key)) as server:
        shelf = make_shelf({"HF_ENDPOINT": server.url})
        shelf.listen(lambda question: asked.append(question) or "secret", told.append)  # type: ignore[func-returns-value]
        events = list(shelf.fetch("hf:owner/one/one.gguf"))
        assert isinstance(events[-1], Fetched)
        assert events[-1].wish == "one"
        assert any(isinstance(event, Fetching) and event.total_bytes == len(tiny.read_bytes()) for event in events)
        list(shelf.fetch("hf:owner/two/two.gguf"))
    assert len(asked) == 1, "it is asked for once a session"
    assert told == ["This machine has no system keyring. Set HF_TOKEN, or type the key for each session."]
    assert by_wish(shelf)["one"].kind == "file"


def test_a_fetch_that_nobody_listens_to_keeps_what_has_arrived(make_shelf: MakeShelf, tiny: Path) -> None:
    served = Served(tiny.read_bytes(), breaks=[len(tiny.read_bytes()) // 2])
    with serving(served) as server:
        shelf = make_shelf({"HF_ENDPOINT": server.url})
        events = shelf.fetch("hf:owner/one/one.gguf")
        assert isinstance(next(events), Fetching)
        events.close()
        before = served.sent
        assert isinstance(list(shelf.fetch("hf:owner/one/one.gguf"))[-1], Fetched)
        assert served.sent - before <= len(served.data)
