"""What the operators that carry over do in each language: a frame around a hole, and what stands in the hole before and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Frame:
    """A small file of one language with a hole for the lines of a function's body."""

    path: str
    text: str
    ends: str = ";"
    """What ends a statement."""
    test: str = "({})"
    """How a condition is written after its word."""
    loop: str = "while"
    own: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Examples of its own: operator → body before and after."""
    lacks: frozenset[str] = frozenset()
    """Examples that make no sense in the language."""
    words: dict[str, str] = field(default_factory=dict)
    """What it writes otherwise than the examples below do."""

    def file(self, body: str) -> str:
        """Return the file with lines in its hole, indented as the hole is."""
        before, _, after = self.text.partition("@")
        margin = before[before.rfind("\n") + 1 :]
        return before + body.replace("\n", f"\n{margin}") + after

    def written(self, body: str) -> str:
        """Return lines as this language writes them: `~` ends a statement, `IF x {` and `WHILE x {` begin blocks."""
        for word, ours in (("IF", "if"), ("WHILE", self.loop)):
            rows = []
            for row in body.split("\n"):
                head, found, rest = row.partition(f"{word} ")
                rows.append(f"{head}{ours} {self.test.format(rest.removesuffix(' {'))} {{" if found else row)
            body = "\n".join(rows)
        for here, there in self.words.items():
            body = body.replace(here, there)
        return body.replace("~", self.ends)


EXPRESSIONS = {
    "compare.operator": ("a < b", "a <= b"),
    "compare.sides": ("a < b", "b < a"),
    "arithmetic.operator": ("a + b", "a - b"),
    "arithmetic.order": ("a - b", "b - a"),
    "arithmetic.group": ("a + b * 2", "(a + b) * 2"),
    "arithmetic.ungroup": ("(a + b) * 2", "a + b * 2"),
    "arithmetic.sign-add": ("f(a)", "-f(a)"),
    "arithmetic.sign-drop": ("-f(a)", "f(a)"),
    "condition.connective": ("a && b", "a || b"),
    "condition.connective-all": ("a && b && c", "a || b || c"),
    "condition.not-add": ("a == b", "!(a == b)"),
    "condition.not-drop": ("!(a == b)", "a == b"),
    "constant.integer": ("a + 2", "a + 1"),
    "constant.everywhere": ("a[1] + b[1]", "a[0] + b[0]"),
    "constant.float": ("a * 2.0", "a * 1.0"),
    "constant.word": ("f(true)", "f(false)"),
    "constant.string": ('f("x")', 'f("X")'),
    "constant.letter-drop": ('f("aeiou")', 'f("aeio")'),
    "constant.letter-add": ('f("aeio")', 'f("aeiou")'),
    "constant.to-name": ("a[0] + b", "a[b] + b"),
    "constant.for-name": ("a[b] + b", "a[0] + b"),
    "name.other": ("a + a", "a + b"),
    "name.everywhere": ("a + a", "b + b"),
    "name.for-expression": ("a[b] + b * a[b]", "b + b * a[b]"),
    "name.to-expression": ("b + b * a[b]", "a[b] + b * a[b]"),
    "name.expression": ("a[0] + b[1] * b[1]", "a[0] + a[0] * b[1]"),
    "name.part": ("a[b] + b * a[b]", "b + b * a[b]"),
    "terms.offset-add": ("f(a)", "f(a + 1)"),
    "terms.offset-drop": ("f(a + 1)", "f(a)"),
    "terms.drop": ("a + b", "a"),
    "terms.add": ("a", "a + b"),
    "call.swap": ("f(a, b)", "f(b, a)"),
    "call.drop": ("f(a, b)", "f(a)"),
    "call.add": ("f(a)", "f(a, b)"),
    "call.like": ("f(a, b) + f(b, a) + f(a, b)", "f(a, b) + f(b, a) + f(b, a)"),
    "wrap.add": ("a - b", "f(a - b)"),
    "wrap.drop": ("f(a - b)", "a - b"),
    "attribute.other": ("a.x + a.x + a.y", "a.y + a.x + a.y"),
    "attribute.receiver": ("a.x + b", "b.x + b"),
    "return.value": ("a", "0"),
    "branch.swap": ("a ? b : c", "a ? c : b"),
}
"""Expressions that every language with the like writes so; each is returned by the function."""

BLOCKS = {
    "assign.operator": ("a += 2~", "a -= 2~"),
    "assign.plain": ("a += 2~", "a = 2~"),
    "assign.accumulate": ("a = 2~", "a += 2~"),
    "assign.turn": ("a[0] = b[0]~", "b[0] = a[0]~"),
    "name.target": ("a += c~\nb += c~", "b += c~\nb += c~"),
    "condition.drop": (
        "IF a > 1 {\n  return a~\n}\nIF b > 1 && a > 1 {\n  return b~\n}",
        "IF a > 1 {\n  return a~\n}\nIF b > 1 {\n  return b~\n}",
    ),
    "condition.add": (
        "IF a > 1 {\n  return a~\n}\nIF b > 1 {\n  return b~\n}",
        "IF a > 1 {\n  return a~\n}\nIF b > 1 && a > 1 {\n  return b~\n}",
    ),
    "condition.replace": (
        "IF a > 1 {\n  return a~\n}\nIF b > 1 {\n  return b~\n}\nIF b > 1 {\n  return c~\n}",
        "IF a > 1 {\n  return a~\n}\nIF b > 1 {\n  return b~\n}\nIF a > 1 {\n  return c~\n}",
    ),
    "condition.vary": (
        "IF c < b {\n  return 0~\n}\nIF a > 3 {\n  return 1~\n}\nIF c < b {\n  return 2~\n}",
        "IF c < b {\n  return 0~\n}\nIF a > 3 {\n  return 1~\n}\nIF a > 1 {\n  return 2~\n}",
    ),
    "condition.compose": ("IF a < 2 {\n  return b + c~\n}", "IF a < 2 && a > 0 {\n  return b + c~\n}"),
    "condition.negate": ("IF a > 1 {\n  return a~\n}", "IF !(a > 1) {\n  return a~\n}"),
    "condition.always": ("WHILE a {\n  a -= 1~\n}", "WHILE true {\n  a -= 1~\n}"),
    "condition.truth": ("WHILE true {\n  a -= 1~\n}", "WHILE a {\n  a -= 1~\n}"),
    "condition.stuck": ("WHILE a < b {\n  c = c * a~\n}", "WHILE c < b {\n  c = c * a~\n}"),
    "branch.loop": ("IF a > 1 {\n  a -= 1~\n}", "WHILE a > 1 {\n  a -= 1~\n}"),
    "return.exchange": ("IF a > 1 {\n  return 1~\n}\nreturn 2~", "IF a > 1 {\n  return 2~\n}\nreturn 1~"),
    "terms.add-expression": ("IF f(b) > 1 {\n  return a~\n}", "IF f(b) > 1 {\n  return a + f(b)~\n}"),
    "return.truth": ("IF a > 1 {\n  return true~\n}", "IF a > 1 {\n  return a > 1~\n}"),
    "return.empty": ("return a~", "return~"),
    "jump.other": ("WHILE a > 1 {\n  a -= 1~\n  break~\n}", "WHILE a > 1 {\n  a -= 1~\n  continue~\n}"),
    "jump.return-add": ("f(a)~", "return f(a)~"),
    "jump.return-drop": ("return f(a)~", "f(a)~"),
    "statement.delete": ("a += 1~\na += 1~\nreturn a~", "a += 1~\nreturn a~"),
    "statement.duplicate": ("a += 1~\nreturn a~", "a += 1~\na += 1~\nreturn a~"),
    "statement.move": ("a += 1~\nb += 1~", "b += 1~\na += 1~"),
    "statement.insert": ("a += 1~\nWHILE b > 1 {\n  b -= 1~\n}", "a += 1~\nWHILE b > 1 {\n  b -= 1~\n  break~\n}"),
    "statement.dedent": ("WHILE a > 1 {\n  a -= 1~\n  return a~\n}", "WHILE a > 1 {\n  a -= 1~\n}\nreturn a~"),
    "statement.guard": ("b = 2~\nreturn 2 - a~", "IF a <= 0 {\n  return 2 - a~\n}\nb = 2~\nreturn 2 - a~"),
    "statement.check": ("c += 1 / b~\nreturn c~", "IF b == 0 {\n  return c~\n}\nc += 1 / b~\nreturn c~"),
    "statement.limit": (
        "WHILE a > 1 {\n  b += a~\n}\nreturn b~",
        "WHILE a > 1 {\n  b += a~\n  IF b > 1 {\n    return b~\n  }\n}\nreturn b~",
    ),
    "statement.wrap": ("b += 1~\nIF a > 1 {\n  c += 1~\n}", "IF a > 1 {\n  b += 1~\n}\nIF a > 1 {\n  c += 1~\n}"),
    "statement.unwrap": ("IF a > 1 {\n  b += 1~\n}\nIF a > 1 {\n  c += 1~\n}", "b += 1~\nIF a > 1 {\n  c += 1~\n}"),
    "statement.step": ("WHILE a > 0 {\n  b += 1~\n}", "WHILE a > 0 {\n  b += 1~\n  a -= 1~\n}"),
    "statement.sink": ("c = 0~\nWHILE a > 0 {\n  c += 1~\n}", "WHILE a > 0 {\n  c = 0~\n  c += 1~\n}"),
    "statement.hoist": ("WHILE a > 0 {\n  c = 0~\n  c += 1~\n}", "c = 0~\nWHILE a > 0 {\n  c += 1~\n}"),
    "statement.clause-drop": ("IF a > 1 {\n  b += 1~\n} else {\n  b += 2~\n}", "IF a > 1 {\n  b += 1~\n}"),
    "branch.bodies": (
        "IF a > 1 {\n  b += 1~\n} else {\n  b += 2~\n}",
        "IF a > 1 {\n  b += 2~\n} else {\n  b += 1~\n}",
    ),
}
"""Statements, written as `Frame.written` says."""

_NO_TERNARY = frozenset({"branch.swap"})
_NO_ELSE_NODE = frozenset({"statement.clause-drop", "branch.bodies"})
_STRICT = {" == ": " === "}
_SCRIPT = {
    "assign.operator": ("a++;", "a--;"),
    "branch.take": ("return a ? b : c;", "return b;"),
    "call.element-add": ("return [a];", "return [a, b];"),
    "name.function": ("function g(a) {\n  return a;\n}\nreturn f(a);", "function g(a) {\n  return a;\n}\nreturn g(a);"),
}
_C = {"branch.take": ("return a ? b : c;", "return b;")}

FRAMES = {
    "JavaScript": Frame("f.js", "function f(a, b, c) {\n  @\n}\n", words=_STRICT, own=_SCRIPT),
    "TypeScript": Frame("f.ts", "function f(a: number, b: number, c: number): number {\n  @\n}\n", words=_STRICT, own=_SCRIPT),
    "TSX": Frame("f.tsx", "function f(a: number, b: number, c: number): number {\n  @\n}\n", words=_STRICT, own=_SCRIPT),
    "Go": Frame(
        "f.go", "package p\n\nfunc f(a int, b int, c int) int {\n  @\n}\n", ends="", test="{}", loop="for",
        own={"constant.first-value": ("d := 0\nreturn d", "d := 1\nreturn d"), "name.swap": ("a, b = c, a", "a, b = a, c")},
        lacks=_NO_TERNARY | _NO_ELSE_NODE,
    ),
    "Rust": Frame(
        "f.rs", "fn f(mut a: i32, mut b: i32, mut c: i32) -> i32 {\n  @\n}\n", test="{}",
        own={"constant.first-value": ("let d = 0;\nreturn d;", "let d = 1;\nreturn d;")},
        lacks=_NO_TERNARY,
    ),
    "Java": Frame(
        "F.java", "class F {\n  int f(int a, int b, int c) {\n    @\n  }\n}\n", own=_C, lacks=_NO_ELSE_NODE,
    ),
    "C": Frame("f.c", "int f(int a, int b, int c) {\n  @\n}\n", own=_C),
    "C++": Frame(
        "f.cpp", "class F {\n  int f(int a, int b, int c) {\n    @\n  }\n};\n",
        own={"attribute.self": ("return this->a + this->a;", "return this->a + a;")},
    ),
}  # fmt: skip


def examples(language: str) -> Iterator[tuple[str, str, str]]:
    """Yield operator, file before and file after, for every example of a language."""
    frame = FRAMES[language]
    for name, pair in EXPRESSIONS.items():
        if name not in frame.lacks:
            before, after = (frame.file(frame.written(f"return {text}~")) for text in pair)
            yield name, before, after
    for name, pair in BLOCKS.items():
        if name not in frame.lacks:
            before, after = (frame.file(frame.written(text)) for text in pair)
            yield name, before, after
    for name, pair in frame.own.items():
        yield name, frame.file(pair[0]), frame.file(pair[1])
