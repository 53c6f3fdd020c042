"""Secrets are taken out before anything is kept.

What is known exactly (a token read from the environment or the keyring) goes first; then what looks like a token of a well-known kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_SHORTEST_EXACT = 6
"""A shorter known value would hide ordinary words."""


@dataclass(frozen=True)
class _Kind:
    """A kind of token: how it is called, the literals one of which it holds, and its form.

    The literals are looked for first, and every repetition but a last one is bounded: the time stays in proportion to the text.
    """

    name: str
    literals: tuple[str, ...]
    pattern: re.Pattern[str]


_PEM = r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----|\Z)"
_KINDS = tuple(
    _Kind(name, tuple(literals.split()), re.compile(pattern))
    for name, literals, pattern in (
        ("private key", "-----BEGIN", _PEM),
        ("Hugging Face token", "hf_ api_org_", r"\b(?:hf|api_org)_[A-Za-z0-9]{30,}"),
        ("API key", "sk-", r"\bsk-[A-Za-z0-9_-]{20,}"),
        ("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})"),
        ("GitLab token", "glpat-", r"\bglpat-[A-Za-z0-9_-]{20,}"),
        ("AWS key", "AKIA ASIA", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        ("Google key", "AIza", r"\bAIza[A-Za-z0-9_-]{35}"),
        ("npm token", "npm_", r"\bnpm_[A-Za-z0-9]{36}"),
        ("PyPI token", "pypi-", r"\bpypi-[A-Za-z0-9_-]{50,}"),
        ("Slack token", "xox", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("Stripe key", "k_live_", r"\b[rs]k_live_[A-Za-z0-9]{16,}"),
        ("JSON web token", "eyJ", r"\beyJ[A-Za-z0-9_-]{10,200}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{5,}"),
        ("bearer token", "Bearer bearer", r"(?<=\b[Bb]earer )[A-Za-z0-9._~+/-]{20,}=*"),
        ("password", "://", r"(?<=://)[^\s:/@'\"]{0,80}:[^\s/@'\"]{1,200}(?=@)"),
    )
)
_NAMES = ("password", "passwd", "secret", "api_key", "apikey", "access_key", "accesskey", "auth_token", "access_token")
_QUOTED = r"(?P<quote>[\"'])[^\"'\s]{6,400}(?P=quote)"
_BARE = r"(?=[^\s]{0,60}[0-9])(?=[^\s]{0,60}[a-z])[a-z0-9_+/=!@#$%^&*-]{8,}(?![\w(.\[])"
"""Without quotes only what has letters and digits and is no call, attribute or index: `password=form.password` is code."""
_NAMED = re.compile(rf"(?i)((?:{'|'.join(_NAMES)})[a-z0-9_-]{{0,40}}[\"']?\s{{0,4}}[=:]\s{{0,4}})(?:{_QUOTED}|{_BARE})")


class Redactor:
    """Replaces secrets by words in square brackets."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = tuple(sorted({value for value in known if len(value) >= _SHORTEST_EXACT}, key=len, reverse=True))

    def text(self, text: str) -> str:
        """Return `text` without the secrets that can be told."""
        for secret in self._known:
            text = text.replace(secret, "[redacted: known secret]")
        for kind in _KINDS:
            if any(literal in text for literal in kind.literals):
                text = kind.pattern.sub(f"[redacted: {kind.name}]", text)
        lowered = text.lower()
        return _NAMED.sub(_named, text) if any(name in lowered for name in _NAMES) else text

    def value(self, value: Any) -> Any:
        """Return a JSON-ready value with every text in it, keys included, redacted; bytes, under a key `b64`, stay whole.

        They belong to patches of the user's own files, and one with words of ours in it must never be written there.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): item if key == "b64" else self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.value(item) for item in value]
        return value


def _named(match: re.Match[str]) -> str:
    quote = match["quote"] or ""
    return f"{match[1]}{quote}[redacted]{quote}"
