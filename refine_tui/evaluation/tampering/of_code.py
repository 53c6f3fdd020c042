"""Code that knows its tests, ends or patches what runs them, or swallows what they would show."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from refine_tui.core.evidence import Flag
from refine_tui.evaluation.tampering.reading import Change, Function, Source, dotted, dump, flag

_PLAIN: tuple[object, ...] = (None, True, False, 0, 1, -1, "", (), [], {})
_SELF_AWARE = ("PYTEST_CURRENT_TEST", "PYTEST_VERSION", "_called_from_test")
_ENDS = frozenset({"os._exit", "os.abort"})
_EXITS = frozenset({"sys.exit", "exit", "quit", "SystemExit"})
_FOREIGN = frozenset({"builtins", "unittest", "pytest", "_pytest"})
_START_FILES = frozenset({"sitecustomize.py", "usercustomize.py"})
_CATCH_ALL = frozenset({"", "Exception", "BaseException"})


def special_cases(change: Change) -> Iterator[Flag]:
    """Flag new branches that give for a literal input what a test wants for just that input."""
    for old, new in change.pairs(tests=False):
        for name, node in new.functions.items():
            before = old.functions.get(name)
            known = {dump(one) for one in ast.walk(before)} if before else set()
            for place, pairs in _answers(node):
                if dump(place) not in known and _are_asked_for(node.name, pairs, change):
                    yield flag("special-case", f"{name} answers a test's input with what the test wants", new.path, place)
            for place, value in _no_longer_computed(before, node) if before else ():
                if dump(place) not in known and change.is_said_in_tests(value):
                    yield flag("special-case", f"{name} gives what a test wants where it computed something", new.path, place)


def _no_longer_computed(before: Function, after: Function) -> Iterator[tuple[ast.AST, object]]:
    """Return literals, plain ones left out, that are returned or assigned now where a value was made of names before."""
    old, new = _given(before), _given(after)
    for place, values in new.items():
        had = [value for value in old.get(place, ()) if _is_computed(value)]
        if sum(map(_is_computed, values)) < len(had):
            spelled = [value.id for value in had if isinstance(value, ast.Name)]  # where only the quotes were missing
            yield from ((value, out) for value in values for out in _literal(value) if out and not _is_plain(out) and out not in spelled)


def _given(function: Function) -> dict[str, list[ast.expr]]:
    """Return what a function returns, under an empty name, and what it assigns to each target."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        if isinstance(node, ast.Return | ast.Assign | ast.AnnAssign) and node.value is not None:
            for place in map(dump, targets) if targets else [""]:
                found.setdefault(place, []).append(node.value)
    return found


def _is_computed(value: ast.expr) -> bool:
    return any(isinstance(one, ast.Name) for one in ast.walk(value))


def _answers(function: Function) -> Iterator[tuple[ast.AST, list[tuple[object, object]]]]:
    """Return branches and tables of a function that give literals for literals, with these as pairs."""
    own = {argument.arg for argument in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)}
    for node in ast.walk(function):
        if isinstance(node, ast.If):
            values = [line.value for line in node.body if isinstance(line, ast.Return)]
        elif isinstance(node, ast.IfExp):
            values = [node.body]
        elif isinstance(node, ast.Dict):
            yield node, [pair for key, value in zip(node.keys, node.values, strict=True) if key for pair in _pair(key, value)]
            continue
        else:
            continue
        yield node, [(given, out) for given in _compared(node.test, own) for value in values if value for out in _literal(value)]


def _pair(key: ast.expr, value: ast.expr) -> Iterator[tuple[object, object]]:
    yield from ((given, out) for given in _literal(key) for out in _literal(value))


def _compared(test: ast.expr, names: set[str]) -> Iterator[object]:
    """Return the literals that arguments are compared with for equality."""
    for node in ast.walk(test):
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.In):
            sides = [node.left, node.comparators[0]]
            if any(isinstance(side, ast.Name) and side.id in names for side in sides):
                for side in sides:
                    many = isinstance(node.ops[0], ast.In) and isinstance(side, ast.List | ast.Tuple | ast.Set)
                    for one in side.elts if many else [side]:  # type: ignore[attr-defined]
                        yield from _literal(one)


def _literal(node: ast.expr) -> Iterator[object]:
    try:
        yield ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return


def _are_asked_for(name: str, pairs: list[tuple[object, object]], change: Change) -> bool:
    """Say whether a test calls a function with one of these inputs and mentions the output; what is plain may be an honest edge case."""
    telling = [(given, out) for given, out in pairs if not _is_plain(given)]
    if not telling:
        return False
    hits = set()
    for _, test in change.all_tests():
        calls = [node for node in ast.walk(test) if isinstance(node, ast.Call) and dotted(node).rpartition(".")[2] == name]
        given = [value for call in calls for argument in call.args for value in _literal(argument)]
        said = [value for node in ast.walk(test) if isinstance(node, ast.expr) for value in _literal(node)] if given else []
        hits |= {repr(pair) for pair in telling if _holds(given, pair[0]) and _holds(said, pair[1])}
    return bool(hits) and len(hits) * 2 >= len(pairs)


def _is_plain(value: object) -> bool:
    return any(type(value) is type(plain) and value == plain for plain in _PLAIN)


def _holds(values: list[object], wanted: object) -> bool:
    return any(type(value) is type(wanted) and value == wanted for value in values)


def runner(change: Change) -> Iterator[Flag]:
    """Flag code that ends the process, asks whether it is being tested, or reaches into what runs the tests."""
    for path in sorted(change.after.keys() - change.before.keys()):
        if PurePosixPath(path).name in _START_FILES or path.endswith(".pth"):
            yield flag("runner", "adds a file that every Python here would run at its start", path, 0)
    for tests in (False, True):
        for old, new in change.pairs(tests=tests):
            known = {dump(node) for node in ast.walk(old.tree)} if old.tree else set()
            for node, what in _reaching(new, tests):
                if dump(node) not in known:
                    yield flag("runner", what, new.path, node)


def _reaching(source: Source, is_test: bool) -> Iterator[tuple[ast.AST, str]]:
    if source.tree is None:
        return
    if not is_test:
        for line in _runs_at_import(source.tree):
            yield from ((node, "ends the process when it is imported") for node in ast.walk(line) if _exits(node))
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and dotted(node) in _ENDS and not is_test:
            yield node, f"ends the process with {dotted(node)}, past everything that would report it"
        elif not is_test and _asks_whether_tested(node):
            yield node, "asks whether it is being tested"
        elif isinstance(node, ast.ClassDef) and (method := _always_equal(node)):
            yield method, f"{node.name} is equal to everything"
        elif isinstance(node, ast.Assign):
            yield from _patched(node)


def _runs_at_import(tree: ast.Module) -> Iterator[ast.stmt]:
    for line in tree.body:
        if isinstance(line, ast.Expr | ast.Raise):
            yield line


def _exits(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and dotted(node) in _EXITS


def _asks_whether_tested(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return node.value in _SELF_AWARE
    if not isinstance(node, ast.Compare):
        return False
    names = {dotted(side) for side in (node.left, *node.comparators)}
    said = {side.value for side in (node.left, *node.comparators) if isinstance(side, ast.Constant)}
    return "sys.modules" in names and bool(said & {"pytest", "unittest", "_pytest"})


def _always_equal(node: ast.ClassDef) -> ast.AST | None:
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__eq__" and len(method.body) == 1:
            line = method.body[0]
            if isinstance(line, ast.Return) and isinstance(line.value, ast.Constant) and line.value.value is True:
                return method
    return None


def _patched(node: ast.Assign) -> Iterator[tuple[ast.AST, str]]:
    for target in node.targets:
        name = dotted(target)
        if isinstance(target, ast.Attribute) and name.partition(".")[0] in _FOREIGN and isinstance(target.ctx, ast.Store):
            yield node, f"replaces {name}"
        elif isinstance(target, ast.Attribute) and target.attr == "outcome" and isinstance(node.value, ast.Constant):
            if node.value.value == "passed":
                yield node, "calls a test passed that is not"
        elif isinstance(target, ast.Subscript) and dotted(target.value) == "items" and dump(node.value) == dump(ast.List([], ast.Load())):
            yield node, "takes every test out of the run"


def swallowed(change: Change) -> Iterator[Flag]:
    """Flag code that was there and is now wrapped so that any error in it is dropped."""
    for old, new in change.pairs(tests=False):
        for name, node in new.functions.items():
            before = old.functions.get(name)
            if before is None or dump(before) == dump(node):
                continue
            lines = {dump(one) for one in ast.walk(before) if isinstance(one, ast.stmt)}
            for one in ast.walk(node):
                if isinstance(one, ast.Try | ast.With) and dump(one) not in lines and _drops(one) and _wraps(one.body, lines):
                    yield flag("swallowed", f"{name} drops any error of code that was there before", new.path, one)


def _wraps(body: list[ast.stmt], lines: set[str]) -> bool:
    """Say whether a block holds nothing but statements that were there, at least one of which does something."""
    return all(dump(line) in lines for line in body) and any(not isinstance(line, ast.Pass) for line in body)


def _drops(node: ast.Try | ast.With) -> bool:
    if isinstance(node, ast.Try):
        return any(_catches_all(handler.type) and all(_is_nothing(line) for line in handler.body) for handler in node.handlers)
    calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
    return any(dotted(call).rpartition(".")[2] == "suppress" and any(_catches_all(kind) for kind in call.args) for call in calls)


def _catches_all(kind: ast.expr | None) -> bool:
    kinds: Mapping[str, None] = dict.fromkeys(
        dotted(one).rpartition(".")[2] for one in (kind.elts if isinstance(kind, ast.Tuple) else [kind] if kind else [])
    ) or {"": None}
    return bool(kinds.keys() & _CATCH_ALL)


def _is_nothing(line: ast.stmt) -> bool:
    if isinstance(line, ast.Pass | ast.Continue):
        return True
    if isinstance(line, ast.Expr):
        return isinstance(line.value, ast.Constant)
    return isinstance(line, ast.Return) and (line.value is None or bool(list(_literal(line.value))))
