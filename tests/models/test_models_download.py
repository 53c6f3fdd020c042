"""Downloads against a real server that drops, stalls, lies about length and changes the file in between."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from refine_tui.core.errors import ModelError, NetworkError, StorageError, UsageError
from refine_tui.models import download
from refine_tui.models.addresses import parse_address
from refine_tui.models.download import Progress, Way
from refine_tui.models.partial import hold_partial
from refine_tui.models.pulling import Pulled, Puller
from refine_tui.models.registry import Registry
from refine_tui.network.door import Door
from refine_tui.network.keys import Keys
from tests.models.file_server import Served
from tests.network.loopback import Exchange, LoopbackServer, serving

Pull = Callable[..., list[Progress | Pulled]]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def data(tiny: Path) -> bytes:
    return tiny.read_bytes()


@pytest.fixture
def served(data: bytes) -> Served:
    return Served(data)


@pytest.fixture
def server(served: Served) -> Iterator[LoopbackServer]:
    with serving(served) as running:
        yield running


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "user", tmp_path / "packaged", tmp_path / "config")


@pytest.fixture
def puller(registry: Registry, server: LoopbackServer) -> Puller:
    return Puller(registry, Way(Door().open, Keys(environment={}), pause=lambda _: None), {"HF_ENDPOINT": server.url})


@pytest.fixture
def pull(puller: Puller, server: LoopbackServer) -> Pull:
    return lambda path="tiny.gguf": list(puller.pull(f"{server.url}/{path}"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_file_arrives_whole_is_checked_and_keeps_where_it_came_from(
    pull: Pull, registry: Registry, data: bytes, server: LoopbackServer
) -> None:
    *steps, last = pull("folder/tiny.gguf?key=secret")
    assert isinstance(last, Pulled)
    assert (last.model.name, last.model.origin, last.sha256, last.checked) == ("tiny", "user", sha256(data), "")
    assert last.model.path.read_bytes() == data
    assert (last.model.card.source, last.model.card.files[0].sha256) == (f"{server.url}/folder/tiny.gguf", sha256(data))
    assert names(registry.data_dir) == ["tiny.gguf", "tiny.toml"]
    assert [step.done_bytes for step in steps if isinstance(step, Progress)][-1] == len(data)


def test_a_path_with_letters_beyond_ascii_is_fetched(pull: Pull, server: LoopbackServer) -> None:
    pull("ö/tiny.gguf")
    assert server.seen[0].path == "/%C3%B6/tiny.gguf"


@pytest.mark.parametrize("location", ["http://[::1/x.gguf", ""])
def test_a_redirection_to_nowhere_is_not_followed(pull: Pull, served: Served, location: str) -> None:
    def away(exchange: Exchange) -> bool:
        exchange.send(302, {"Location": location})
        return True

    served.before = away
    with pytest.raises(ModelError, match="not followed"):
        pull()


def test_a_broken_download_goes_on_and_fetches_no_byte_twice(pull: Pull, served: Served, server: LoopbackServer, data: bytes) -> None:
    served.breaks = [100, 70_000, 70_001, 200_000]
    *steps, last = pull()
    assert isinstance(last, Pulled)
    assert last.sha256 == sha256(data)
    assert "range" not in server.seen[0].headers
    assert all(request.headers["if-range"] == '"one"' for request in server.seen[1:])
    # A reset may throw away bytes that were under way, so places are only known to be asked for in order.
    starts = [int(request.headers["range"][6:-1]) for request in server.seen[1:]]
    assert starts == sorted(starts)
    assert all(start <= place for start, place in zip(starts, (100, 70_000, 70_001, 200_000), strict=True))
    assert sum(1 for step in steps if isinstance(step, Progress) and "trying again" in step.note) == 4


def test_another_run_goes_on_where_the_first_one_stopped(
    pull: Pull, puller: Puller, served: Served, server: LoopbackServer, data: bytes
) -> None:
    served.breaks = [150_000]
    stream = puller.pull(f"{server.url}/tiny.gguf")
    next(step for step in stream if isinstance(step, Progress) and step.note)
    stream.close()  # type: ignore[attr-defined]
    (*_, last) = pull()
    assert isinstance(last, Pulled)
    assert last.sha256 == sha256(data)
    assert served.sent == 150_000 + len(data) - int(server.seen[1].headers["range"][6:-1])


@pytest.mark.parametrize("honest", [True, False])
def test_a_file_that_changed_in_between_is_fetched_anew(
    honest: bool, pull: Pull, puller: Puller, served: Served, server: LoopbackServer, data: bytes
) -> None:
    served.breaks = [150_000]
    stream = puller.pull(f"{server.url}/tiny.gguf")
    next(step for step in stream if isinstance(step, Progress) and step.note)
    stream.close()  # type: ignore[attr-defined]
    served.data, served.etag, served.honours_if_range = data + bytes(64), '"two"', honest
    (*_, last) = pull()
    assert isinstance(last, Pulled)
    assert last.sha256 == sha256(data + bytes(64))


@pytest.mark.parametrize("change", [{"etag": 'W/"weak"'}, {"etag": ""}, {"ranges": False}])
def test_what_cannot_be_matched_with_the_kept_bytes_is_fetched_anew(
    change: dict[str, object], pull: Pull, served: Served, server: LoopbackServer, data: bytes
) -> None:
    for name, value in change.items():
        setattr(served, name, value)
    served.breaks = [150_000]
    (*_, last) = pull()
    assert isinstance(last, Pulled)
    assert last.sha256 == sha256(data)
    assert served.sent == 150_000 + len(data)


def test_the_date_of_the_last_change_serves_where_there_is_no_etag(pull: Pull, served: Served, server: LoopbackServer) -> None:
    served.etag, served.modified, served.breaks = "", "Mon, 01 Jan 2026 00:00:00 GMT", [150_000]
    pull()
    assert server.seen[1].headers["if-range"] == served.modified


def test_a_server_that_claims_too_much_is_believed_when_it_has_no_more(pull: Pull, served: Served, data: bytes) -> None:
    served.extra = {"Content-Length": len(data) + 5_000}
    (*_, last) = pull()
    assert isinstance(last, Pulled)
    assert last.sha256 == sha256(data)


def test_a_server_that_claims_too_little_gives_no_model(pull: Pull, served: Served, registry: Registry) -> None:
    served.extra = {"Content-Length": 200_000}
    with pytest.raises(ModelError, match=r"What arrived is not tiny\.gguf: it is cut short.*thrown away"):
        pull()
    assert names(registry.data_dir) == []


def test_an_answer_that_begins_elsewhere_is_not_appended(pull: Pull, served: Served, server: LoopbackServer, data: bytes) -> None:
    def elsewhere(exchange: Exchange) -> bool:
        if "range" in exchange.seen.headers:
            exchange.send(206, {"Content-Range": f"bytes 7-{len(data) - 1}/{len(data)}", "ETag": served.etag}, data[7:])
            return True
        return False

    served.before, served.breaks = elsewhere, [150_000]
    (*_, last) = pull()
    assert isinstance(last, Pulled)
    assert last.sha256 == sha256(data)
    assert ["range" in request.headers for request in server.seen] == [False, True, False]


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def test_a_file_in_chunks_of_unknown_length_is_whole_after_the_last(pull: Pull, served: Served, data: bytes) -> None:
    answers = [chunk(data[:150_000]), chunk(data[150_000:]) + b"0\r\n\r\n"]

    def chunked(exchange: Exchange) -> bool:
        status = 206 if "range" in exchange.seen.headers else 200
        place = {"Content-Range": f"bytes 150000-{len(data) - 1}/*"} if status == 206 else {}
        exchange.send(status, {"Content-Length": None, "Transfer-Encoding": "chunked", "ETag": served.etag} | place, answers.pop(0))
        return True

    served.before = chunked
    *steps, last = pull()
    assert isinstance(last, Pulled)
    assert last.sha256 == sha256(data)
    assert isinstance(steps[0], Progress)
    assert (steps[0].total_bytes, steps[0].left_s) == (None, None)


def test_a_silent_server_is_left_after_a_while_and_asked_again(
    pull: Pull, served: Served, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr(download, "STALL_S", 0.5)

    def stall(exchange: Exchange) -> bool:
        if len(server.seen) == 1:
            exchange.send(200, {"Content-Length": len(data), "ETag": served.etag}, data[:1000])
            server.left.wait(100)
            return True
        return False

    served.before = stall
    *steps, last = pull()
    server.left.set()
    assert isinstance(last, Pulled)
    assert last.sha256 == sha256(data)
    assert any(isinstance(step, Progress) and "silent" in step.note for step in steps)


def test_a_busy_server_is_asked_again_after_the_time_it_names(puller: Puller, served: Served, server: LoopbackServer) -> None:
    pauses: list[float] = []
    puller._way.pause = pauses.append

    def busy(exchange: Exchange) -> bool:
        if len(server.seen) <= 2:
            exchange.send(503 if len(server.seen) == 1 else 429, {"Retry-After": "7" if len(server.seen) == 1 else "3600"})
            return True
        return False

    served.before = busy
    assert isinstance(list(puller.pull(f"{server.url}/tiny.gguf"))[-1], Pulled)
    assert pauses == [7.0, 30.0]


def test_a_server_that_gives_no_byte_any_more_is_given_up_and_what_arrived_is_kept(pull: Pull, served: Served, registry: Registry) -> None:
    served.breaks = [150_000, *[0] * 20]
    with pytest.raises(NetworkError, match=r"tiny\.gguf could not be fetched whole: the .* bytes are kept; the same command goes on"):
        pull()
    assert names(registry.data_dir) == ["tiny.gguf.part", "tiny.gguf.part.json"]
    served.breaks = []
    assert isinstance(pull()[-1], Pulled)


def test_a_server_that_is_gone_is_an_error_in_words(registry: Registry) -> None:
    with serving(lambda exchange: exchange.send(200)) as server:
        url = server.url
    puller = Puller(registry, Way(Door().open, Keys(environment={}), pause=lambda _: None))
    with pytest.raises(NetworkError, match=r"could not be fetched whole: http://127\.0\.0\.1:\d+ cannot be reached: Connection refused"):
        list(puller.pull(f"{url}/tiny.gguf"))
    assert names(registry.data_dir) == []


@pytest.mark.parametrize(("status", "words"), [(404, "there is no such file"), (403, "does not hand out"), (400, "answered 400")])
def test_a_refusal_is_an_error_in_words(status: int, words: str, pull: Pull, served: Served, registry: Registry) -> None:
    def refuse(exchange: Exchange) -> bool:
        exchange.send(status)
        return True

    served.before = refuse
    with pytest.raises(ModelError, match=words):
        pull()
    assert names(registry.data_dir) == []


def test_room_on_the_disk_is_checked_before_the_first_byte(
    pull: Pull, registry: Registry, monkeypatch: pytest.MonkeyPatch, served: Served
) -> None:
    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=1_000_000))
    with pytest.raises(StorageError, match=r"0\.1 GB are still to be fetched and 0\.1 GB are free"):
        pull()
    assert names(registry.data_dir) == []


def test_a_disk_that_fills_up_keeps_what_arrived(pull: Pull, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    real, room = os.pwrite, 100_000

    def pwrite(handle: int, data: bytes, at: int) -> int:
        if at >= room:
            raise OSError(28, "No space left on device")
        return real(handle, data[: room - at], at)

    with monkeypatch.context() as full:
        full.setattr(os, "pwrite", pwrite)
        with pytest.raises(StorageError, match=r"No space left on device\. What has arrived is kept"):
            pull()
    assert (registry.data_dir / "tiny.gguf.part").stat().st_size == room
    assert isinstance(pull()[-1], Pulled)


def test_one_process_fetches_a_file_at_a_time(pull: Pull, registry: Registry) -> None:
    with hold_partial(registry.data_dir / "tiny.gguf"), pytest.raises(UsageError, match="being fetched by another"):
        pull()
    assert isinstance(pull()[-1], Pulled)


def test_a_model_that_is_here_is_not_fetched(pull: Pull, server: LoopbackServer) -> None:
    pull()
    with pytest.raises(UsageError, match=r"a model tiny already\. To fetch it anew: refine-tui models remove tiny"):
        pull()
    assert len(server.seen) == 1


def test_offline_no_connection_is_made(registry: Registry, server: LoopbackServer) -> None:
    puller = Puller(registry, Way(Door(offline=True).open, Keys(environment={})))
    with pytest.raises(UsageError, match="offline is set"):
        list(puller.pull(f"{server.url}/tiny.gguf"))
    assert server.seen == []
    assert names(registry.data_dir) == []


def test_a_model_in_parts_is_fetched_part_by_part(pull: Pull, server: LoopbackServer, data: bytes) -> None:
    (*_, last) = pull("q4/big-00002-of-00002.gguf")
    assert isinstance(last, Pulled)
    assert (last.model.name, last.model.size_bytes) == ("big-00001-of-00002", 2 * len(data))
    assert [request.path for request in server.seen] == ["/q4/big-00001-of-00002.gguf", "/q4/big-00002-of-00002.gguf"]


def test_the_rate_is_that_of_the_last_seconds_and_tells_the_time_left(
    served: Served, server: LoopbackServer, registry: Registry, data: bytes
) -> None:
    clock = iter(range(10_000))
    way = Way(Door().open, Keys(environment={}), pause=lambda _: None, clock=lambda: float(next(clock)))
    steps = [step for step in Puller(registry, way).pull(f"{server.url}/tiny.gguf") if isinstance(step, Progress) and not step.note]
    second = steps[1]
    assert second.rate == second.done_bytes - steps[0].done_bytes
    assert second.left_s == pytest.approx((len(data) - second.done_bytes) / second.rate)
    assert (steps[0].rate, steps[0].left_s) == (None, None)


def test_an_address_of_the_hub_is_that_of_its_file() -> None:
    address = parse_address("hf:owner/repo-1.5/sub/My-Model.Q4_K_M.gguf@refs/pr/3", {})
    assert address.url == "https://huggingface.co/owner/repo-1.5/resolve/refs%2Fpr%2F3/sub/My-Model.Q4_K_M.gguf"
    assert (address.file, address.page, address.token_variable) == (
        "My-Model.Q4_K_M.gguf",
        "https://huggingface.co/owner/repo-1.5",
        "HF_TOKEN",
    )
    assert (
        parse_address("hf:a/b/c.gguf", {"HF_ENDPOINT": "https://mirror.example/"}).url == "https://mirror.example/a/b/resolve/main/c.gguf"
    )


@pytest.mark.parametrize(
    "text",
    [
        "hf:a/b",
        "hf:a/b/c.bin",
        "hf:a/../c.gguf",
        "hf:a//c.gguf",
        "hf:a/b/.gguf",
        "hf:a/b/c.gguf@..",
        "hf:a/b/c d.gguf",
        "ftp://a/b.gguf",
        "https://a/b.txt",
        "https://a/%2e%2e%2fb.gguf",
        "https://user:word@a/b.gguf",
        "https:///b.gguf",
        "http://[::1/b.gguf",
        "hf:a/b/x-00001-of-99999.gguf",
    ],
)
def test_what_is_no_address_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text, {}).parts()
