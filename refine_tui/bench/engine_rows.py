"""The engine's rows: what the program does with a model, beside what plain `llama_cpp.Llama` needs for the same."""

from __future__ import annotations

import asyncio
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from refine_tui.bench.gguf_writing import RANK, adapter_file
from refine_tui.bench.measuring import TIMES, Row, at_least, at_most, percentile, rounded, row
from refine_tui.bench.pairs import Pair, another, delays, medians
from refine_tui.loop.ports.thinking import Adapter, Request, Sampling

WORD = re.compile(r" [a-z]+")
TEMPERATURE = 0.8
PROMPT, NEW = 1000, 100
"""Tokens of a prompt, and how many of them are new the second time."""
ANSWER = 16
EDIT_TOKENS, EDITS = 200, 4
TICK_S = 1 / 60
ACCEPTING = 'root ::= (" " [a-z]+)+'
REFUSING = 'root ::= (" " [a-m] [a-z]*)+'
"""Refuses about half of the words that the model finds likeliest."""


def first_token(pair: Pair) -> Iterator[Row]:
    """A prompt of which nine tenths were computed before, another one in between."""
    length = pair.prompt_tokens(PROMPT)
    new = length * NEW // PROMPT
    costs = []
    for _ in pair.runs():
        shared = pair.texts.fresh(length - new)
        first, second, other = (shared + pair.texts.fresh(new), shared + pair.texts.fresh(new), pair.texts.fresh(length // 2))
        ours = [pair.ask(prompt)[1] for prompt in (first, other, second)]
        plain = [pair.ask_plain(prompt)[2] for prompt in (first, other, second)]
        costs.append((ours[0], ours[2], plain[0], plain[2]))
    shares, plain_shares = [cost[1] / cost[0] for cost in costs], statistics.median(cost[3] / cost[2] for cost in costs)
    cold, warm, plain_cold, plain_warm = medians(costs)
    times = f"{1e3 * warm:.1f} of {1e3 * cold:.1f} ms; plain {1e3 * plain_warm:.1f} of {1e3 * plain_cold:.1f} ms"
    yield at_most(row(f"first token, {new} of {length} tokens new, of cold", shares, "share", baseline=plain_shares, note=times), 0.115)


def speed(pair: Pair) -> Iterator[Row]:
    """How fast it reads and writes, one sequence."""
    length, tokens = pair.prompt_tokens(PROMPT), 4 * ANSWER
    costs = []
    for _ in pair.runs():
        prompt = pair.texts.fresh(length)
        reading, plain_reading = pair.ask(prompt)[1], pair.ask_plain(prompt)[2]
        writing, plain_writing = pair.ask(prompt, tokens=tokens)[1], pair.ask_plain(prompt, tokens=tokens)[2]
        costs.append((length / reading, length / plain_reading, tokens / writing, tokens / plain_writing))
    for name, mine, plain in (("reading a prompt", 0, 1), ("writing", 2, 3)):
        baseline = statistics.median(cost[plain] for cost in costs)
        found = row(f"{name}, behind {length} tokens" if mine else f"{name} of {length} tokens", [cost[mine] for cost in costs], "tokens/s")
        yield replace(found, baseline=rounded(baseline), ratio=rounded((found.value or 0.0) / baseline))


def best_of(pair: Pair) -> Iterator[Row]:
    """Several answers to one new prompt, against asking for each from the beginning."""
    length = pair.prompt_tokens(PROMPT)
    for count, target in ((4, 3.6), (8, 6.7)):
        costs = []
        for _ in pair.runs():
            _, ours = pair.ask(pair.texts.fresh(length), count=count, tokens=ANSWER, temperature=TEMPERATURE)
            prompt = pair.texts.fresh(length)
            cold, again = (pair.ask_plain(prompt, tokens=ANSWER, temperature=TEMPERATURE)[2] for _ in range(2))
            costs.append((ours, count * cold, cold + (count - 1) * again))
        ours, each_cold, reused = medians(costs)
        note = f"{1e3 * ours:.0f} ms; plain {count} times cold {1e3 * each_cold:.0f} ms, with the prompt still there {1e3 * reused:.0f} ms"
        found = row(f"best of {count}, {ANSWER} tokens after {length}, of cold", [cold / mine for mine, cold, _ in costs], TIMES, note=note)
        yield at_least(replace(found, baseline=rounded(each_cold / reused)), target)


def batched(pair: Pair) -> Iterator[Row]:
    """Writing several answers at once, the prompt being there, against one after the other."""
    length = pair.prompt_tokens(PROMPT)
    tokens = 2 * ANSWER
    prompt = pair.texts.fresh(length)
    pair.ask(prompt), pair.ask_plain(prompt)
    for count, cpu_target, gpu_target in ((4, 1.7, 2.1), (8, 2.1, 3.5)):
        costs = []
        for _ in pair.runs():
            ours, one = (pair.ask(prompt, count=many, tokens=tokens, temperature=TEMPERATURE)[1] for many in (count, 1))
            costs.append((ours, count * pair.ask_plain(prompt, tokens=tokens, temperature=TEMPERATURE)[2], count * one))
        ours, plain, alone = medians(costs)
        note = f"{count * tokens / ours:.0f} tokens/s; plain {count * tokens / plain:.0f}; ours one by one {count * tokens / alone:.0f}"
        found = row(
            f"{count} answers at once, tokens/s of one by one", [cost[1] / cost[0] for cost in costs], TIMES, baseline=1.0, note=note
        )
        yield at_least(found, gpu_target if pair.on_gpu else cpu_target)


def overhead(pair: Pair) -> Iterator[Row]:
    """A token with all that the worker does against the same `llama_decode` with nothing around it, for short and long answers.

    Both in one process: where the system puts a model's weights makes more of a difference between two than what is measured here.
    """
    prompt = pair.texts.fresh(pair.prompt_tokens(256))
    for tokens in (64, pair.prompt_tokens(256)):
        pair.ask(prompt)
        pair.ask_plain(prompt)
        following = pair.texts.after(tokens - 1)
        costs = []
        for _ in pair.runs():
            raw, ours = (pair.seconds(pair.probe.call(*one)) for one in (("decode", prompt, following), ("write", prompt, tokens)))
            told, plain = pair.ask(prompt, tokens=tokens)[1], pair.ask_plain(prompt, tokens=tokens)[2]
            costs.append((ours / (tokens - 1), raw / (tokens - 1), plain / (tokens - 1), told / (tokens - 1)))
        ours, raw, plain, told = medians(costs)
        note = f"{1e3 * ours:.3f} ms a token, llama_decode {1e3 * raw:.3f}; from a worker {1e3 * told:.3f}, plain {1e3 * plain:.3f}"
        found = row(
            f"a token of {tokens}, of llama_decode alone", [cost[0] / cost[1] for cost in costs], TIMES, baseline=plain / raw, note=note
        )
        yield at_most(found, 1.03)


def computed(pair: Pair) -> Iterator[Row]:
    """Tokens computed in a whole refinement against those no engine can do without. Drafts that were wrong are not counted here."""
    before, told, needed = counted(pair), set[tuple[str, ...]](), 0
    kept: str = pair.texts.fresh(pair.prompt_tokens(256))
    for place in range(3):
        answers, _ = pair.ask(kept, count=4 if place != 1 else 1, tokens=ANSWER, temperature=TEMPERATURE)
        needed += news(told, kept) + sum(answer.tokens - 1 for answer in answers)
        for answer in answers:
            news(told, kept + "".join(WORD.findall(answer.text)[:-1]))
        pair.ask(pair.texts.fresh(64))  # another task in between
        needed += 64
        kept += answers[len(answers) // 2].text + pair.texts.fresh(24)
    after = counted(pair)
    done = after["rows"] - before["rows"] - (after["drafted"] - before["drafted"]) + after["accepted"] - before["accepted"]
    note = f"{done} computed, {needed} needed; plain keeps one sequence and would compute each prompt anew"
    found = row("tokens computed, of those needed, in a refinement", [done / needed], TIMES, note=note)
    yield at_most(replace(found, basis="count"), 1.0)


def counted(pair: Pair) -> dict[str, int]:
    """Return what our engine has counted so far."""
    counters = pair.ours.stats().counters
    return {name: getattr(counters, name) for name in ("rows", "decodes", "drafted", "accepted")}


def news(told: set[tuple[str, ...]], text: str) -> int:
    """Note every beginning of a text and return how many were not known: the tokens that have to be computed."""
    words = WORD.findall(text)
    beginnings = {tuple(words[:end]) for end in range(1, len(words) + 1)} - told
    told |= beginnings
    return len(beginnings)


def lookup(pair: Pair) -> Iterator[Row]:
    """Copying 200 tokens of the prompt with four changes: greedy, the same text from both."""
    name = f"copying {EDIT_TOKENS} tokens with {EDITS} changes"
    costs, calls = [], 0.0
    for _ in pair.runs():
        prompt, target = copy_case(pair)
        pair.ask(prompt)
        pair.ask_plain(prompt)
        before = counted(pair)
        (answer,), ours = pair.ask(prompt, tokens=EDIT_TOKENS)
        after = counted(pair)
        text, _, plain = pair.ask_plain(prompt, tokens=EDIT_TOKENS)
        if answer.text != target or text != target:
            yield Row(name, unavailable="the model did not write the expected text")
            return
        if after["drafted"] == before["drafted"]:
            yield Row(name, unavailable="this version drafts nothing: one call a token")
            return
        calls = (after["decodes"] - before["decodes"]) / answer.tokens
        costs.append((ours, plain))
    ours, plain = medians(costs)
    yield at_most(replace(row(f"model calls a token, {name}", [calls], "calls", baseline=1.0), basis="count"), 0.11)
    note = f"{1e3 * ours:.0f} ms, plain {1e3 * plain:.0f} ms"
    yield at_least(
        row(f"speed, {name}", [cost[1] / cost[0] for cost in costs], TIMES, baseline=1.0, note=note), 5.0 if pair.on_gpu else 2.1
    )


def copy_case(pair: Pair) -> tuple[str, str]:
    """Return a prompt that holds a text, and what the model writes after it: that text with a few words changed."""
    chain = pair.texts.chain
    pair.texts.fresh(EDIT_TOKENS)
    intro = pair.texts.fresh(32)
    target = WORD.findall(pair.texts.after(EDIT_TOKENS))
    source = list(target)
    for edit in range(EDITS):
        place = (edit + 1) * EDIT_TOKENS // (EDITS + 1)
        source[place] = chain.text(place * 7919, 1)[0]
    return "".join(source) + pair.texts.fresh(0) + intro, "".join(target)


def no_loss(pair: Pair) -> Iterator[Row]:
    """Text in which nothing repeats: what looking for repeats costs."""
    tokens = pair.prompt_tokens(192)
    prompt = pair.texts.fresh(pair.prompt_tokens(512))
    with another(pair, drafting=False) as without:
        pair.ask(prompt), without.ask(prompt)
        costs = [(pair.ask(prompt, tokens=tokens)[1] / tokens, without.ask(prompt, tokens=tokens)[1] / tokens) for _ in pair.runs()]
    looking, blind = medians(costs)
    note = f"{1e3 * looking:.3f} ms a token, {1e3 * blind:.3f} when it does not look"
    yield at_least(row("text that copies nothing, speed of not looking", [off / on for on, off in costs], TIMES, note=note), 0.97)


def grammar(pair: Pair) -> Iterator[Row]:
    """What a grammar costs a token: when it takes what was chosen first, and when it does not; greedily and drawn."""
    prompt, following = pair.texts.fresh(16), pair.texts.after(64)
    pair.ask_plain(prompt)
    free, bound = (pair.ask_plain(prompt, tokens=ANSWER, grammar=text)[2] for text in ("", ACCEPTING))
    plain = 1e6 * (bound - free) / ANSWER
    for temperature, how in ((0.0, ""), (TEMPERATURE, ", drawn")):
        for text, takes, name, bound_us in ((ACCEPTING, True, "taken", 15.0), (REFUSING, False, "refused", 80.0)):
            found = pair.probe.call("choose", prompt, following, text, temperature)
            extra = [1e6 * (with_it - without) for is_taken, with_it, without in found if is_taken is takes]
            if not extra:
                yield Row(f"grammar, token {name}{how}", unavailable="no such token came up")
                continue
            result = row(f"grammar, token {name}{how}", extra, "µs", baseline=plain, note=f"V={len(pair.texts.chain.words):,}")
            yield at_most(result, bound_us)


def cancel(pair: Pair) -> Iterator[Row]:
    """From asking for an end in the middle of a long prompt until the worker can do something else."""
    length = pair.loaded.context_tokens * 3 // 4
    sample = pair.prompt_tokens(256)
    _, prefill = pair.ask(pair.texts.fresh(sample))
    whole = prefill * length / sample
    moments = delays(min(0.3, whole))
    found = [1e3 * cancelled_after(pair, pair.texts.fresh(length), next(moments)) for _ in range(max(5, 4 * pair.repeats))]
    note = f"plain cannot; a whole prompt of {length} tokens takes {1e3 * whole:.0f} ms"
    on_cpu = not pair.on_gpu
    middle = row("cancel to idle, median", found, "ms", baseline=1e3 * whole, note=note)
    yield at_most(middle, 8.0) if on_cpu else middle
    worst = row("cancel to idle, worst", [max(found)], "ms", baseline=1e3 * whole)
    yield at_most(worst, 20.0) if on_cpu else worst


def cancelled_after(pair: Pair, prompt: str, delay_s: float) -> float:
    """Return the seconds between a cancel and the moment at which the worker is free."""
    asked_at = [0.0]

    def stop() -> None:
        asked_at[0] = time.perf_counter()
        pair.ours.cancel()

    timer = threading.Timer(delay_s, stop)
    timer.start()
    for _ in pair.ours.complete(Request(prompt, max_tokens=1, sampling=Sampling(0.0)), lambda: False):
        pass
    pair.ours.load()  # waits until the worker has said that it is done
    idle_at = time.perf_counter()
    timer.join()
    return max(0.0, idle_at - asked_at[0])


def ticks(pair: Pair) -> Iterator[Row]:
    """How late a screen's 60 ticks a second come while the model writes."""
    idle = tick_lateness(1.0, lambda: None)
    prompt = pair.texts.fresh(pair.prompt_tokens(128))
    pair.ask(prompt)
    busy = tick_lateness(2.0, lambda: pair.ask(prompt, count=4, tokens=pair.prompt_tokens(512), temperature=TEMPERATURE))
    late = 1e3 * percentile(busy, 0.99)
    found = row(
        "tick beside generation, late by, p99", [late], "ms", baseline=1e3 * percentile(idle, 0.99), note=f"worst {1e3 * max(busy):.1f} ms"
    )
    yield at_most(replace(found, runs=len(busy)), 16.7)


def tick_lateness(seconds: float, beside: Callable[[], object]) -> list[float]:
    """Return how late each tick came, in seconds, while something else goes on in a thread."""

    async def tick() -> list[float]:
        work = asyncio.create_task(asyncio.to_thread(beside))
        loop = asyncio.get_running_loop()
        late, due = [], loop.time()
        end = due + seconds
        while due < end:
            due += TICK_S
            await asyncio.sleep(max(0.0, due - loop.time()))
            late.append(max(0.0, loop.time() - due))
        await work
        return late

    return asyncio.run(tick())


def busy(pair: Pair) -> Iterator[Row]:
    """Writing beside one process that never rests, against one thread on an idle machine."""
    prompt, tokens = pair.texts.fresh(pair.prompt_tokens(256)), 2 * ANSWER
    cores = max(2, pair.threads + 1)
    for threads in (pair.threads, cores):
        with another(pair, threads=threads) as crowded, another(pair, threads=1) as alone:
            crowded.ask(prompt), alone.ask(prompt)
            costs = []
            for _ in pair.runs():
                idle = wall(alone, prompt, tokens)
                with busy_process():
                    costs.append((wall(crowded, prompt, tokens), idle))
        beside, idle = medians(costs)
        note = f"{1e3 * beside:.1f} ms a token, {1e3 * idle:.1f} on one thread of the idle machine"
        found = row(f"a token beside a busy process, {threads} threads, of idle", [cost[0] / cost[1] for cost in costs], TIMES, note=note)
        yield at_most(replace(found, basis="wall"), 1.5)


def wall(pair: Pair, prompt: str, tokens: int) -> float:
    """Return the seconds on the clock for one token."""
    start = time.perf_counter()
    pair.ask(prompt, tokens=tokens)
    return (time.perf_counter() - start) / tokens


@contextmanager
def busy_process() -> Iterator[None]:
    """Keep one core busy."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def load(pair: Pair) -> Iterator[Row]:
    """Loading a model that the system still has in memory."""
    costs = []
    for _ in pair.runs():
        ours, bare = pair.probe.call("load")
        costs.append((ours[0], bare[0], pair.plain.call("load")[0]))
    ours, bare, plain = medians(costs)
    note = f"{1e3 * ours:.0f} ms, llama.cpp's two calls {1e3 * bare:.0f}, plain {1e3 * plain:.0f}"
    found = row("load, warm, of llama.cpp alone", [cost[0] / cost[1] for cost in costs], TIMES, baseline=plain / bare, note=note)
    yield at_most(replace(found, basis="wall"), 1.2)


def state(pair: Pair) -> Iterator[Row]:
    """Putting a computed prompt aside and taking it back."""
    length = pair.prompt_tokens(PROMPT)
    prompt = pair.texts.fresh(length)
    found = [pair.probe.call("put_aside", prompt) for _ in pair.runs()]
    plain = pair.plain.call("save_and_load", prompt)
    for place, name in enumerate(("put aside", "taken back")):
        times = [1e3 * pair.seconds(one[place]) for one in found]
        yield at_most(row(f"state of {length} tokens, {name}", times, "ms", baseline=1e3 * pair.seconds(plain[place])), 1.5)


def adapters(pair: Pair) -> Iterator[Row]:
    """Changing a LoRA adapter, and what is kept for each: prompts under two adapters and none, twice in turn."""
    if not pair.is_chain:
        yield Row("LoRA adapter, changed", unavailable="a row for generated models: adapters of this one are not known")
        return
    paths = [str(adapter_file(pair.texts.chain.shape, pair.lab.cache, number)) for number in (1, 2)]
    changes = [1e3 * pair.seconds(spent) for _ in pair.runs() for spent in pair.probe.call("swap", paths)]
    reload = 1e3 * pair.seconds(pair.plain.call("load"))
    note = f"rank {RANK} on queries and outputs; plain loads the model again"
    yield at_most(row("LoRA adapter, changed", changes, "ms", baseline=reload, note=note), 1.0)
    length = pair.prompt_tokens(256)
    prompt, before = pair.texts.fresh(length), counted(pair)
    for path in (*paths, "", *paths, ""):
        force = (Adapter(path),) if path else ()
        for _ in pair.ours.complete(Request(prompt, 1, 1, Sampling(0.0), adapters=force), lambda: False):
            pass
    done, needed = counted(pair)["rows"] - before["rows"], 3 * length
    note = f"{done} computed, {needed} needed: one prompt under two adapters and none, twice"
    yield at_most(replace(row("tokens computed, of those needed, with adapters", [done / needed], TIMES, note=note), basis="count"), 1.0)
