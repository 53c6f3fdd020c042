"""The `scope-rewrite` profile: an instruct model writes the whole scope anew, in one fenced block.

That has the reliability of whole-file answers at the size of one node. Every prompt of a task begins with the same text (rules, file,
scope, task), so that the model's cache serves the rounds; what changes from round to round follows, and nothing in it tells the time.
"""

from __future__ import annotations

from collections.abc import Iterator

from refine_tui.core.critique import Hypothesis
from refine_tui.core.evidence import CaseResult
from refine_tui.loop.ports.thinking import Ask, Fault, Prompt, Step
from refine_tui.prompting import prompts
from refine_tui.prompting.answers import begun_block, read_block, read_labelled
from refine_tui.prompting.budget import Piece, fit
from refine_tui.prompting.chat import ChatFormat, ChatTurn

LANGUAGES = {"py": "python", "js": "javascript", "ts": "typescript", "rs": "rust", "cc": "cpp"}
"""Names for fences where the file's ending is not one."""
LIMITS = {"file": 600, "task": 300, "plan": 160, "failures": 400, "output": 500, "critique": 300, "tried": 200, "answer": 400}
"""Tokens of the parts that may be cut."""
FIRST_CUT = ("file", "output", "tried", "plan", "critique", "failures", "task", "answer")
"""Which part gives way first when all of them together are too long. Rules, scope, candidate and what is asked never do."""
AROUND = 128
"""Tokens for headings and the chat's own marks."""
UNKNOWN_CONTEXT = 4096
"""Taken for a model that does not say how much it can read."""
SHOWN_FAILURES = 10
SHOWN_SUSPECTS = 6
ANSWER_TOKENS = {"plan": 160, "critique": 200, "specify": 320}


class ScopeRewrite:
    """Whole-scope rewriting through the chat template of the model's own file."""

    name = "scope-rewrite"
    converses = True

    def __init__(self, chat: ChatFormat, context_tokens: int = 0) -> None:
        """Take how the model converses, and what its context holds, 0 when that is not known."""
        self._chat = chat
        self._context_tokens = context_tokens or UNKNOWN_CONTEXT
        self.stop: tuple[str, ...] = ("\n```\n", *chat.stops)
        self.prompts = prompts.fingerprint()

    def questions(self, ask: Ask, count: int) -> tuple[tuple[Ask, int], ...]:
        """Return the one question there is."""
        return ((ask, count),)

    def prompt(self, ask: Ask, step: Step) -> Prompt:
        """Return the chat prompt of a step. Raises as the port says."""
        return self._prompt(ask, step, ())

    def again(self, ask: Ask, step: Step, answer: str, fault: Fault) -> Prompt:
        """Return the conversation so far with the fault named. Raises as the port says."""
        wanted = prompts.sections("again")["critique" if step == "critique" else "change"]
        said = Piece("fault", prompts.filled(wanted, {"fault": fault.words, "name": ask.scope.name}))
        return self._prompt(ask, step, (Piece("answer", self._chat.answer(answer), LIMITS["answer"], FIRST_CUT.index("answer")), said))

    def read(self, answer: str, ask: Ask) -> list[str] | Fault:
        """Read the one fenced block."""
        return read_block(self._chat.answer(answer), ask.lines)

    def begun(self, answer: str, ask: Ask) -> list[str] | Fault:
        """Return the complete lines of the block."""
        return begun_block(self._chat.answer(answer), ask.lines)

    def read_critique(self, answer: str) -> Hypothesis | Fault:
        """Read the three labelled lines."""
        return read_labelled(self._chat.answer(answer))

    def max_tokens(self, ask: Ask, step: Step) -> int:
        """Return room for the scope once more and a third of it, or for a few sentences, and for thinking that cannot be left out."""
        answer = ANSWER_TOKENS.get(step, 128 + int(1.33 * sum(len(line) // 3 + 2 for line in ask.lines)))
        return answer + self._chat.thinking_tokens

    def _prompt(self, ask: Ask, step: Step, more: tuple[Piece, ...]) -> Prompt:
        room = self._context_tokens - self.max_tokens(ask, step) - AROUND
        kept, parts = fit((*_pieces(ask, step), *more), room)
        texts = {piece.name: piece.text for piece in kept}
        turns = [ChatTurn("system", _section("rules", "", ask)), ChatTurn("user", _user_text(ask, texts))]
        if more:
            turns += [ChatTurn("assistant", texts.get("answer", "")), ChatTurn("user", texts["fault"])]
        return Prompt(self._chat.prompt(turns), prompts.form("again" if more else step), parts)


def _user_text(ask: Ask, texts: dict[str, str]) -> str:
    """Join the sections in the order of their file, leaving out those with nothing to say."""
    wanted = [name for name in prompts.sections("common") if name != "rules" and name in texts]
    return "\n\n".join(_section(name, texts[name], ask) for name in wanted)


def _section(name: str, text: str, ask: Ask) -> str:
    path, scope = ask.scope.path, ask.scope
    ending = path.rsplit(".", 1)[-1]
    fields = {"text": text, "path": path, "name": scope.name, "language": LANGUAGES.get(ending, ending)}
    fields |= {"first": str(scope.first_line + 1), "last": str(scope.first_line + len(ask.user_lines))}
    return prompts.filled(prompts.sections("common")[name], fields)


def _pieces(ask: Ask, step: Step) -> Iterator[Piece]:
    """Yield what there is to say, in the prompt's order."""
    output = next((case.details.strip() for case in ask.failures if case.details), "")
    texts = {
        "rules": _section("rules", "", ask),
        "file": ask.around,
        "scope": "\n".join(ask.user_lines),
        "task": _task(ask),
        "plan": ask.plan,
        "candidate": "" if ask.lines == ask.user_lines else "\n".join(ask.lines),
        "failures": "\n".join(_failure(case, output) for case in ask.failures[:SHOWN_FAILURES]),
        "output": output,
        "critique": ask.critique,
        "tried": "\n".join(f"- {change}" for change in ask.tried),
        "step": prompts.filled(prompts.text_of(step).strip(), {"name": ask.scope.name}),
    }
    for name, text in texts.items():
        importance = FIRST_CUT.index(name) if name in FIRST_CUT else None
        # Of output and attempts the end says most.
        yield Piece(name, text, LIMITS.get(name), importance, "end" if name in ("output", "tried") else "start")


def _task(ask: Ask) -> str:
    rows = [f"Goal: {ask.goal}"]
    if ask.note and ask.note != ask.goal:
        rows.append(f"The user says: {ask.note}")
    suspects = ask.suspects[:SHOWN_SUSPECTS]
    # A list of most of a short scope tells nothing that the scope does not.
    if suspects and 2 * len(suspects) <= len(ask.user_lines):
        rows.append("Most suspicious lines:")
        rows += [f"line {ask.scope.first_line + n + 1}: {ask.user_lines[n].strip()}" for n in suspects]
    return "\n".join(rows)


def _failure(case: CaseResult, output: str) -> str:
    """Return one failing test: what it said, the two values it compared, and where in the project it passed through.

    What stands in the message or in the output that is shown too is not said twice.
    """
    rows = [f"- {case.node_id.rsplit('::', 1)[-1]}: {'timed out' if case.timed_out else case.message or case.error or case.outcome}"]
    if case.values and not all(value in case.message for value in case.values):
        rows.append(f"  compared {case.values[0]} with {case.values[1]}")
    places = [(f"{frame.path}:{frame.line + 1}", frame.function) for frame in case.frames[-3:]]
    rows += [f"  at {place} in {function}" for place, function in places if f"{place}:" not in output]
    return "\n".join(rows)
