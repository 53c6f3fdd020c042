from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

from refine_tui.learn.card import render_card

MANIFEST: dict[str, Any] = {
    "seed": 1,
    "held_out": ["click"],
    "shape": {"parameters": 5, "layers": 1, "width": 2, "vocabulary": 3, "context": 4},
    "quantisation": "Q8_0",
    "plan": {"peak_rate": 3e-3, "batch_tokens": 4096, "device": "cuda"},
    "progress": {"tokens": 7, "examples": 2, "step": 1, "seconds": 36.0, "answer_loss": 0.5, "families": {"compare": 2}},
    "corpus": {
        "functions": 1,
        "sha256": "ab",
        "dropped": {"over the package's limit": 3},
        "packages": [{"name": "p", "version": "1", "licence": 'The "best"', "functions": 1}],
    },
}


def test_a_card_is_toml_that_names_the_file_by_its_digest(tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")
    card = tomllib.loads(render_card(model, MANIFEST, {"held_out_packages": {"bugs": 9, "first": 0.5}}, name="M", licence="MIT"))
    assert card["sha256"] == hashlib.sha256(b"GGUF").hexdigest()
    assert card["profile"] == "line-edit"
    assert card["figures"]["held_out_packages"] == {"bugs": 9, "first": 0.5}
    assert card["corpus"]["dropped"] == {"over the package's limit": 3}
    assert card["corpus"]["packages"][0]["licence"] == 'The "best"'
    assert card["training"]["hours"] == 0.01
