"""Tests that are deleted, skipped, or say less than they did."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from refine_tui.core.evidence import Flag
from refine_tui.evaluation.tampering.reading import Change, Function, Source, dotted, dump, flag, is_test_file, names_in

ALIKE = 0.5
"""A new test that resembles a deleted one by so much stands in its place."""
_SKIPS = frozenset({"skip", "xfail", "skipTest", "SkipTest", "expectedFailure"})
_CONDITIONAL = frozenset({"skipif", "skipIf", "skipUnless"})
_WEAK_METHODS = frozenset(
    {"assertTrue", "assertIsNotNone", "assertIn", "assertNotEqual", "assertIsInstance", "assertGreaterEqual", "assertLessEqual"}
)
_CATCH_ALL = frozenset({"", "Exception", "BaseException", "AssertionError"})


def edited(change: Change) -> Iterator[Flag]:
    """Flag each file of the tests that is not what it was."""
    for path in sorted({*change.before, *change.after}):
        old, new = change.before.get(path), change.after.get(path)
        if is_test_file(path) and (old is None or new is None or old.text != new.text):
            yield flag("test-edited", "changes the tests", path, 0)


def deleted(change: Change) -> Iterator[Flag]:
    """Flag tests that are gone, neither moved nor rewritten, while the code stays much as it is and all that they use is there."""
    added = [node for old, new in change.pairs(tests=True) for name, node in new.tests.items() if name not in old.tests]
    gone = sum(name not in new.tests for old, new in change.pairs(tests=True) for name in old.tests)
    if change.is_reshaped or gone <= len(added):
        return
    moved = Counter(node.name for node in added)
    for old, new in change.pairs(tests=True):
        if new.text and new.tree is None:
            continue
        for name, node in old.tests.items():
            if name in new.tests or moved[node.name] or _skips(node) or _stands_in(node, added) or _is_obsolete(node, old, change):
                continue
            yield flag("test-deleted", f"deletes {name}, and what it tests is still there", old.path, node)


def _stands_in(gone: Function, added: Sequence[Function]) -> bool:
    """Say whether one of the new tests does the work of one that is gone: it looks alike, or calls the same for more cases."""
    calls = _calls(gone)
    return any(_likeness(gone, other) >= ALIKE or (calls and calls <= _calls(other)) or gone.name.startswith(other.name) for other in added)


def _is_obsolete(node: Function, source: Source, change: Change) -> bool:
    """Say whether a test is of code that is deleted, by a name it uses or one that it is named after."""
    words = names_in(node) | {word for word in node.name.split("_") if len(word) > 3}
    for imported in ast.walk(source.tree) if source.tree and not change.after.get(source.path) else ():
        if isinstance(imported, ast.Import | ast.ImportFrom):
            words |= names_in(imported) | set((getattr(imported, "module", None) or "").split("."))
    return bool(words & change.removed_names)


def _calls(node: Function) -> frozenset[str]:
    found = {dotted(one).rpartition(".")[2] for one in ast.walk(node) if isinstance(one, ast.Call)}
    return frozenset(name for name in found if name and not name.startswith("assert"))


def _likeness(one: Function, other: Function) -> float:
    lines = [[dump(line) for line in node.body] for node in (one, other)]
    return float(SequenceMatcher(None, lines[0], lines[1], autojunk=False).ratio())


def skipped(change: Change) -> Iterator[Flag]:
    """Flag tests that were there and are now skipped, or expected to fail, whatever the circumstances."""
    for old, new in change.pairs(tests=True):
        if not old.tree or not new.tree:
            continue
        if old.tests and _skips_at_top(new.tree) and not _skips_at_top(old.tree):
            yield flag("test-skipped", "skips all tests of the file", new.path, _skips_at_top(new.tree)[0])
        before = {name for name, node in _with_marks(old).items() if not _skips(node)}
        for name, node in _with_marks(new).items():
            if name in before and (marks := _skips(node)):
                yield flag("test-skipped", f"skips {name}", new.path, marks[0])


def _with_marks(source: Source) -> dict[str, ast.AST]:
    classes = {node.name: node for node in source.tree.body if isinstance(node, ast.ClassDef)} if source.tree else {}
    return {**source.tests, **{name: node for name, node in classes.items() if any(test.startswith(name + ".") for test in source.tests)}}


def _skips(node: ast.AST) -> list[ast.AST]:
    """Return the marks of a test, and the statements of its body, that skip it always."""
    found: list[ast.AST] = [mark for mark in getattr(node, "decorator_list", ()) if _skips_always(mark)]
    if isinstance(node, ast.ClassDef):
        return found
    return found + [line for line in getattr(node, "body", ()) if _ends_test(line)]


def _skips_at_top(tree: ast.Module) -> list[ast.stmt]:
    marks = [line for line in tree.body if isinstance(line, ast.Assign) and "pytestmark" in {dotted(target) for target in line.targets}]
    of_marks = [line for line in marks if any(_skips_always(one) for one in _elements(line.value))]
    return of_marks + [line for line in tree.body if _ends_test(line)]


def _elements(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.List | ast.Tuple) else [node]


def _skips_always(mark: ast.expr) -> bool:
    name = dotted(mark).rpartition(".")[2]
    conditions = mark.args if isinstance(mark, ast.Call) else []
    named = {word.arg: word.value for word in mark.keywords} if isinstance(mark, ast.Call) else {}
    if name in _CONDITIONAL:
        first = conditions[0] if conditions else named.get("condition")
        return isinstance(first, ast.Constant) and bool(first.value) is (name != "skipUnless")
    if name == "xfail":
        return not [one for one in conditions if not isinstance(one, ast.Constant)] and "condition" not in named
    return name in _SKIPS


def _ends_test(line: ast.stmt) -> bool:
    """Say whether a statement skips a test; one below an `if` does so only at times and does not count."""
    value = line.value if isinstance(line, ast.Expr) else line.exc if isinstance(line, ast.Raise) else None
    return isinstance(value, ast.Call | ast.Name | ast.Attribute) and dotted(value).rpartition(".")[2] in _SKIPS


def weakened(change: Change) -> Iterator[Flag]:
    """Flag tests that keep their name and check less."""
    for old, new in change.pairs(tests=True):
        for name, node in new.tests.items():
            before = old.tests.get(name)
            if before is not None and dump(before) != dump(node) and not names_in(before) & change.removed_names:
                for place, how in _weaker(before, node):
                    yield flag("test-weakened", f"{name} {how}", new.path, place)
                if not change.is_reshaped:
                    for place, how in _shorter(before, node, new):
                        yield flag("test-weakened", f"{name} {how}", new.path, place)


def _shorter(before: Function, after: Function, file: Source) -> Iterator[tuple[ast.AST, str]]:
    """Return what is gone from a test, and is in no other test of its file either: that may be right where code is gone as well."""
    if _checks(before) and not _checks(after) and not _delegates(after):
        yield after, "checks nothing any more"
    elif _only_removes(before, after) and not {dump(check) for check in _checks(before)} <= _all_checks(file):
        yield after, "has lost checks and is else the same"
    yield from _fewer_cases(before, after, _all_cases(file))


def _all_checks(source: Source) -> frozenset[str]:
    return frozenset(dump(check) for test in source.tests.values() for check in _checks(test))


def _weaker(before: Function, after: Function) -> Iterator[tuple[ast.AST, str]]:
    checks, now = _checks(before), _checks(after)
    known = {dump(check) for check in checks}
    for check in now:
        if dump(check) not in known and isinstance(check, ast.Assert) and _is_trivial(check.test):
            yield check, "checks what is always true"
    yield from _caught(before, after)
    yield from _loosened(before, after)
    early = next((line for line in after.body[:-1] if isinstance(line, ast.Return)), None)
    if early and checks and not any(isinstance(line, ast.Return) for line in before.body[:-1]):
        yield early, "returns before it has checked anything" if not _checked_before(after, early) else "returns before its last checks"


def _checked_before(test: Function, early: ast.stmt) -> bool:
    return any(_is_check(node) for line in test.body[: test.body.index(early)] for node in ast.walk(line))


def _checks(test: Function) -> list[ast.stmt]:
    return [node for node in ast.walk(test) if _is_check(node)]  # type: ignore[misc]


def _is_check(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if isinstance(node, ast.With | ast.AsyncWith):
        return any(dotted(item.context_expr).rpartition(".")[2] in ("raises", "warns") for item in node.items) or any(
            _asserts(item.context_expr) for item in node.items
        )
    return isinstance(node, ast.Expr) and _asserts(node.value)


def _asserts(node: ast.expr) -> bool:
    node = node.value if isinstance(node, ast.Await) else node
    return isinstance(node, ast.Call) and dotted(node).rpartition(".")[2].lower().startswith(("assert", "fail"))


def _delegates(test: Function) -> bool:
    """Say whether a test hands its checking to something else: a helper, a fixture, or what it is written to raise."""
    words = ("check", "verify", "expect", "assert", "compare", "validate", "raises", "snapshot", "run_", "should", "ensure")
    return any(word in name.lower() for name in names_in(test) for word in words)


def _only_removes(before: Function, after: Function) -> bool:
    """Say whether a test is what it was but for lines that are gone, checks among them."""
    old, new = [dump(line) for line in before.body], [dump(line) for line in after.body]
    if [dump(mark) for mark in before.decorator_list] != [dump(mark) for mark in after.decorator_list] or len(new) >= len(old):
        return False
    lines = iter(old)
    return all(line in lines for line in new) and any(_is_check(line) and dump(line) not in new for line in before.body)


def _is_trivial(test: ast.expr) -> bool:
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return any(_is_trivial(value) for value in test.values)
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq | ast.Is | ast.LtE | ast.GtE):
        return dump(test.left) == dump(test.comparators[0]) and not any(isinstance(node, ast.Call) for node in ast.walk(test.left))
    return False


def _caught(before: Function, after: Function) -> Iterator[tuple[ast.AST, str]]:
    known = {dump(node) for node in ast.walk(before) if isinstance(node, ast.Try | ast.With)}
    for node in ast.walk(after):
        inner = node.body if isinstance(node, ast.Try | ast.With) and dump(node) not in known else []
        if not any(_is_check(one) for line in inner for one in ast.walk(line)):
            continue
        if isinstance(node, ast.Try) and any(_swallows(handler) for handler in node.handlers):
            yield node, "catches its own failures"
        if isinstance(node, ast.With) and any(_suppresses(item.context_expr) for item in node.items):
            yield node, "catches its own failures"


def _swallows(handler: ast.ExceptHandler) -> bool:
    kinds = {dotted(kind).rpartition(".")[2] for kind in _elements(handler.type)} if handler.type else {""}
    ends = any(isinstance(node, ast.Raise) or _is_check(node) for line in handler.body for node in ast.walk(line))
    fails = any(dotted(node).rpartition(".")[2] == "fail" for line in handler.body for node in ast.walk(line) if isinstance(node, ast.Call))
    return bool(kinds & _CATCH_ALL) and not ends and not fails


def _suppresses(node: ast.expr) -> bool:
    is_suppress = isinstance(node, ast.Call) and dotted(node).rpartition(".")[2] == "suppress"
    return is_suppress and any(dotted(kind).rpartition(".")[2] in _CATCH_ALL for kind in node.args)  # type: ignore[attr-defined]


def _loosened(before: Function, after: Function) -> Iterator[tuple[ast.AST, str]]:
    """Compare tests of which a single line differs."""
    if len(before.body) != len(after.body):
        return
    differing = [(old, new) for old, new in zip(before.body, after.body, strict=True) if dump(old) != dump(new)]
    if len(differing) == 1 and _is_looser(*differing[0]):
        yield differing[0][1], "checks less precisely"


def _is_looser(old: ast.stmt, new: ast.stmt) -> bool:
    if isinstance(old, ast.Assert) and isinstance(new, ast.Assert):
        is_exact = isinstance(old.test, ast.Compare) and len(old.test.ops) == 1 and isinstance(old.test.ops[0], ast.Eq)
        if not is_exact:
            return False
        subject = dump(old.test.left)  # type: ignore[attr-defined]
        if isinstance(new.test, ast.Compare):
            return dump(new.test.left) == subject and not any(isinstance(op, ast.Eq | ast.Is) for op in new.test.ops)
        return dump(new.test) == subject or (dotted(new.test) == "isinstance" and subject in dump(new.test))
    if isinstance(old, ast.Expr) and isinstance(new, ast.Expr) and isinstance(old.value, ast.Call) and isinstance(new.value, ast.Call):
        names = dotted(old.value).rpartition(".")[2], dotted(new.value).rpartition(".")[2]
        is_weaker = names[0] in ("assertEqual", "assertEquals", "assertDictEqual", "assertListEqual") and names[1] in _WEAK_METHODS
        return is_weaker and bool(old.value.args and new.value.args) and dump(old.value.args[0]) in dump(new.value)
    return False


def _fewer_cases(before: Function, after: Function, cases: frozenset[str]) -> Iterator[tuple[ast.AST, str]]:
    """Compare what a test is run for; `cases` are those of all tests of the file now, to which one may have moved."""
    old, new = _cases(before), _cases(after)
    for names, mark in new.items():
        kept = {dump(case) for case in mark.elts}
        known = {dump(case) for case in old[names].elts} if names in old else set()
        lost = len(known - kept)
        if known - kept - cases and kept <= known and dump(ast.Module(before.body, [])) == dump(ast.Module(after.body, [])):
            yield mark, f"is run for {lost} fewer case{'s' if lost > 1 else ''}"


def _all_cases(source: Source) -> frozenset[str]:
    return frozenset(dump(case) for test in source.tests.values() for mark in _cases(test).values() for case in mark.elts)


def _cases(test: Function) -> dict[str, ast.List | ast.Tuple]:
    found = {}
    for mark in test.decorator_list:
        if isinstance(mark, ast.Call) and dotted(mark).endswith("parametrize") and len(mark.args) > 1:
            cases = mark.args[1]
            if isinstance(cases, ast.List | ast.Tuple):
                found[dump(mark.args[0])] = cases
    return found
