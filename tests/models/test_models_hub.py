"""What a hub adds to a download: redirections, hashes told on the way, keys, terms to accept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from refine_tui.core.errors import ModelError, SafetyError, UnknownModelError, UsageError
from refine_tui.models.download import Way, _next
from refine_tui.models.pulling import Pulled, Puller
from refine_tui.models.registry import Registry
from refine_tui.network import keys as key_module
from refine_tui.network.door import Door
from refine_tui.network.keys import Keys
from tests.models.file_server import Served
from tests.network.loopback import Exchange, LoopbackServer, serving

PATH = "/owner/repo/resolve/main/tiny.gguf"
WANTED = "hf:owner/repo/tiny.gguf"


@pytest.fixture
def store(tiny: Path) -> Iterator[LoopbackServer]:
    """The machine with the bytes, which the hub only points to."""
    with serving(Served(tiny.read_bytes())) as server:
        yield server


class Hub:
    """Points to the store, and wants a key if it has one."""

    def __init__(self, place: str, digest: str) -> None:
        self.place, self.digest, self.key = place, digest, ""

    def __call__(self, exchange: Exchange) -> None:
        if self.key and exchange.seen.headers.get("authorization") != f"Bearer {self.key}":
            exchange.send(401)
        elif exchange.path == PATH:
            exchange.send(307, {"Location": "/renamed" + PATH})
        elif exchange.path == "/renamed" + PATH:
            exchange.send(302, {"Location": f"{self.place}/blob?signature=1", "X-Linked-ETag": f'"{self.digest}"'})
        else:
            exchange.send(404)


@pytest.fixture
def hub(store: LoopbackServer, tiny: Path) -> Hub:
    # Another name for the same machine is another host to us.
    return Hub(store.url.replace("127.0.0.1", "localhost"), hashlib.sha256(tiny.read_bytes()).hexdigest())


@pytest.fixture
def server(hub: Hub) -> Iterator[LoopbackServer]:
    with serving(hub) as running:
        yield running


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    (tmp_path / "packaged").mkdir()
    return Registry(tmp_path / "user", tmp_path / "packaged", tmp_path / "config")


@pytest.fixture
def pull(registry: Registry, server: LoopbackServer) -> Callable[..., Pulled]:
    def run(wanted: str = WANTED, keys: Keys | None = None) -> Pulled:
        way = Way(Door().open, keys or Keys(environment={}), pause=lambda _: None)
        (*_, last) = Puller(registry, way, {"HF_ENDPOINT": server.url}).pull(wanted)
        assert isinstance(last, Pulled)
        return last

    return run


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_module, "from_keyring", lambda host: ("", "This machine has no system keyring."))


def test_a_hub_is_followed_and_its_hash_is_checked(pull: Callable[..., Pulled], hub: Hub, server: LoopbackServer) -> None:
    pulled = pull()
    assert (pulled.sha256, pulled.checked) == (hub.digest, "hub")
    assert pulled.model.card.source == WANTED
    assert [request.path for request in server.seen] == [PATH, "/renamed" + PATH]


def test_what_has_another_hash_than_the_hub_says_is_thrown_away(pull: Callable[..., Pulled], hub: Hub, registry: Registry) -> None:
    hub.digest = "0" * 64
    with pytest.raises(ModelError, match=r"not tiny\.gguf: its sha256 is [0-9a-f]{64}, and the hub says 0+\. It was thrown"):
        pull()
    assert list(registry.data_dir.iterdir()) == []


def test_the_card_is_believed_before_the_hub(pull: Callable[..., Pulled], hub: Hub, registry: Registry) -> None:
    card = f'[[files]]\nname = "tiny.gguf"\nsha256 = "{hub.digest}"\naddress = "{WANTED}"\n'
    (registry.packaged_dir / "small-coder.toml").write_text(card)
    hub.digest = "0" * 64
    pulled = pull("small-coder")
    assert (pulled.checked, pulled.model.card.name) == ("card", "small-coder")
    assert not (registry.data_dir / "tiny.toml").exists()


def test_a_file_of_another_size_than_the_card_says_is_not_even_begun(pull: Callable[..., Pulled], registry: Registry) -> None:
    (registry.packaged_dir / "small.toml").write_text(f'[[files]]\nname = "tiny.gguf"\nbytes = 7\naddress = "{WANTED}"\n')
    with pytest.raises(ModelError, match=r"bytes, its card says 7: it is another file"):
        pull("small")
    assert list(registry.data_dir.iterdir()) == []


def test_a_name_that_no_card_has_is_wrong_usage_with_near_names(pull: Callable[..., Pulled], registry: Registry) -> None:
    (registry.packaged_dir / "small-coder.toml").write_text('source = "somewhere"\n')
    with pytest.raises(UnknownModelError, match=r"no model smal-coder\. Near: small-coder\."):
        pull("smal-coder")
    with pytest.raises(UsageError, match=r"names no address to fetch it from\. Its source is somewhere\."):
        pull("small-coder")


def test_the_key_goes_to_the_hub_alone(pull: Callable[..., Pulled], hub: Hub, server: LoopbackServer, store: LoopbackServer) -> None:
    hub.key = "secret"
    pull(keys=Keys(environment={"HF_TOKEN": "secret"}))
    assert [request.headers.get("authorization") for request in server.seen] == ["Bearer secret"] * 2
    assert all("authorization" not in request.headers for request in store.seen)


def test_nobody_is_asked_for_a_key_that_is_not_wanted(pull: Callable[..., Pulled]) -> None:
    pull(keys=Keys(lambda question: pytest.fail(question), lambda sentence: pytest.fail(sentence), {}))


def test_a_refused_key_is_replaced_by_one_the_user_is_asked_for(pull: Callable[..., Pulled], hub: Hub, server: LoopbackServer) -> None:
    hub.key = "secret"
    told: list[str] = []
    assert pull(keys=Keys(lambda _: "secret", told.append, {"HF_TOKEN": "outdated"})).sha256 == hub.digest
    assert told == ["This machine has no system keyring. Set HF_TOKEN, or type the key for each session."]
    assert [request.headers.get("authorization") for request in server.seen][:2] == ["Bearer outdated", "Bearer secret"]


def test_without_a_key_that_works_one_is_told_what_to_do(pull: Callable[..., Pulled], hub: Hub, server: LoopbackServer) -> None:
    hub.key = "secret"
    with pytest.raises(ModelError, match=rf"\(401\)\. Set HF_TOKEN .* accept its terms there: {server.url}/owner/repo\."):
        pull()
    assert len(server.seen) == 1


def test_one_is_not_led_from_an_encrypted_place_to_one_that_is_not() -> None:
    with pytest.raises(ModelError, match="points to an address that is not followed"):
        _next("https://hub.example/a", "http://hub.example/b")
    assert _next("https://hub.example/a/b", "../c?d=1") == "https://hub.example/c?d=1"


def test_one_is_not_led_in_plain_http_to_another_machine(pull: Callable[..., Pulled], hub: Hub) -> None:
    hub.place = "http://elsewhere.example"
    with pytest.raises(SafetyError, match=r"http://elsewhere\.example was not contacted"):
        pull()


def test_endless_redirections_end(registry: Registry) -> None:
    with serving(lambda exchange: exchange.send(302, {"Location": exchange.path})) as server:
        puller = Puller(registry, Way(Door().open, Keys(environment={}), pause=lambda _: None))
        with pytest.raises(ModelError, match="answered 302"):
            list(puller.pull(f"{server.url}/tiny.gguf"))
