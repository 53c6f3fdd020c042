"""Another model in the place of the one in use: what is under way ends, nothing the old one says is taken, and failures change nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from refine_tui.core.errors import ModelError, StorageError, UnknownModelError, UsageError
from refine_tui.loop import events
from refine_tui.loop.ports.choosing import Choice, Fetched, Fetching
from refine_tui.loop.ports.running import Cancelled
from refine_tui.loop.ports.thinking import Completion, Delta, Generator, ModelInfo, Request
from tests.loop.loop_script import Answers, Bench, ScriptedModel, block, never

ROMAN = 'def roman(number):\n    return ""\n'
RIGHT = 'def roman(number):\n    return "IV"\n'
PROJECT = {"roman.py": ROMAN, "test_roman.py": 'from roman import roman\n\ndef test_four():\n    assert roman(4) == "IV"\n'}


class Named(ScriptedModel):
    """A scripted model with a name, that knows whether it was closed, and may wait in the middle of an answer."""

    def __init__(self, name: str, answers: Answers, *, broken: bool = False) -> None:
        super().__init__(answers)
        self.name, self.broken, self.closed, self.loads = name, broken, threading.Event(), 0
        self.writes, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def load(self) -> ModelInfo:
        self.loads += 1
        if self.broken:
            raise ModelError(f"{self.name} is damaged.")
        return replace(super().load(), name=self.name, path=f"/models/{self.name}.gguf")

    def complete(self, request: Request, cancelled: Cancelled) -> Iterator[Delta | Completion]:
        for item in super().complete(request, cancelled):
            yield item
            self.writes.set()
            while not self.go_on.wait(0.01) and not self.closed.is_set():
                if cancelled():
                    yield Completion(0, "", "cancelled", 0, 0.0)
                    return

    def close(self) -> None:
        self.closed.set()


class ShelfOf:
    """Models by name; what is opened by path is the same model anew."""

    def __init__(self, *makers: Callable[[], Named]) -> None:
        self._makers = {maker().name: maker for maker in makers}
        self.opened: list[Named] = []
        self.kept: list[str] = []
        self.is_full = False

    def open(self, wish: str) -> Generator | None:
        if wish == "none":
            return None
        name = wish.rpartition("/")[2].removesuffix(".gguf")
        if name not in self._makers:
            raise UnknownModelError(f"There is no model {name}.")
        self.opened.append(self._makers[name]())
        return self.opened[-1]

    def keep(self, wish: str) -> None:
        if self.is_full:
            raise StorageError("The disk is full.")
        self.kept.append(wish)

    def choices(self) -> tuple[Choice, ...]:
        raise NotImplementedError

    def free_bytes(self) -> int | None:
        raise NotImplementedError

    def add(self, file: str) -> str:
        raise NotImplementedError

    def fetch(self, wanted: str) -> Iterator[Fetching | Fetched]:
        raise NotImplementedError

    def listen(self, ask: object, tell: object) -> None:
        raise NotImplementedError


def right() -> Named:
    return Named("right", lambda _: [block(RIGHT)])


def damaged() -> Named:
    return Named("damaged", lambda _: [], broken=True)


def opened(old: Named) -> Bench:
    """Return a session whose tests have run and whose model is loaded."""
    bench = Bench(PROJECT, lambda _: [], real=old)
    for _ in bench.session.survey(never):
        pass
    bench.session.load_model()
    return bench


def use(bench: Bench, shelf: ShelfOf, wish: str) -> events.ModelReady:
    *_, ready = bench.session.use_model(shelf, wish)  # type: ignore[arg-type]
    assert isinstance(ready, events.ModelReady)
    return ready


def test_the_old_model_is_closed_and_the_new_one_is_loaded_and_remembered() -> None:
    old, shelf = right(), ShelfOf(right)
    bench = opened(old)
    ready = use(bench, shelf, "right")
    assert old.closed.is_set()
    assert ready.info is not None
    state = bench.session.state()
    assert (state.model, state.model_reason, state.loading) == (ready.info, "", "")
    assert (shelf.kept, [one.loads for one in shelf.opened]) == (["right"], [1])


def test_a_task_that_is_cancelled_does_not_wait_until_its_model_is_loaded() -> None:
    class Slow(Named):
        loading, stopped = threading.Event(), threading.Event()

        def load(self) -> ModelInfo:
            self.loading.set()
            assert self.stopped.wait(100)
            raise ModelError("it was cancelled")

        def cancel(self) -> None:
            self.stopped.set()

    slow, cancelled = Slow("slow", lambda _: []), threading.Event()
    bench = Bench(PROJECT, lambda _: [], real=slow)
    list(bench.session.survey(never))
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(lambda: list(bench.session.work_all(cancelled.is_set)))
        assert slow.loading.wait(100)
        cancelled.set()
        bench.session.stop_loading()
        heard = done.result(100)
    assert any(isinstance(event, events.ModelReady) and "cancelled" in event.reason for event in heard)
    assert bench.session.state().queue[0].status == "cancelled"


def test_what_a_model_warns_of_when_a_task_loads_it_is_told_loudly() -> None:
    class Slowed(Named):
        def load(self) -> ModelInfo:
            return replace(super().load(), warnings=("THE MODEL RUNS ON THE CPU.",))

    bench = Bench(PROJECT, lambda _: [], real=Slowed("slowed", lambda _: [block(RIGHT)]))
    told = [*bench.session.survey(never), *bench.session.work_all(never)]
    assert events.Notice("THE MODEL RUNS ON THE CPU.", "warning") in told


def test_no_model_is_a_choice_and_one_comes_back_after_it() -> None:
    bench, shelf = opened(right()), ShelfOf(right)
    assert use(bench, shelf, "none").info is None
    assert (bench.session.state().model, bool(bench.session.state().model_reason)) == (None, True)
    assert use(bench, shelf, "right").info is not None
    assert shelf.kept == ["none", "right"]


@pytest.mark.parametrize("wish", ["damaged", "nowhere"])
def test_a_model_that_cannot_be_had_leaves_the_old_one_in_use(wish: str) -> None:
    bench, shelf = opened(right()), ShelfOf(right, damaged)
    with pytest.raises(ModelError, match="right stays in use"):
        use(bench, shelf, wish)
    assert (shelf.kept, bench.session.state().loading) == ([], "")
    assert all(one.closed.is_set() for one in shelf.opened if one.broken)
    (task,) = [item.task for item in bench.session.state().queue]
    told = list(bench.session.work(task, never, search=False))
    assert [event.info.name for event in told if isinstance(event, events.ModelReady) and event.info] == ["right"]
    assert any(isinstance(event, events.ReviewReady) for event in told)


def test_a_choice_that_cannot_be_stored_holds_until_one_leaves() -> None:
    bench, shelf = opened(right()), ShelfOf(right)
    shelf.is_full = True
    with pytest.raises(StorageError, match="right is used until you leave"):
        use(bench, shelf, "right")
    assert bench.session.state().model is not None


def test_a_task_under_way_makes_room_and_begins_anew_with_the_new_model() -> None:
    slow, shelf = Named("slow", lambda _: [block('def roman(number):\n    return "stale"\n')]), ShelfOf(right)
    slow.go_on.clear()
    bench = opened(slow)
    (task,) = [item.task for item in bench.session.state().queue]
    told: list[events.Event] = []
    working = threading.Thread(target=lambda: told.extend(bench.session.work(task, never, search=False)))
    working.start()
    assert slow.writes.wait(100)
    use(bench, shelf, "right")
    working.join(100)
    assert not working.is_alive()
    assert [item.status for item in bench.session.state().queue] == ["waiting"]
    assert slow.closed.is_set()
    assert not any(isinstance(event, events.CandidateJudged) for event in told), "what the old model was writing is not run"
    again = bench.session.next_task()
    assert again is not None
    told = list(bench.session.work(again, never, search=False))
    (end,) = [event for event in told if isinstance(event, events.TaskFinished)]
    assert end.outcome == "solved"
    assert end.best is not None
    assert dict(end.best.proposal.detail)["model"] == "right"
    assert "stale" not in "".join(event.text for event in told if isinstance(event, events.TextStreamed))


def test_while_one_is_loaded_tasks_wait_another_choice_is_refused_and_a_cancelled_task_ends() -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Named):
        def load(self) -> ModelInfo:
            begun.set()
            assert go_on.wait(100)
            return super().load()

    bench, shelf = opened(right()), ShelfOf(lambda: Slow("big", lambda _: [block(RIGHT)]))
    (task,) = [item.task for item in bench.session.state().queue]
    loading = threading.Thread(target=lambda: use(bench, shelf, "big"))
    loading.start()
    assert begun.wait(100)
    assert (bench.session.state().loading, bench.session.state().model) == ("big", None)
    with pytest.raises(UsageError, match="big is being loaded"):
        use(bench, shelf, "none")
    assert list(bench.session.work(task, lambda: True)) == []
    assert [item.status for item in bench.session.state().queue] == ["waiting"]
    go_on.set()
    loading.join(100)
    model = bench.session.state().model
    assert model is not None
    assert model.name == "big"


def test_stopping_the_session_ends_the_model_that_is_in_use_by_then() -> None:
    bench, shelf = opened(right()), ShelfOf(right)
    use(bench, shelf, "right")
    bench.session.stop()
    assert shelf.opened[0].closed.is_set()
