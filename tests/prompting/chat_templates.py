"""Chat templates written for these tests. Together they use every construct of the families people run; none is anyone's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

Message = dict[str, Any]

TEMPLATES = {path.stem: path.read_text("utf-8") for path in sorted(Path(__file__).with_name("templates").glob("*.jinja"))}

FIRST: list[Message] = [{"role": "user", "content": "Hello <b> \u00e9\U0001f600"}]
CALL = {
    "id": "abcdefghi",
    "type": "function",
    "function": {"name": "search", "arguments": {"text": 'a "b" <c> \'', "deep": {"n": [1, None, True]}}},
}
CONVERSATIONS: dict[str, list[Message]] = {
    "one turn": FIRST,
    "with rules": [{"role": "system", "content": "  Be brief.\r\nBe right. "}, *FIRST],
    "several turns": [
        *FIRST,
        {"role": "assistant", "content": "  Hi.\n"},
        {"role": "user", "content": "More\n\n\tplease {{ 1 + 1 }} {% raw %}"},
    ],
    "answered": [*FIRST, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nHi."}],
    "thoughts apart": [
        *FIRST,
        {"role": "assistant", "reasoning_content": "hm", "content": "Hi."},
        {"role": "user", "content": "<result>7</result>"},
        {"role": "assistant", "reasoning_content": "aha", "content": "7"},
    ],
    "rules twice": [{"role": "system", "content": "One."}, *FIRST, {"role": "system", "content": "Two."}, *FIRST],
    "a call": [
        *FIRST,
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "found"},
        {"role": "tool", "content": "and more"},
        {"role": "assistant", "content": "There."},
    ],
    "parts": [{"role": "user", "content": [{"type": "text", "text": " Look: "}, {"type": "image"}]}],
    "odd": [{"role": "note", "content": "left out"}, *FIRST, {"role": "stop", "content": "here"}, {"role": "user", "content": "unseen"}],
    "nothing said": [{"role": "user", "content": ""}],
}
PROPERTIES = {
    "text": {"type": "string", "default": "all"},
    "kinds": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
    "deep": {"type": "object", "properties": {"n": {"type": ["integer", "null"]}}, "required": ["n"]},
}
PARAMETERS = {"type": "object", "properties": PROPERTIES, "required": ["text"]}
TOOLS = [{"type": "function", "function": {"name": "search", "description": "Find <it>.", "parameters": PARAMETERS}}]
DOCUMENTS = [{"title": "One", "text": "uno", "pages": {"b": 2, "a": [1]}}, {"title": "Two", "text": "dos", "none": None}]
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
SITUATIONS: dict[str, dict[str, Any]] = {
    "plain": {"tools": None, "documents": None, **TOKENS},
    "tools": {"tools": TOOLS, "documents": None, **TOKENS},
    "documents, no thinking": {"tools": None, "documents": DOCUMENTS, "enable_thinking": False, "reasoning_effort": "low", **TOKENS},
}

CONSTRUCTS = {
    "comment": r"\{#",
    "whitespace control": r"\{%-.*-%\}",
    "two names at once": r"set rules, rest =",
    "macro with a default": r"macro \w+\(\w+, \w+=",
    "macro that calls itself": r"kind\(inner",
    "block set": r"\{%- set head -%\}",
    "namespace": r"namespace\(\)",
    "namespace with names": r"namespace\(\w+=",
    "assignment to a namespace": r"set state\.\w+ =",
    "break": r"break",
    "continue": r"continue",
    "generation": r"endgeneration",
    "raise_exception": r"raise_exception",
    "strftime_now": r"strftime_now\(",
    "range": r"range\(",
    "slice from": r"messages\[1:\]",
    "slice backwards": r"\[::-1\]",
    "slice of a text": r"open\[:-1\]",
    "negative index": r"\[-1\]",
    "loop with a condition": r"for name, value in tool\.items\(\) if",
    "loop over pairs": r"for name, inner in",
    "inline if without else": r"if not loop\.last \}\}",
    "inline if with else": r" if .* else ",
    "elif": r"elif",
    "concatenation": r" ~ ",
    "in": r" in message",
    "not in": r"not in",
    "arithmetic": r"% 2 ==",
    "whole division": r"// 2",
    "repetition": r"'  ' \* ",
    "list joined to a list": r"seen \+ \[",
    "dict literal": r"= \{'user'",
    "tuple": r"in \('number'",
    **{f"loop.{name}": rf"loop\.{name}" for name in ("first", "last", "index", "index0", "length", "revindex0", "previtem", "cycle")},
    **{
        f"|{name}": rf"\| ?{name}"
        for name in (
            *(
                "trim",
                "tojson",
                "length",
                "join",
                "selectattr",
                "rejectattr",
                "map",
                "list",
                "first",
                "default",
                "string",
                "upper",
                "lower",
            ),
            *("capitalize", "title", "replace", "items", "dictsort", "format"),
        )
    },
    **{f"is {name}": rf"is (not )?{name}" for name in ("defined", "none", "string", "mapping", "iterable", "odd", "false")},
    **{
        f".{name}()": rf"\.{name}\("
        for name in ("startswith", "endswith", "split", "strip", "lstrip", "rstrip", "replace", "items", "get", "splitlines")
    },
    "tojson with indent": r"tojson\(indent",
    "tojson sorted": r"sort_keys=true",
}
"""What the templates of the ten families use, and how it looks in a template."""


def missing_constructs() -> list[str]:
    """Return the constructs that no template above uses."""
    everything = "\n".join(TEMPLATES.values())
    return [name for name, look in CONSTRUCTS.items() if not re.search(look, everything)]
