"""The recipe from first to last: on a CPU the same recipe, environment and machine give the same file."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from refine_tui.core.errors import UsageError
from refine_tui.learn.card import render_card
from refine_tui.learn.corpus import Corpus, Exclusions, Function, Package, collect, installed, put, standard_library
from refine_tui.learn.examples import Mix, Mutate, RenderEdit, RenderPrompt, draw
from refine_tui.learn.export import Label, Quantisation, write_gguf
from refine_tui.learn.making import Makers
from refine_tui.learn.network import Network, Shape
from refine_tui.learn.tokenizer import Vocabulary
from refine_tui.learn.training import Log, Plan, Tokens, Trainer

HELD_OUT = ("click", "more-itertools", "packaging", "sortedcontainers")


@dataclass(frozen=True, slots=True)
class Echo:
    """When examples are turned into plain copying: the code twice, the second time as the answer.

    An answer repeats most of a line, and a network this small takes millions of tokens to find out how to look a line up. A
    few hundred thousand tokens that are half copies teach it that. The marks between the halves never occur in use.
    """

    first: int = 0
    """Chunk."""
    stop: int = 3
    """Chunk after the last one."""
    share: float = 0.3
    """Of the examples."""

    def applies(self, chunk: int, rng: random.Random) -> bool:
        """Draw whether an example of this chunk is turned."""
        return self.first <= chunk < self.stop and rng.random() < self.share


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what comes out, besides the versions of the packages read."""

    sites: tuple[Path, ...]
    """Site-packages folders to read functions from."""
    marks: tuple[str, ...]
    """The prompt format's marks; the last one ends an answer."""
    label: Label
    exclusions: tuple[Path, ...] = ()
    """JSON lines whose texts must not be learned from."""
    held_out: tuple[str, ...] = HELD_OUT
    """Packages that are never trained on, for measuring."""
    with_standard_library: bool = True
    seed: int = 1
    lines: tuple[int, int] = (3, 45)
    longest: int = 2400
    """Characters a function may have."""
    per_package: int = 25_000
    chunk: int = 400
    """Functions a chunk."""
    favoured: int = 250
    """Functions longer than this many characters come up the more rarely, the longer they are."""
    echo: Echo = field(default_factory=Echo)
    shape: Shape = field(default_factory=Shape)
    quantisation: Quantisation = "F16"
    makers: int = 0
    """Processes that make chunks ahead; with none they are made in between, which is right where training is slow."""
    mix: Mix = field(default_factory=Mix)
    plan: Plan = field(default_factory=Plan)


@dataclass(frozen=True, slots=True)
class Result:
    """What a run left behind."""

    model: Path
    manifest: Path
    card: Path
    finished: bool
    """Whether the plan's tokens were all read; if not, running again carries on."""


def run(
    recipe: Recipe,
    *,
    mutate: Mutate,
    render_prompt: RenderPrompt,
    render_edit: RenderEdit,
    out: Path,
    log: Log,
    stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Collect, learn, export; carry on from the checkpoint in `out` when there is one.

    Args:
        recipe: what to make.
        mutate: every single edit of a function's text.
        render_prompt: numbered lines to prompt.
        render_edit: lines before and after to answer.
        out: folder for corpus, tokenizer, checkpoint, manifest and model; made when missing.
        log: takes lines of progress.
        stop: asked after each step; when it says yes, the checkpoint is written and the model exported as it is.

    Raises:
        OSError: `out` cannot be written or an exclusion list cannot be read.
        UsageError: `out` holds a run of another recipe.
    """
    out.mkdir(parents=True, exist_ok=True)
    claim(recipe, out)
    torch.set_num_threads(recipe.plan.threads)
    torch.manual_seed(recipe.seed)
    corpus = prepare(recipe, out, log)
    vocabulary = learn_vocabulary(recipe, corpus, render_prompt, out)
    network = Network(recipe.shape)
    chunks = Chunks(recipe, corpus.functions, vocabulary, mutate, render_prompt, render_edit)
    with Makers(chunks.make, recipe.makers) if recipe.makers else nullcontext(chunks.make) as make_chunk:
        trainer = Trainer(network, recipe.plan, make_chunk, recipe.seed, vocabulary.end)
        checkpoint = out / "checkpoint.pt"
        if checkpoint.exists():
            trainer.load(checkpoint)
            log("carrying on: " + trainer.describe())
        finished = trainer.run(log, lambda: trainer.save(checkpoint), stop)
    model, manifest = export(recipe, network, vocabulary, out), write_manifest(recipe, corpus, trainer, out)
    return Result(model, manifest, write_card(recipe, model, manifest), finished)


def claim(recipe: Recipe, out: Path) -> None:
    """Note in `out` what the run there is made of, or see that it is made of the same: carrying on with anything else is no recipe.

    How much is read, and on how many threads, may be another the next time.
    """
    plan = replace(recipe.plan, tokens=0, threads=0, save_every=0.0)
    same = asdict(replace(recipe, plan=plan, makers=0, sites=(), exclusions=()))
    same["exclusions"] = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in recipe.exclusions)
    path, text = out / "recipe.json", json.dumps(same, indent=1, sort_keys=True)
    if not path.exists() and not (out / "corpus.json").exists():
        put(path, text)
    elif not path.exists() or path.read_text("utf-8") != text:
        raise UsageError(f"{out} holds a run of another size, device or list of exclusions. Name another folder, or remove that one.")


def packages(recipe: Recipe) -> list[Package]:
    """Return the standard library and the distributions of the recipe's folders; of two with one name the first."""
    found: dict[str, Package] = {"python": standard_library()} if recipe.with_standard_library else {}
    for site in recipe.sites:
        for package in installed(site):
            found.setdefault(package.name, package)
    return list(found.values())


def prepare(recipe: Recipe, out: Path, log: Log) -> Corpus:
    """Collect the corpus into `out`, or read the one that an earlier run left there."""
    corpus = Corpus.load(out)
    if corpus is None:
        corpus = collect_for(recipe, [package for package in packages(recipe) if package.name not in recipe.held_out])
        corpus.save(out)
    log(f"{len(corpus.functions)} functions from {len(corpus.packages)} packages; dropped {dict(corpus.dropped)}")
    return corpus


def collect_for(recipe: Recipe, chosen: Sequence[Package]) -> Corpus:
    """Collect the functions of some packages under the recipe's limits and exclusions."""
    lines = range(recipe.lines[0], recipe.lines[1] + 1)
    exclusions = Exclusions.read(recipe.exclusions)
    return collect(chosen, exclusions, lines=lines, longest=recipe.longest, at_most=recipe.per_package)


def learn_vocabulary(recipe: Recipe, corpus: Corpus, render_prompt: RenderPrompt, out: Path) -> Vocabulary:
    """Train the tokenizer on rendered functions, or read the one that an earlier run left in `out`."""
    path = out / "tokenizer.json"
    if not path.exists():
        sample = random.Random(recipe.seed).sample(corpus.functions, min(20_000, len(corpus.functions)))
        texts = [render_prompt(function.text.rstrip("\n").split("\n")) for function in sample]
        put(path, Vocabulary.train(texts, recipe.shape.vocabulary, recipe.marks).as_json())
    return Vocabulary.load(path, recipe.marks)


class Chunks:
    """Makes a chunk's examples from its number: which functions, which bugs, as token ids."""

    def __init__(
        self,
        recipe: Recipe,
        functions: Sequence[Function],
        vocabulary: Vocabulary,
        mutate: Mutate,
        render_prompt: RenderPrompt,
        render_edit: RenderEdit,
    ) -> None:
        self._recipe = recipe
        self._functions = functions
        self._vocabulary = vocabulary
        self._parts = mutate, recipe.mix, render_prompt, render_edit
        self._epoch = -1
        self._order: list[Function] = []

    def make(self, chunk: int) -> list[Tokens]:
        """Return the chunk's sequences that fit the context."""
        size = self._recipe.chunk
        picked = [self._at(index) for index in range(chunk * size, (chunk + 1) * size)]
        examples = draw(picked, self._recipe.seed * 7919 + chunk, *self._parts)
        prompts = self._vocabulary.encode_all([example.prompt for example in examples])
        answers = self._vocabulary.encode_all([example.answer for example in examples])
        sequences = []
        rng = random.Random(f"{self._recipe.seed}/echo/{chunk}")
        for example, prompt, answer in zip(examples, prompts, answers, strict=True):
            code = prompt[:-1]  # without the mark that asks for an edit
            if 2 * len(code) <= self._recipe.shape.context and self._recipe.echo.applies(chunk, rng):
                sequences.append(Tokens(tuple(code + code), len(code) + 1))
            elif len(prompt) + len(answer) <= self._recipe.shape.context:
                sequences.append(Tokens(tuple(prompt + answer), len(prompt), example.families))
        return sequences

    def _at(self, index: int) -> Function:
        """Return the function at this place of an endless series of shuffled passes.

        A pass takes a long function with a probability that falls with its length, so passes differ in content; each is
        cut to the same size to make places computable.
        """
        size = len(self._functions) // 2
        epoch, place = divmod(index, max(1, size))
        if epoch != self._epoch:
            rng = random.Random(f"{self._recipe.seed}/pass/{epoch}")
            keys = [(rng.random() ** max(1.0, len(each.text) / self._recipe.favoured), each) for each in self._functions]
            self._order = [each for _, each in sorted(keys, key=lambda pair: -pair[0])][: max(1, size)]
            rng.shuffle(self._order)
            self._epoch = epoch
        return self._order[place]


def export(recipe: Recipe, network: Network, vocabulary: Vocabulary, out: Path) -> Path:
    """Write the network as it is to a GGUF file in `out`."""
    path = out / f"{recipe.label.file_stem}.gguf"
    write_gguf(path, network, vocabulary, recipe.label, recipe.quantisation)
    return path


def write_manifest(recipe: Recipe, corpus: Corpus, trainer: Trainer, out: Path) -> Path:
    """Write what went in and how far it went to `out`."""
    path = out / "manifest.json"
    rows: dict[str, Any] = {
        "seed": recipe.seed,
        "held_out": list(recipe.held_out),
        "shape": trainer.network.describe(),
        "quantisation": recipe.quantisation,
        "plan": asdict(recipe.plan),
        "mix": asdict(recipe.mix),
        "echo": asdict(recipe.echo),
        "progress": {**asdict(trainer.progress), "families": dict(sorted(trainer.progress.families.items()))},
        "corpus": corpus.manifest(),
    }
    put(path, json.dumps(rows, indent=1))
    return path


def write_card(recipe: Recipe, model: Path, manifest: Path) -> Path:
    """Write the card of what was made beside it; what only measuring can tell is not in it yet."""
    path = model.with_suffix(".toml")
    rows = json.loads(manifest.read_text("utf-8"))
    put(path, render_card(model, rows, {}, name=recipe.label.name, licence=recipe.label.licence))
    return path
