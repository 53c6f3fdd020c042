"""`refine-tui models …`: what it prints, and with which exit status."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from refine_tui.cli import main
from refine_tui.cli.fetching import line
from refine_tui.models.download import Progress
from refine_tui.models.pulling import Puller
from tests.models.file_server import Served
from tests.network.loopback import serving

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, with folders of its own."""
    for kind in ("DATA", "CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str | Path) -> tuple[int, str, str]:
        status = main(["models", *map(str, arguments)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return command


@pytest.fixture
def own(tmp_path: Path, tiny: Path) -> Path:
    return Path(shutil.copy(tiny, tmp_path / "own.gguf"))


def test_the_list_marks_the_one_in_use_and_names_those_that_can_be_fetched(run: Run, own: Path) -> None:
    status, out, _ = run("list")
    assert status == 0
    assert out.startswith("* refine-line-edit-")
    run("add", own)
    run("use", "own")
    _, out, _ = run("list")
    assert "\n* own  llama F32  0 MB  context 512  scope-rewrite  (user)" in out
    run("use", "http://127.0.0.1:8080/v1#coder")
    assert "\n* http://127.0.0.1:8080/v1#coder\n" in run("list")[1]


def test_the_list_as_json(run: Run, own: Path) -> None:
    run("add", own)
    (own.parent / "data/refine-tui/models/bad.gguf").write_bytes(b"no")
    document: dict[str, Any] = json.loads(run("list", "--json")[1])
    assert document["version"] == 1
    assert document["in_use"] is None
    shipped, bad, mine = document["models"]
    assert (shipped["origin"], mine["name"], mine["fits"]) == ("shipped", "own", True)
    assert (bad["usable"], "not a GGUF file" in bad["reason"]) == (False, True)
    assert all({"name", "source", "licence", "files", "sampling", "unverified"} <= row.keys() for row in document["known"])


def test_all_that_is_known_of_one_is_shown(run: Run, own: Path) -> None:
    own.with_suffix(".toml").write_text(f'name = "Own"\nfile = "own.gguf"\nsha256 = "{"0" * 64}"\nlicence = "MIT"\n')
    status, out, _ = run("show", own)
    assert status == 0
    rows = {line[:21].strip(): line[21:] for line in out.splitlines()}
    assert (rows["architecture"], rows["quantisation"], rows["context tokens"], rows["licence"]) == ("llama", "F32", "512", "MIT")
    assert (rows["profile"], rows["has chat template"]) == ("scope-rewrite", "no")
    assert rows["profile reason"] == "it has neither a chat template nor marks for line edits or filling in the middle"
    assert (len(rows["sha256"]), rows["sha256 matches card"], rows["fits"]) == (64, "no", "yes")
    assert rows["memory needed bytes"].startswith("1")
    document = json.loads(run("show", own, "--json")[1])
    assert (document["sha256"], document["sha256_matches_card"], document["path"]) == (rows["sha256"], False, str(own))


def test_a_stopped_download_says_once_what_is_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> Iterator[Progress]:
        yield Progress("tiny.gguf", 10, 100)
        raise KeyboardInterrupt

    monkeypatch.setattr(Puller, "pull", stopped)
    status, out, said = run("pull", "https://models.example/tiny.gguf")
    assert (status, out) == (130, "")
    assert said.splitlines()[-1] == "Stopped. What has arrived is kept: the same command goes on from there."


def test_an_unknown_name_is_wrong_usage_with_near_names(run: Run) -> None:
    for action in ("show", "use", "remove"):
        status, out, err = run(action, "refine-lime-edit")
        assert (status, out) == (2, "")
        assert "There is no model refine-lime-edit. Near: refine-line-edit-" in err
    assert run("add", "nothing.gguf")[0] == 2


def test_a_file_that_is_no_model_is_an_error_and_nothing_is_added(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("hello")
    status, _, err = run("add", tmp_path / "text.gguf")
    assert (status, "not a GGUF file" in err) == (1, True)


def test_adding_choosing_and_removing_a_model(run: Run, own: Path) -> None:
    assert run("add", own)[1].startswith("own was added; its file stays where it is.")
    assert run("use", "own")[1] == "own will be used from the next start on.\n"
    assert run("remove", "own") == (0, "own was removed; the file it was added from stays.\n", "")
    assert own.exists()
    assert run("remove", "own")[0] == 2


def test_a_model_that_does_not_fit_may_be_chosen_with_a_word(run: Run, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refine_tui.cli.choosing.available_bytes", lambda: 1_000_000)
    assert "of memory, 1.0 MB are free now: it will not be loaded" in run("use", own)[2]


@pytest.fixture
def served(tiny: Path) -> Iterator[tuple[Served, str]]:
    server_of = Served(tiny.read_bytes())
    with serving(server_of) as server:
        yield server_of, server.url


def test_a_model_is_pulled_with_its_progress_in_lines(run: Run, served: tuple[Served, str]) -> None:
    served[0].breaks = [100_000]
    status, out, err = run("pull", f"{served[1]}/coder.gguf")
    assert status == 0
    assert out.splitlines()[0].startswith("coder is here, sha256 ")
    assert out.splitlines()[1] == "Use it: refine-tui models use coder"
    assert "trying again" in err
    assert err.splitlines()[-1].endswith("100% of 0.5 MB  checking what has arrived")
    assert "coder  llama F32" in run("list")[1]


def test_a_pull_as_json_ends_with_what_was_fetched(run: Run, served: tuple[Served, str], tmp_path: Path) -> None:
    status, out, _ = run("pull", f"{served[1]}/coder.gguf", "--json")
    *rows, last = map(json.loads, out.splitlines())
    assert (status, last["event"], last["name"], last["checked"]) == (0, "finished", "coder", "")
    assert last["path"] == str(tmp_path / "data/refine-tui/models/coder.gguf")
    assert all(row.keys() == {"event", "file", "done_bytes", "total_bytes", "bytes_per_s", "left_s", "note"} for row in rows)


def test_offline_nothing_is_pulled_by_option_or_by_setting(run: Run, served: tuple[Served, str], tmp_path: Path) -> None:
    address = f"{served[1]}/coder.gguf"
    assert run("pull", address, "--offline")[0] == 2
    (tmp_path / "refine.toml").write_text("offline = true\n")
    status, _, err = run("pull", address)
    assert (status, "offline is set" in err) == (2, True)
    assert served[0].sent == 0


def test_an_address_that_is_none_and_plain_http_to_others_are_refused(run: Run) -> None:
    assert run("pull", "hf:only/two")[0] == 2
    assert run("pull", "nothing-of-that-name")[0] == 2
    status, _, err = run("pull", "http://models.example/coder.gguf")
    assert (status, "plain http to another machine" in err) == (3, True)


def test_how_far_it_is_reads_like_a_sentence() -> None:
    assert line(Progress("a.gguf", 500_000_000, 2_000_000_000, 5e6)) == "a.gguf   25% of 2.00 GB  5.0 MB/s  5 min 00 s left"
    assert line(Progress("a.gguf", 0, 90_000_000_000, 1e6)).endswith("25 h 00 min left")
    assert line(Progress("a.gguf", 1_500_000, None)) == "a.gguf  1.5 MB"
    assert line(Progress("a.gguf", 0, 0)) == "a.gguf    0% of 0.0 MB"


def test_the_end_of_a_turn_is_read_from_the_files_own_template(run: Run, tmp_path: Path, tiny_gguf: Any) -> None:
    template = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|over|>{% endfor %}"
    fields = tiny_gguf.tiny_metadata() | {"tokenizer.chat_template": template}
    (tmp_path / "chatty.gguf").write_bytes(tiny_gguf.gguf_bytes(fields, [("a", (4,), bytes(16))]))
    document = json.loads(run("show", tmp_path / "chatty.gguf", "--json")[1])
    assert (document["has_chat_template"], document["turn_ends_with"], document["profile"]) == (True, "<|over|>", "scope-rewrite")


def test_a_model_that_is_known_by_its_card_is_shown_and_one_too_large_for_this_machine_is_marked(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(run("show", "starcoder2-3b", "--json")[1])
    assert (document["usable"], document["profile"], document["licence"], document["fits"]) == (False, "fim", "BigCode OpenRAIL-M", None)
    assert document["reason"] == "not here; refine-tui models pull starcoder2-3b"
    monkeypatch.setattr("refine_tui.cli.choosing.available_bytes", lambda: 3_000_000_000)
    assert json.loads(run("show", "gpt-oss-20b", "--json")[1])["fits"] is False
    marked = [line.split()[0] for line in run("list")[1].splitlines() if line.endswith("does not fit into the memory that is free")]
    assert "gpt-oss-20b" in marked
    assert "qwen2.5-coder-0.5b-instruct" not in marked
