"""Models in words: which one is in use, which can be, what they need, and how far a download is."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from refine_tui.core.amounts import duration_in_words, size_in_words
from refine_tui.loop.ports.choosing import Choice, Fetching
from refine_tui.loop.session.state import State
from refine_tui.ui.paint.empty import meter
from refine_tui.ui.paint.entry import Entry
from refine_tui.ui.paint.ink import fit, ink
from refine_tui.ui.setting_up import Models

_KINDS = {"broken": "cannot be used", "server": "on a server", "none": "search alone"}
_NAME_CELLS, _SIGN_CELLS = 32, 8


def is_in_use(choice: Choice, state: State) -> bool:
    """Say whether a choice is what the session works with."""
    if state.loading:
        return False
    if state.model is None:
        return choice.kind == "none" if state.model_reason else choice.is_awaited
    return bool(choice.path) and choice.path == state.model.path


def paint_use(models: Models, state: State) -> list[Content]:
    """Paint the model in use, what is being loaded or fetched, and what is asked."""
    rows = [_use(state, models)]
    if models.question:
        rows.append(ink((" ?  ", "bold reverse $warning"), f" {models.question.strip()}  ", ("t types it   x stops", "bold $accent")))
    elif models.fetched:
        rows.append(ink(" ", _fetching(models)))
    return rows


def _use(state: State, models: Models) -> Content:
    free = f"   {size_in_words(models.free_bytes)} of memory free" if models.free_bytes is not None else ""
    if state.loading:
        return ink(" Loading ", (state.loading, "bold"), "; tasks wait for it.")
    if state.model is None:
        awaited = "" if state.model_reason else next((choice.wish for choice in models.choices if choice.is_awaited), "")
        if awaited:
            return ink(" In use: ", (awaited, "bold"), ", which the first task loads", (free, "$diff-number"))
        return ink(" No model: ", state.model_reason or "none is loaded yet", (free, "$diff-number"))
    model = state.model
    return ink(" In use: ", (f"{model.name} {model.quantisation}".strip(), "bold"), f" on {model.device}", (free, "$diff-number"))


def _fetching(models: Models) -> Content:
    if models.is_stopping:
        return ink(f"Stopping {models.fetched} ...")
    if models.progress is None:
        return ink(f"Fetching {models.fetched}: asking its server ...   ", ("x stops", "bold $accent"))
    return ink(in_words(models.progress), "   ", ("x stops", "bold $accent"))


def in_words(progress: Fetching, *, bar: bool = True) -> str:
    """Return how far a download is: share, as a bar too, size, rate, time left."""
    done, total = progress.done_bytes, progress.total_bytes
    share = "" if total is None else f"{done / max(total, 1):{4 if bar else 1}.0%} of {size_in_words(total)}"
    parts = [size_in_words(done) if total is None else f"{meter(done, total, 10)} {share}" if bar else share]
    parts += [f"{size_in_words(progress.rate)}/s"] if progress.rate else []
    parts += [f"{duration_in_words(progress.left_s)} left"] if progress.left_s is not None and total != done else []
    return "  ".join([*parts, progress.note or progress.file])


def choice_entries(models: Models, state: State) -> Iterator[Entry]:
    """List what can be chosen; what has to be fetched first stands below a heading."""
    if not models.is_read:
        yield Entry("", ink(("Looking through the models ...", "$diff-number")), is_heading=True)
    else:
        columns = f"{'here':{_SIGN_CELLS + _NAME_CELLS + 10}} {'size':>9} {'memory':>9}"
        yield Entry("", ink((columns, "$diff-number")), is_heading=True)
    known = False
    for choice in models.choices:
        if choice.kind == "card" and not known:
            known = True
            yield Entry("", ink(("not here; d fetches one", "$diff-number")), is_heading=True)
        yield Entry(choice.wish, _row(choice, state))


def _row(choice: Choice, state: State) -> Content:
    mark = "* " if is_in_use(choice, state) else "> " if choice.wish == state.loading else "  "
    name = fit(ink((choice.wish, "bold")), _NAME_CELLS)
    gap = " " * (_NAME_CELLS + 1 - name.cell_length)
    if choice.kind in _KINDS:
        sign = f"{'in use' if mark == '* ' else '':{_SIGN_CELLS}}"
        kind = (_KINDS[choice.kind], "$error" if choice.kind == "broken" else "$diff-number")
        return ink((f"{mark}{sign}", "bold $success"), name, gap, kind)
    sign, style = _fit_sign(choice, in_use=is_in_use(choice, state))
    needs = f"{size_in_words(choice.needed_bytes)}{'+' if choice.kind == 'card' else ' '}" if choice.needed_bytes is not None else ""
    figures = f"{choice.quantisation:7} {size_in_words(choice.size_bytes):>9} {needs:>10}"
    return ink((mark, "bold $success"), (f"{sign:{_SIGN_CELLS}}", style), name, gap, figures)


def _fit_sign(choice: Choice, *, in_use: bool) -> tuple[str, str]:
    if in_use:
        return "in use", "bold $success"
    if choice.fits is None:
        return ("may fit" if choice.needed_bytes is not None else ""), "$diff-number"
    return ("fits", "$success") if choice.fits else ("TOO BIG", "bold $error")


def paint_choice(choice: Choice | None, free_bytes: int | None) -> list[Content]:
    """Paint what is known of one model, and what can be done with it."""
    return list(_choice(choice, free_bytes)) if choice else [ink(("No model is chosen.", "$diff-number"))]


def _choice(choice: Choice, free_bytes: int | None) -> Iterator[Content]:
    yield from paint_facts(choice, free_bytes)
    yield ink("")
    yield ink((_way(choice), "$diff-number"))


def paint_facts(choice: Choice, free_bytes: int | None) -> Iterator[Content]:
    """Paint what is known of one model."""
    yield ink((choice.wish, "bold"))
    if choice.note:
        yield ink((choice.note, "$error") if choice.kind == "broken" else choice.note)
    if choice.needed_bytes is not None:
        least = "at least " if choice.kind == "card" else ""
        free = f", {size_in_words(free_bytes)} are free" if free_bytes is not None else ""
        verdict = {True: ("  it fits", "$success"), False: ("  TOO BIG for now", "bold $error"), None: ("", "")}[choice.fits]
        yield ink(("memory   ", "$diff-number"), f"{least}{size_in_words(choice.needed_bytes)}{free}", verdict)
    facts = {
        "kind": f"{choice.architecture} {choice.quantisation}".strip(),
        "context": f"{choice.context_tokens:,} tokens" if choice.context_tokens else "",
        "profile": choice.profile,
        "licence": choice.licence,
        "source": choice.source,
        "file": choice.path if choice.kind in ("file", "broken") else "",
    }
    for name, value in facts.items():
        if value:
            yield ink((f"{name:9}", "$diff-number"), value)


def kind_in_words(choice: Choice) -> str:
    """Return what kind of choice it is where that is not a file of a model; else what model it is."""
    return _KINDS.get(choice.kind) or ("not here" if choice.kind == "card" else choice.architecture)


def _way(choice: Choice) -> str:
    ways = {
        "card": "enter or d fetches it; a download that breaks off goes on where it was.",
        "broken": "Another file, or another place to fetch it from, is needed.",
        "none": "enter: no model. Edit operators alone propose patches.",
        "server": "enter asks it what it has. What a task shows a model is sent there, and nowhere else.",
    }
    return ways.get(choice.kind, "enter uses it: a task under way begins anew with it.")
