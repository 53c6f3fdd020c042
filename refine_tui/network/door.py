"""Opens connections, or refuses: nothing when offline, plain http only to this machine and to hosts the user allowed."""

from __future__ import annotations

import ipaddress
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from os import environ
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from refine_tui.core.errors import NetworkError, SafetyError, UsageError

_MEANT = "/:?#[]@!$&'()*+,;=%~"
"""What stands in an address as itself."""


@dataclass(frozen=True)
class Door:
    """What may be reached from here."""

    offline: bool = False
    """Every use of the network is an error, this machine's own servers included."""
    plain_http: tuple[str, ...] = ()
    """Hosts, as `HOST` or `HOST:PORT`, that may be reached without encryption."""
    environment: Mapping[str, str] = field(default_factory=lambda: environ, repr=False)
    """Where proxy variables are looked up."""

    def check(self, url: str) -> SplitResult:
        """Return the parts of an address that may be reached.

        Raises:
            UsageError: it is no http address, the proxy for it is none, or the network is not to be used at all.
            SafetyError: it would go over the network unencrypted.
        """
        parts = _split(url)
        if self.offline:
            raise UsageError(f"{origin(parts)} was not contacted: offline is set. Leave out --offline, or `offline = true` in refine.toml.")
        allowed = {parts.hostname, f"{parts.hostname}:{port(parts)}"} & set(self.plain_http)
        if parts.scheme == "http" and not allowed and not is_loopback(parts.hostname or ""):
            raise SafetyError(
                f"{origin(parts)} was not contacted: plain http to another machine can be read and changed on the way. Use https, or allow "
                f'it in your own refine.toml: [model] plain_http = ["{parts.hostname}:{port(parts)}"].'
            )
        self._proxy(parts)
        return parts

    def open(self, url: str, timeout_s: float) -> HTTPConnection:
        """Return a connection for requests to an address's host, through the proxy the environment names for it.

        What a request line cannot hold of a path is quoted when it is sent. `timeout_s` counts for connecting and for each wait after it.

        Raises:
            NetworkError: the host cannot be reached.
            UsageError, SafetyError: as `check`.
        """
        parts = self.check(url)
        connection = self._connection(parts, timeout_s)
        try:
            connection.connect()
        except (OSError, HTTPException) as error:
            connection.close()
            raise NetworkError(
                f"{origin(parts)} cannot be reached: {in_words(error)}. Check the address, and that the server runs."
            ) from error
        except UnicodeError as error:  # a name that no resolver takes
            raise NetworkError(f"{origin(parts)} cannot be reached: that is no name of a host. Check the address.") from error
        return connection

    def _connection(self, parts: SplitResult, timeout_s: float) -> HTTPConnection:
        host, context = parts.hostname or "", ssl.create_default_context() if parts.scheme == "https" else None
        proxy = self._proxy(parts)
        if proxy is None:
            return _Encrypted(host, port(parts), timeout=timeout_s, context=context) if context else _Plain(host, port(parts), timeout_s)
        headers = _authorisation(proxy)
        if context is None:
            return _ThroughProxy(proxy, origin(parts), headers, timeout_s)
        connection = _Encrypted(proxy.hostname or "", proxy.port or 80, timeout=timeout_s, context=context)
        connection.set_tunnel(host, port(parts), headers)
        return connection

    def _proxy(self, parts: SplitResult) -> SplitResult | None:
        host = parts.hostname or ""
        variables = {name.lower(): value for name, value in sorted(self.environment.items()) if name.lower().endswith("_proxy") and value}
        named = variables.get(f"{parts.scheme}_proxy") or variables.get("all_proxy")
        if not named or is_loopback(host) or _bypasses(host, port(parts), variables.get("no_proxy", "")):
            return None
        try:
            proxy = _split(named if "://" in named else f"http://{named}")
        except UsageError:
            proxy = None
        if proxy is None or proxy.scheme != "http":
            # It may hold a password: what is shown is where it stands.
            raise UsageError(f"The proxy in {parts.scheme}_proxy or all_proxy cannot be used: it has to look like http://HOST:PORT.")
        return proxy


class _Plain(HTTPConnection):
    """A connection that quotes what a request line cannot hold."""

    def putrequest(self, method: str, url: str, *rest: Any, **named: Any) -> None:
        super().putrequest(method, quote(url, safe=_MEANT), *rest, **named)


class _Encrypted(_Plain, HTTPSConnection):
    """The same, encrypted."""


class _ThroughProxy(_Plain):
    """Plain http by way of a proxy, which is told the whole address."""

    def __init__(self, proxy: SplitResult, target: str, headers: Mapping[str, str], timeout_s: float) -> None:
        super().__init__(proxy.hostname or "", proxy.port or 80, timeout_s)
        self._target, self._headers = target, headers

    def putrequest(self, method: str, url: str, *rest: Any, **named: Any) -> None:
        super().putrequest(method, self._target + url, *rest, **named)
        for name, value in self._headers.items():
            self.putheader(name, value)


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, by its name or number alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def origin(parts: SplitResult) -> str:
    """Return scheme, host and port as they may be shown and stored: without user, password, path and query."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + ("" if port(parts) == usual else f":{port(parts)}")


def port(parts: SplitResult) -> int:
    """Return the port of an address, the usual one when it names none."""
    return parts.port or (443 if parts.scheme == "https" else 80)


def in_words(error: Exception) -> str:
    """Return why a connection failed, without numbers only a programmer reads."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    if not known or any(letter.isspace() or not letter.isprintable() for letter in url):
        raise UsageError(f"{url!r} is no address that can be reached: it has to look like https://HOST/PATH.")
    return parts


def _bypasses(host: str, port: int, exceptions: str) -> bool:
    """Say whether a `no_proxy` list names a host: by itself, by a domain it belongs to, or by `*`."""
    names = [name.strip().lower().lstrip(".") for name in exceptions.split(",") if name.strip()]
    hosts = (host.lower(), f"{host.lower()}:{port}")
    return any(name == "*" or known == name or known.endswith(f".{name}") for name in names for known in hosts)


def _authorisation(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    secret = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(secret.encode()).decode()}"}
