"""What a server has, as far as it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from refine_tui.core.errors import ModelError, NetworkError, UnknownModelError
from refine_tui.loop.ports.thinking import ModelInfo
from refine_tui.remote.address import ServerAddress
from refine_tui.remote.exchange import DroppedError, Exchange, Json, Server, printable

CHAT_TEMPLATE = "{{ messages | tojson }}"
"""The server has the model's own template: a prompt for it is the conversation itself."""
LLAMA_CPP = "llamacpp"
SHOWN = 8


@dataclass(frozen=True)
class Offer:
    """The model that was asked for, on its server."""

    info: ModelInfo
    holds_grammar: bool
    """Whether the server is known to keep to a GBNF grammar."""


def look(server: Server) -> Offer:
    """Ask a server what it has.

    Raises:
        NetworkError: it cannot be reached.
        UnknownModelError: it has no such model.
        ModelError: it wants a key, or does not speak the protocol.
    """
    address = server.address
    try:
        row = _chosen(_rows(Exchange(server).get(address.url("/models"))), address)
        is_llama_cpp = row.get("owned_by") == LLAMA_CPP
        context = _context(row) if not is_llama_cpp else _llama_cpp_context(server) or _context(row)
    except DroppedError as error:
        raise NetworkError(f"{error}. Check address and server.") from error
    name, meta = printable(str(row["id"])), row.get("meta")
    info = ModelInfo(
        name=name,
        path=f"{address.base}#{name}",
        architecture="",
        quantisation="",
        parameters=_number(meta, "n_params"),
        context_tokens=context,
        device=f"server {address.place}",
        profile="scope-rewrite",
        chat_template=CHAT_TEMPLATE,
    )
    return Offer(info, is_llama_cpp)


def _rows(answer: Json) -> list[Mapping[str, Any]]:
    found = answer.get("data")
    return [row for row in found if isinstance(row, Mapping) and isinstance(row.get("id"), str)] if isinstance(found, list) else []


def _chosen(rows: list[Mapping[str, Any]], address: ServerAddress) -> Mapping[str, Any]:
    named = {str(row["id"]): row for row in rows}
    if address.model in named:
        return named[address.model]
    if not address.model and len(named) == 1:
        return next(iter(named.values()))
    if not named:
        raise ModelError(f"{address.place} names no model. Load one there, or check the address.")
    near = get_close_matches(address.model, named, n=3, cutoff=0.4) or list(named)[:SHOWN]
    wanted = f"has no model {address.model}" if address.model else "has several models: name one after a # in the address"
    raise UnknownModelError(f"{address.place} {wanted}. {'Near' if address.model else 'It has'}: {printable(', '.join(near))}.")


def _context(row: Mapping[str, Any]) -> int:
    """Return how many tokens a model may be given: as vLLM tells it, else what it was trained for; 0 when neither is told."""
    return _number(row, "max_model_len") or _number(row.get("meta"), "n_ctx_train")


def _llama_cpp_context(server: Server) -> int:
    """Return the context a llama.cpp server gives each request; 0 when it does not say."""
    try:
        settings = Exchange(server).get(server.address.beside("/props")).get("default_generation_settings")
    except (ModelError, DroppedError):
        return 0
    return _number(settings, "n_ctx")


def _number(table: Any, key: str) -> int:
    value = table.get(key) if isinstance(table, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
