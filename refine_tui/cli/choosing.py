"""`models`: which there are, what is known of one, and adding, choosing, fetching and removing them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from refine_tui.bootstrap_models import make_registry, make_remote
from refine_tui.bootstrap_settings import Places, settings_of
from refine_tui.cli.fetching import run_pull
from refine_tui.core.amounts import size_in_words
from refine_tui.core.errors import UnknownModelError
from refine_tui.core.sanitize import visible
from refine_tui.models.cards import Card
from refine_tui.models.description import ModelFile, UnusableFile
from refine_tui.models.digests import remembered_digest
from refine_tui.models.memory import WORKER_BYTES, available_bytes, needed_bytes
from refine_tui.models.registry import is_address

Row = dict[str, Any]


def run_models(options: argparse.Namespace) -> int:
    """Do what is asked for with models."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {"list": _list, "show": _show, "add": _add, "use": _use, "remove": _remove}
    actions["pull"] = run_pull
    return actions[options.action](options)


def model_line(model: ModelFile | UnusableFile) -> str:
    """Return one line on a model that is here."""
    if isinstance(model, UnusableFile):
        return f"{model.name}  cannot be used: {model.reason}"
    kind = f"{model.architecture or '?'} {model.quantisation or '?'}"
    size = f"{model.size_bytes / 1e6:,.0f} MB"
    return f"{model.name}  {kind}  {size}  context {model.context_tokens or '?'}  {model.profile}  ({model.origin})"


def _list(options: argparse.Namespace) -> int:
    registry = make_registry(Places())
    found, chosen = registry.list(), registry.chosen()
    here = {model.card.name for model in found if isinstance(model, ModelFile)}
    known = [card for card in registry.cards if card.name not in here]
    if options.json:
        rows = {"models": [_model_row(model) for model in found], "known": [_card_row(card) for card in known]}
        print(json.dumps({"version": 1, "in_use": chosen, **rows}))
        return 0
    in_use = chosen or (found[0].name if found else "none")
    for model in found:
        print(visible(f"{'*' if in_use in (model.name, str(model.path)) else ' '} {model_line(model)}"))
    if not found:
        print("No model is here. The program works without one: search alone proposes patches.")
    if in_use not in {name for model in found for name in (model.name, str(model.path))}:
        print(visible(f"* {in_use}"))
    if known:
        print("\nNot here; `refine-tui models pull NAME` fetches one:")
    for card in known:
        size = card.files[0].size_bytes if card.files else None
        fits = "" if _fits(size) is None else "  does not fit into the memory that is free"
        print(visible(f"  {card.name}  {size_in_words(size)}  {card.licence or 'licence unknown'}{fits}"))
    return 0


def _model_row(model: ModelFile | UnusableFile) -> Row:
    if isinstance(model, UnusableFile):
        return {"name": model.name, "path": str(model.path), "usable": False, "reason": model.reason}
    needed, free = needed_bytes(model.header, model.usable_context_tokens), available_bytes()
    return {
        "name": model.name,
        "path": str(model.path),
        "usable": True,
        "origin": model.origin,
        "architecture": model.architecture,
        "quantisation": model.quantisation,
        "context_tokens": model.context_tokens,
        "parameters": model.parameters,
        "size_bytes": model.size_bytes,
        "licence": model.licence,
        "profile": model.profile,
        "profile_reason": model.profile_reason,
        "has_chat_template": bool(model.chat_template),
        "turn_ends_with": _turn_end(model),
        "memory_needed_bytes": needed,
        "memory_free_bytes": free,
        "fits": None if free is None else needed <= free,
    }


def _turn_end(model: ModelFile) -> str | None:
    """Return what the model's own chat template writes after an answer; `None` when that cannot be told."""
    if not model.chat_template:
        return None
    from refine_tui.prompting.chat import ChatFormat

    return next(iter(ChatFormat(model.chat_template).stops), None)


def _fits(size: int | None) -> bool | None:
    """Return false for a file that is larger than the free memory; whether a smaller one fits is known when its header is here."""
    free = available_bytes()
    return False if size is not None and free is not None and size + WORKER_BYTES > free else None


def _card_row(card: Card) -> Row:
    files = [
        {"name": file.name, "quantisation": file.quantisation, "size_bytes": file.size_bytes, "size_exact": file.bytes is not None}
        | {"sha256": file.sha256 or None, "address": file.address}
        for file in card.files
    ]
    return {
        "name": card.name,
        "title": card.title,
        "usable": False,
        "reason": f"not here; refine-tui models pull {card.name}",
        "source": card.source,
        "licence": card.licence or None,
        "parameters": card.parameters,
        "context_tokens": card.context_tokens,
        "profile": card.profile or None,
        "files": files,
        "fits": _fits(card.files[0].size_bytes) if card.files else None,
        "sampling": dict(card.sampling),
        "unverified": list(card.unverified),
        "note": card.note,
    }


def _show(options: argparse.Namespace) -> int:
    registry = make_registry(Places())
    try:
        row = _whole_row(registry.resolve(options.name), registry.data_dir.parent)
    except UnknownModelError:
        card = registry.card(options.name)
        if card is None:
            raise
        row = _card_row(card)
    if options.json:
        print(json.dumps({"version": 1, **row}))
        return 0
    for key, value in row.items():
        print(visible(f"{key.replace('_', ' '):20} {_in_words(key, value)}"))
    return 0


def _whole_row(model: ModelFile, memory: Any) -> Row:
    """Return all that is known of one model; reading its whole file takes a while the first time."""
    row, found = _model_row(model), remembered_digest(model.path, memory)
    entry = model.card.file(model.path.name)
    claimed = entry.sha256 if entry else ""
    row |= {"sha256": found, "sha256_matches_card": found == claimed if claimed else None}
    return row | {"source": model.card.source or None, "sampling": dict(model.card.sampling), "unverified": list(model.card.unverified)}


def _in_words(key: str, value: Any) -> str:
    if value is None or value == "":
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key.endswith("_bytes"):
        return f"{size_in_words(value)} ({value:,} bytes)"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items()) or "unknown"
    if isinstance(value, list):
        return "; ".join(one if isinstance(one, str) else _file_in_words(one) for one in value) or "none"
    return str(value)


def _file_in_words(file: Row) -> str:
    return f"{file['name']} {'' if file['size_exact'] else 'about '}{size_in_words(file['size_bytes'])}"


def _add(options: argparse.Namespace) -> int:
    model = make_registry(Places()).add(options.file)
    print(visible(f"{model.name} was added; its file stays where it is. Use it: refine-tui models use {model.name}"))
    return 0


def _use(options: argparse.Namespace) -> int:
    if is_address(options.name):
        make_remote(options.name, settings_of(options, Places())[0])
    model = make_registry(Places()).use(options.name)
    print(visible(f"{model.name if model else options.name} will be used from the next start on."))
    if model:
        needed, free = needed_bytes(model.header, model.usable_context_tokens), available_bytes()
        if free is not None and needed > free:
            figures = f"{size_in_words(needed)} of memory, {size_in_words(free)} are free now"
            print(f"It needs {figures}: it will not be loaded before more is free.", file=sys.stderr)
    return 0


def _remove(options: argparse.Namespace) -> int:
    freed = make_registry(Places()).remove(options.name)
    rest = f"{size_in_words(freed)} are free again" if freed else "the file it was added from stays"
    print(visible(f"{options.name} was removed; {rest}."))
    return 0
