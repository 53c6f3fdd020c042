"""What may be reached, by which way, and what is said when it may not or cannot."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from refine_tui.core.errors import NetworkError, SafetyError, UsageError
from refine_tui.network.door import Door, is_loopback
from tests.network.loopback import Exchange, serving


def hello(exchange: Exchange) -> None:
    exchange.send(200, {}, exchange.path.encode())


def asked(door: Door, url: str, path: str) -> tuple[int, bytes]:
    connection = door.open(url, 5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_server_on_this_machine_is_reached_by_plain_http() -> None:
    with serving(hello) as server:
        assert asked(Door(), server.url, "/models") == (200, b"/models")


def test_offline_reaches_nothing_not_even_this_machine() -> None:
    with serving(hello) as server, pytest.raises(UsageError, match="offline is set"):
        Door(offline=True).open(server.url, 5)
    assert server.seen == []


@pytest.mark.parametrize("host", ["example.org", "192.168.1.7", "[fd00::7]", "localhost.example.org", "127.0.0.1.example.org"])
def test_plain_http_to_another_machine_is_refused_with_the_line_that_allows_it(host: str) -> None:
    with pytest.raises(SafetyError, match=r"can be read and changed on the way.*plain_http = \["):
        Door().check(f"http://{host}:8080/v1")


@pytest.mark.parametrize("allowed", ["gpu.lan", "gpu.lan:8080"])
def test_plain_http_to_an_allowed_host_is_fine_and_https_always(allowed: str) -> None:
    assert Door(plain_http=(allowed,)).check("http://gpu.lan:8080/v1").hostname == "gpu.lan"
    assert Door().check("https://gpu.lan/v1").scheme == "https"
    with pytest.raises(SafetyError):
        Door(plain_http=("gpu.lan:9",)).check("http://gpu.lan:8080/v1")


@pytest.mark.parametrize("url", ["", "gpu.lan", "ftp://a/b", "http://", "http://a:99999/", "http://a b/", "http://[::1", "https://a/\n"])
def test_what_is_no_address_is_wrong_usage(url: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        Door().check(url)


def test_this_machine_is_known_by_name_and_number() -> None:
    assert all(map(is_loopback, ("localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "::1")))
    assert not any(map(is_loopback, ("", "10.0.0.1", "::2", "0.0.0.0", "example.org")))


def test_a_server_that_is_not_there_is_named_without_secrets() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(NetworkError, match=f"http://127.0.0.1:{port} cannot be reached: Connection refused") as caught:
            Door().open(f"http://user:secret@127.0.0.1:{port}/v1", 5)
    assert "secret" not in str(caught.value)


def test_plain_http_goes_through_the_proxy_with_its_password_and_the_whole_address() -> None:
    with serving(hello) as proxy:
        environment = {"http_proxy": proxy.url.replace("//", "//me:p%40ss@")}
        door = Door(plain_http=("models.example",), environment=environment)
        assert asked(door, "http://models.example:8080/v1", "/v1/models") == (200, b"http://models.example:8080/v1/models")
    assert proxy.seen[0].headers["proxy-authorization"] == "Basic bWU6cEBzcw=="
    assert proxy.seen[0].headers["host"] == "models.example:8080"


def test_https_asks_the_proxy_for_a_tunnel() -> None:
    with serving(lambda exchange: exchange.send(403)) as proxy:
        door = Door(environment={"HTTPS_PROXY": proxy.url})
        with pytest.raises(NetworkError, match=r"https://models\.example cannot be reached: Tunnel connection failed: 403"):
            door.open("https://models.example/v1", 5)
    assert (proxy.seen[0].method, proxy.seen[0].path) == ("CONNECT", "models.example:443")


@pytest.mark.parametrize("exceptions", ["*", "models.example", ".example", "other, example", "models.example:8080"])
def test_hosts_on_the_list_of_exceptions_go_past_the_proxy(exceptions: str) -> None:
    environment = {"http_proxy": "http://127.0.0.1:1", "no_proxy": exceptions}
    assert Door(environment=environment)._proxy(urlsplit("http://models.example:8080/")) is None
    assert Door(environment=environment | {"no_proxy": "ample, x.models.example"})._proxy(urlsplit("http://models.example:8080/"))


def test_this_machine_is_never_reached_through_a_proxy() -> None:
    with serving(hello) as server:
        assert asked(Door(environment={"http_proxy": "http://127.0.0.1:1"}), server.url, "/a") == (200, b"/a")


@pytest.mark.parametrize("proxy", ["http://me:word@proxy:abc", "http://[::1", "http://"])
def test_a_proxy_that_is_no_address_is_an_error_in_words_without_its_password(proxy: str) -> None:
    with pytest.raises(UsageError, match="https_proxy") as caught:
        Door(environment={"https_proxy": proxy}).open("https://models.example/", 5)
    assert "word" not in str(caught.value)


def test_a_host_that_no_resolver_takes_cannot_be_reached() -> None:
    with pytest.raises(NetworkError, match="no name of a host"):
        Door(environment={}).open(f"https://{'a' * 64}.example/", 5)


@pytest.mark.parametrize("through", [False, True])
def test_letters_that_a_request_line_cannot_hold_are_quoted_and_what_is_quoted_stays(through: bool) -> None:
    with serving(hello) as server:
        door = Door(environment={"http_proxy": server.url} if through else {}, plain_http=("models.example",))
        path = "http://models.example" if through else ""
        url = "http://models.example/" if through else server.url
        assert asked(door, url, "/ö/%20a?b=%c3&c=ü") == (200, f"{path}/%C3%B6/%20a?b=%c3&c=%C3%BC".encode())


def test_a_proxy_of_another_kind_is_an_error_in_words() -> None:
    with pytest.raises(UsageError, match="has to look like http://HOST:PORT"):
        Door(environment={"all_proxy": "socks5://user:word@127.0.0.1:9"}).open("https://models.example/", 5)
