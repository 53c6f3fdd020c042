from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from refine_tui.core.errors import UsageError
from refine_tui.learn.examples import Mutant

pytestmark = pytest.mark.train

torch: Any = pytest.importorskip("torch")
gguf: Any = pytest.importorskip("gguf")
transformers: Any = pytest.importorskip("transformers")

MARKS = ("<|code|>", "<|edit|>", "<|end|>")


def mutate(text: str) -> Iterator[Mutant]:
    for found in re.finditer(r"[-+<]", text):
        yield Mutant("signs", text[: found.start()] + {"+": "-", "-": "+", "<": ">"}[found[0]] + text[found.end() :])


def prompt(lines: Sequence[str]) -> str:
    return "<|code|>" + "".join(f"{number}|{line}\n" for number, line in enumerate(lines, 1)) + "<|edit|>"


def answer(old: Sequence[str], new: Sequence[str]) -> str:
    rows = [f"{number}|{after}\n" for number, (before, after) in enumerate(zip(old, new, strict=True), 1) if before != after]
    return "".join(rows) + "<|end|>"


def make_site(folder: Path) -> Path:
    """Lay down one installed package of thirty functions."""
    record = folder / "signs-1.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.4\nName: signs\nVersion: 1\nLicense-Expression: MIT\n")
    (record / "RECORD").write_text("signs.py,,\n")
    many = (f"def f{n}(a, b):\n    c = a + b - {n}\n    if c < {n * n}:\n        return c\n    return b\n\n" for n in range(30))
    (folder / "signs.py").write_text("".join(many))
    return folder


def small_recipe(tmp_path: Path) -> Any:
    from refine_tui.learn.export import Label
    from refine_tui.learn.network import Shape
    from refine_tui.learn.recipe import Recipe
    from refine_tui.learn.training import Plan

    shape = Shape(vocabulary=320, context=512, width=32, layers=2, heads=2, feed_forward=64)
    plan = Plan(tokens=9_000, batch_tokens=1024, threads=1)
    label = Label("small", "Small", "MIT")
    site = make_site(tmp_path / "site")
    return Recipe((site,), MARKS, label, with_standard_library=False, shape=shape, plan=plan, chunk=20)


def run(recipe: Any, out: Path, steps: int = 10**9) -> Any:
    from refine_tui.learn.recipe import run as run_recipe

    asked = iter(range(1, steps + 1))
    return run_recipe(
        recipe,
        mutate=mutate,
        render_prompt=prompt,
        render_edit=answer,
        out=out,
        log=lambda line: None,
        stop=lambda: next(asked) == steps,
    )


def test_a_run_that_was_stopped_and_carried_on_gives_the_same_file(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    whole = run(recipe, tmp_path / "whole")
    first = run(recipe, tmp_path / "parts", steps=2)
    second = run(recipe, tmp_path / "parts")
    assert (whole.finished, first.finished, second.finished) == (True, False, True)
    assert second.model.read_bytes() == whole.model.read_bytes()
    progress = json.loads(second.manifest.read_text())["progress"]
    assert progress["tokens"] >= recipe.plan.tokens
    assert progress["families"].keys() == {"signs"}


def test_what_is_carried_on_is_the_same_recipe_or_nothing(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    run(recipe, tmp_path / "out", steps=1)
    exclusion = tmp_path / "exclude.jsonl"
    exclusion.write_text('{"text": "def f7(a, b): pass"}\n')
    for other in (
        replace(recipe, exclusions=(exclusion,)),
        replace(recipe, seed=2),
        replace(recipe, shape=replace(recipe.shape, layers=1)),
    ):
        with pytest.raises(UsageError, match="another size"):
            run(other, tmp_path / "out")
    assert run(replace(recipe, plan=replace(recipe.plan, tokens=12_000)), tmp_path / "out").finished


def test_the_card_of_a_run_says_what_it_learned_from_and_no_more(tmp_path: Path) -> None:
    result = run(small_recipe(tmp_path), tmp_path / "out", steps=2)
    card = tomllib.loads(result.card.read_text("utf-8"))
    assert card["sha256"] == hashlib.sha256(result.model.read_bytes()).hexdigest()
    assert (card["training"]["steps"], card["corpus"]["functions"], "figures" in card) == (2, 30, False)
    assert 0 < card["bugs"]["signs"] <= 2 * card["training"]["examples"]


KILLED = """
import os, signal, sys
from pathlib import Path
from dataclasses import replace
from tests.learn.test_learn_training import answer, mutate, prompt, small_recipe
from refine_tui.learn import recipe as room
recipe = small_recipe(Path(sys.argv[1]))
recipe = replace(recipe, plan=replace(recipe.plan, save_every=0.0))
count = [int(sys.argv[2])]
write = Path.replace
def replaced(self, target):
    if count[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    count[0] -= 1
    return write(self, target)
Path.replace = replaced
room.run(recipe, mutate=mutate, render_prompt=prompt, render_edit=answer, out=Path(sys.argv[1]) / "out", log=print)
"""


@pytest.mark.parametrize("at", [2, 3, 8])
def test_a_run_that_was_killed_and_carried_on_gives_the_same_file(tmp_path: Path, at: int) -> None:
    root = Path(__file__).parents[2]
    child = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(at)], cwd=root, capture_output=True, text=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr
    recipe = replace(small_recipe(tmp_path / "again"), sites=(tmp_path / "site",))
    second = run(recipe, tmp_path / "out")
    whole = run(recipe, tmp_path / "whole")
    assert second.finished
    assert second.model.read_bytes() == whole.model.read_bytes()


def test_another_seed_gives_another_file(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    one = run(recipe, tmp_path / "one", steps=1)
    two = run(replace(recipe, seed=2), tmp_path / "two", steps=1)
    assert one.model.read_bytes() != two.model.read_bytes()


def test_the_exported_file_says_what_it_is(tmp_path: Path) -> None:
    result = run(small_recipe(tmp_path), tmp_path / "out", steps=1)
    reader = gguf.GGUFReader(result.model)
    field = {name: reader.get_field(name).contents() for name in ("general.name", "general.license", "llama.context_length")}
    assert field == {"general.name": "Small", "general.license": "MIT", "llama.context_length": 512}
    assert reader.get_field("tokenizer.ggml.pre").contents() == "starcoder"
    assert reader.get_field("tokenizer.ggml.tokens").contents()[:3] == list(MARKS)
    assert len(reader.tensors) == 2 + 2 * 9


def test_transformers_reads_the_same_network(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    from refine_tui.learn.network import Network, Shape
    from refine_tui.learn.tokenizer import Vocabulary

    torch.manual_seed(0)
    vocabulary = Vocabulary.train(["def f(x): return x"] * 3, 300, MARKS)
    network = Network(Shape(vocabulary=len(vocabulary), context=64, width=32, layers=2, heads=2, feed_forward=64))
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **network.shape.llama_config()}
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    save_file(network.llama_state(), tmp_path / "model.safetensors", metadata={"format": "pt"})
    other = transformers.LlamaForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    ids = torch.randint(0, len(vocabulary), (2, 40))
    with torch.no_grad():
        assert torch.allclose(other(ids).logits, network.logits(network(ids)), atol=1e-5)


def test_the_tokenizer_gives_back_any_text() -> None:
    from refine_tui.learn.tokenizer import Vocabulary

    vocabulary = Vocabulary.train(["1|def f(x):\n2|    return 10\n"], 320, MARKS)
    for text in ("a\n\n  b\té\u2028😀 123", "<|code|>1|x\n<|edit|>", ""):
        assert vocabulary.decode(vocabulary.encode(text)) == text
    assert len(vocabulary.encode("2024")) == 4
    assert vocabulary.encode("<|end|>") == [vocabulary.end]
