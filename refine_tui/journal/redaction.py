"""Secrets are taken out before anything is kept.

What is known exactly (a token read from the environment or the keyring) goes first; then what looks like a token of a well-known kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_SHORTEST_EXACT = 6
"""A shorter known value would hide ordinary words."""

_KINDS: tuple[tuple[str, str], ...] = (
    ("private key", r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\Z)"),
    ("Hugging Face token", r"\b(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    ("API key", r"\bsk-(?:proj-|ant-|svcacct-|admin-|or-)?[A-Za-z0-9_-]{20,}"),
    ("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})"),
    ("GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("AWS key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("Google key", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("npm token", r"\bnpm_[A-Za-z0-9]{36}"),
    ("PyPI token", r"\bpypi-[A-Za-z0-9_-]{50,}"),
    ("Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("Stripe key", r"\b[rs]k_live_[A-Za-z0-9]{16,}"),
    ("JSON web token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}"),
    ("bearer token", r"(?i:(?<=\bbearer ))[A-Za-z0-9._~+/-]{20,}=*"),
)
_KNOWN = re.compile("|".join(f"(?P<k{n}>{pattern})" for n, (_, pattern) in enumerate(_KINDS)))
_IN_ADDRESS = re.compile(r"(?<=://)([^\s:/@'\"]*):([^\s/@'\"]+)(?=@)")
_NAME = r"[a-z0-9_-]*(?:password|passwd|secret|api_?key|access_?key|auth_?token|access_?token)[a-z0-9_-]*"
_QUOTED = r"(?P<quote>[\"'])[^\"'\s]{6,}(?P=quote)"
_BARE = r"(?=\S*[0-9])(?=\S*[a-z])[a-z0-9_+/=!@#$%^&*-]{8,}(?![\w(.\[])"
"""Without quotes only what has letters and digits and is no call, attribute or index: `password=form.password` is code."""
_NAMED = re.compile(rf"(?i)\b({_NAME}[\"']?\s*[=:]\s*)(?:{_QUOTED}|{_BARE})")


class Redactor:
    """Replaces secrets by words in square brackets."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = tuple(sorted({value for value in known if len(value) >= _SHORTEST_EXACT}, key=len, reverse=True))

    def text(self, text: str) -> str:
        """Return `text` without the secrets that can be told."""
        for secret in self._known:
            text = text.replace(secret, "[redacted: known secret]")
        text = _KNOWN.sub(lambda match: f"[redacted: {_KINDS[int((match.lastgroup or 'k0')[1:])][0]}]", text)
        text = _IN_ADDRESS.sub(r"\1:[redacted: password]", text)
        return _NAMED.sub(_named, text)

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
