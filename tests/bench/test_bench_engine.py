from __future__ import annotations

import json
import signal
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from refine_tui.bench.engine import Wish, machine, measure
from refine_tui.bench.engine_rows import news, tick_lateness
from refine_tui.bench.gguf_writing import PACKINGS, TOY, Chain, Kind, adapter_file, model_file, tensors
from refine_tui.bench.hosting import Hosted
from refine_tui.bench.measuring import at_least, at_most, percentile, row
from refine_tui.bench.pairs import Lab
from refine_tui.bootstrap_labs import make_lab
from refine_tui.cli import main
from refine_tui.core.errors import ModelError, StorageError, UsageError
from refine_tui.models.gguf_header import read_header


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("bench")
    return make_lab(folder, folder / "model.log")


def test_a_generated_model_is_what_its_shape_says_and_the_same_every_time(tmp_path: Path) -> None:
    path = model_file(TOY, tmp_path / "one")
    header = read_header(path)
    assert (header.architecture, header.quantisation, header.vocabulary_size) == ("qwen2", "Q4_0", TOY.vocabulary)
    assert header.of_architecture("embedding_length") == TOY.width
    assert path.read_bytes() == model_file(TOY, tmp_path / "two").read_bytes()


def test_a_generated_model_is_kept_and_another_shape_is_another_file(tmp_path: Path) -> None:
    path = model_file(TOY, tmp_path)
    path.write_bytes(b"kept")
    assert model_file(TOY, tmp_path).read_bytes() == b"kept"
    assert model_file(replace(TOY, layers=1), tmp_path) != path


def test_a_model_that_would_fill_the_disk_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="GB free"):
        model_file(replace(TOY, hidden=10**12), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_generated_adapter_is_for_its_shape_and_each_number_has_its_own(tmp_path: Path) -> None:
    one, two = (adapter_file(TOY, tmp_path, number) for number in (1, 2))
    header = read_header(one)
    assert header.text("adapter.type") == "lora"
    assert header.tensors == 4 * TOY.layers
    assert one.read_bytes() != two.read_bytes()
    assert adapter_file(TOY, tmp_path / "again", 1).read_bytes() == one.read_bytes()


@pytest.mark.parametrize("kind", PACKINGS)
def test_every_tensor_has_the_bytes_it_promises(kind: Kind) -> None:
    shape = replace(TOY, kind=kind)
    for tensor in tensors(shape, Chain(shape)):
        assert sum(map(len, tensor.pieces())) == tensor.size, tensor.name


def test_every_word_follows_exactly_one_word() -> None:
    chain = Chain(TOY)
    followers = chain.followers()
    assert len(set(followers.values())) == len(followers) == len(chain.words)
    assert len(set(chain.text(5, len(chain.words)))) == len(chain.words)


def test_needed_tokens_are_the_beginnings_nobody_computed_yet() -> None:
    told: set[tuple[str, ...]] = set()
    assert news(told, " a b c") == 3
    assert news(told, " a b d e") == 2
    assert news(told, " a b c") == 0
    assert news(told, " b") == 1


def test_the_interval_of_many_runs_is_narrower_than_their_range() -> None:
    found = row("x", [*map(float, range(100, 140)), 900.0], "ms")
    assert found.interval is not None
    assert 100.0 < found.interval[0] < 120.0 < found.interval[1] < 140.0


def test_a_row_is_a_median_and_meets_its_target_or_not() -> None:
    found = row("x", [3.0, 1.0, 2.0], "ms")
    assert (found.value, found.interval, found.runs) == (2.0, (1.0, 3.0), 3)
    assert (at_most(found, 2.0).ok, at_most(found, 1.9).ok, at_least(found, 2.0).ok) == (True, False, True)
    assert at_most(replace(found, value=None), 1.0).ok is False
    assert percentile([5.0, 1.0, 3.0], 0.99) == 5.0


def test_a_screen_that_is_never_kept_waiting_is_hardly_late() -> None:
    assert len(tick_lateness(0.05, lambda: None)) >= 3


def test_an_object_in_another_process_answers_by_name() -> None:
    with Hosted(dict, {"a": 1}) as hosted:
        assert hosted.call("get", "a") == 1
        with pytest.raises(ModelError, match="KeyError"):
            hosted.call("pop", "b")
        assert hosted.call("get", "a") == 1


def test_an_object_that_cannot_be_made_is_told() -> None:
    with pytest.raises(ModelError, match="ValueError"):
        Hosted(int, "no number")


def test_the_end_of_another_process_is_told_and_the_next_call_finds_a_new_one() -> None:
    with Hosted(import_module, "os") as hosted:
        first = hosted.call("getpid")
        with pytest.raises(ModelError, match="ended by SIGSEGV"):
            hosted.call("kill", first, signal.SIGSEGV)
        second = hosted.call("getpid")
        assert second != first
        with pytest.raises(ModelError, match="ended"):
            hosted.call("_exit", 3)
        assert hosted.call("getpid") not in (first, second)


@pytest.mark.parametrize("wish", [Wish(rows=("nonsense",)), Wish(shapes=("nonsense",))])
def test_an_unknown_name_is_answered_with_the_known_ones(lab: Lab, wish: Wish) -> None:
    with pytest.raises(UsageError, match=r"nonsense: there is no such .* Known: "):
        list(measure(lab, wish, lambda _: None))


def test_the_rows_of_a_model_are_measured_beside_plain_llama_cpp(lab: Lab) -> None:
    told: list[str] = []
    found = {one.row: one for one in measure(lab, Wish(rows=("computed", "first-token", "lookup"), quick=True), told.append)}
    assert len(told) == 4
    first = next(one for name, one in found.items() if name.startswith("first token"))
    assert first.value is not None
    assert first.baseline is not None
    assert first.target is None, "times of a toy are not judged"
    assert all(one.device.startswith("CPU") and "toy" in one.model for one in found.values())
    computed = found["tokens computed, of those needed, in a refinement"]
    assert (computed.basis, computed.value, computed.ok) == ("count", 1.0, True)
    calls = next(one for name, one in found.items() if name.startswith("model calls a token"))
    assert (calls.basis, calls.ok) == ("count", True), calls


def test_a_model_that_cannot_be_loaded_is_a_row_that_says_why(lab: Lab, tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + bytes(100))
    (found,) = measure(lab, Wish(model=bad, quick=True), lambda _: None)
    assert "bad.gguf" in found.unavailable


def test_the_machine_is_described(lab: Lab) -> None:
    facts = machine(lab)
    assert facts["llama_cpp_python"] == "0.3.36"
    assert facts["devices"]


def test_the_command_prints_one_object_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["bench", "engine", "--quick", "--rows", "adapter", "--cache", str(tmp_path), "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["row"] for one in rows] == ["machine", "loaded", "LoRA adapter, changed", "tokens computed, of those needed, with adapters"]
    assert (rows[3]["value"], rows[3]["ok"]) == (1.0, True), "nothing computed under one adapter is used under another, nor computed twice"
    assert status == 0
