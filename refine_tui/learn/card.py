"""The card that lies beside a weight file: what it is, where it comes from, how to ask it, how good it was measured to be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_ABOUT = """\
# Written by refine_tui.learn.card. The model was trained from scratch by this repository's own recipe; it only knows
# functions of Python, ranks and writes one-line repairs, and is far too small to converse or to reason about tests.
"""


def render_card(model: Path, manifest: Mapping[str, Any], figures: Mapping[str, Mapping[str, Any]], *, name: str, licence: str) -> str:
    """Return the card as TOML.

    Args:
        model: the weight file; its size and digest go in.
        manifest: what `refine_tui.learn.recipe.run` wrote.
        figures: sections of measured figures, each a flat table.
        name: for people.
        licence: of the weights.

    Raises:
        OSError: the weight file cannot be read.
    """
    content = model.read_bytes()
    shape, progress, corpus = manifest["shape"], manifest["progress"], manifest["corpus"]
    tables: dict[str, Mapping[str, Any]] = {
        "": {
            "name": name,
            "file": model.name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "licence": licence,
            "source": "trained from scratch by refine_tui.learn",
            "architecture": "llama",
            "quantisation": manifest["quantisation"],
            "parameters": shape["parameters"],
            "layers": shape["layers"],
            "width": shape["width"],
            "vocabulary": shape["vocabulary"],
            "context": shape["context"],
            "profile": "line-edit",
        },
        "sampling": {"temperature": 0.9, "top_p": 0.95, "top_k": 0, "stop": "<|end|>", "max_tokens": 96},
        "training": {
            "seed": manifest["seed"],
            "tokens": progress["tokens"],
            "examples": progress["examples"],
            "steps": progress["step"],
            "hours": round(progress["seconds"] / 3600, 2),
            "answer_loss": round(progress["answer_loss"], 3),
            "peak_rate": manifest["plan"]["peak_rate"],
            "batch_tokens": manifest["plan"]["batch_tokens"],
            "device": manifest["plan"]["device"],
        },
        "bugs": progress["families"],
        "corpus": {"functions": corpus["functions"], "sha256": corpus["sha256"], "held_out": manifest["held_out"]},
        "corpus.dropped": corpus["dropped"],
        **{f"figures.{section}": rows for section, rows in figures.items()},
    }
    parts = [_ABOUT, *(_table(title, rows) for title, rows in tables.items())]
    return "\n".join([*parts, *(_package(row) for row in corpus["packages"])])


def _table(title: str, rows: Mapping[str, Any]) -> str:
    return (f"[{title}]\n" if title else "") + "".join(f"{_key(name)} = {_value(value)}\n" for name, value in rows.items())


def _package(row: Mapping[str, Any]) -> str:
    return "[[corpus.packages]]\n" + "".join(f"{name} = {_value(value)}\n" for name, value in row.items())


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)


def _value(value: Any) -> str:
    """Return a TOML value; JSON's strings, numbers, booleans and flat lists are TOML's too, DEL aside, which does not occur."""
    return json.dumps(value, ensure_ascii=False)
