"""Where models are fetched from: `hf:OWNER/REPO/FILE[@REV]` or the https address of a GGUF file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from refine_tui.core.errors import UsageError

HUB = "https://huggingface.co"
HUB_VARIABLE = "HF_ENDPOINT"
"""Names a mirror of the hub."""
TOKEN_VARIABLE = "HF_TOKEN"
NAME = re.compile(r"[A-Za-z0-9][\w.+-]*\.gguf", re.ASCII)
PART_NAME = re.compile(r"(.+)-\d{5}-of-(\d{5})\.gguf")
MOST_PARTS = 999


@dataclass(frozen=True, slots=True)
class Address:
    """One file on another machine."""

    source: str
    """As the user wrote it; without secrets, as it may be stored."""
    url: str
    file: str
    """The name it gets here."""
    page: str = ""
    """Where a person can read about it and accept its terms; empty when that is not known."""
    token_variable: str = ""
    """The environment variable with the key for it; empty: there is none."""

    @property
    def host(self) -> str:
        """The machine the address names, to which alone a key is sent."""
        return urlsplit(self.url).hostname or ""

    def parts(self) -> tuple[Address, ...]:
        """Return the address of each part of a model that was split, else this one alone."""
        match = PART_NAME.fullmatch(self.file)
        if match is None:
            return (self,)
        count = int(match[2])
        if not 1 <= count <= MOST_PARTS:
            raise UsageError(f"{self.file} claims to be one of {count} parts.")
        names = [f"{match[1]}-{number:05}-of-{match[2]}.gguf" for number in range(1, count + 1)]
        swap = [(text.rfind(quoted), quoted) for text, quoted in ((self.url, quote(self.file)), (self.source, self.file))]
        return tuple(
            replace(self, url=_swapped(self.url, *swap[0], quote(name)), source=_swapped(self.source, *swap[1], name), file=name)
            for name in names
        )


def parse_address(text: str, environment: Mapping[str, str] = os.environ) -> Address:
    """Return what an address names.

    Raises:
        UsageError: it is no address of a GGUF file.
    """
    return _of_hub(text, environment) if text.startswith("hf:") else _of_web(text)


def _of_hub(text: str, environment: Mapping[str, str]) -> Address:
    path, _, revision = text.removeprefix("hf:").partition("@")
    segments = path.split("/")
    if len(segments) < 3 or not all(map(_is_plain, (*segments, *(revision or "main").split("/")))):
        raise UsageError(f"{text} is no address: it has to look like hf:OWNER/REPO/FILE.gguf, or with @REVISION after it.")
    hub = (environment.get(HUB_VARIABLE) or HUB).rstrip("/")
    page = f"{hub}/{segments[0]}/{segments[1]}"
    url = f"{page}/resolve/{quote(revision or 'main', safe='')}/{quote('/'.join(segments[2:]))}"
    return Address(text, url, _name(segments[-1], text), page, TOKEN_VARIABLE)


def _of_web(text: str) -> Address:
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"{text} is no address: name hf:OWNER/REPO/FILE.gguf, an https address of a .gguf file, or a model `models list` knows."
        )
    if parts.username is not None:
        raise UsageError(
            f"An address with a password in it would be stored: leave it out of {parts.hostname}, it is asked for when it is needed."
        )
    shown = parts._replace(query="", fragment="").geturl()
    return Address(shown, parts._replace(fragment="").geturl(), _name(unquote(PurePosixPath(parts.path).name), shown))


def _is_plain(segment: str) -> bool:
    return bool(segment) and segment not in (".", "..") and segment.isprintable() and not set(segment) & set('\\:?#%"<>| ')


def _name(name: str, text: str) -> str:
    if not NAME.fullmatch(name):
        raise UsageError(f"{text} does not name a .gguf file with a plain name.")
    return name


def _swapped(text: str, at: int, old: str, new: str) -> str:
    return text if at < 0 else text[:at] + new + text[at + len(old) :]
