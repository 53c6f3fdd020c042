"""What test runners print, and what is made of it: TAP, Rust's and Go's text, JUnit XML, hostile reports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.core.evidence import CaseResult
from refine_tui.evaluation.commands.junit import MOST_BYTES, MOST_CASES, NotJUnit, read_junit
from refine_tui.evaluation.commands.places import Places
from refine_tui.evaluation.commands.reading import Cargo, Go, Guessing, Reader, Tap

NODE = """TAP version 13
# Subtest: a full cart
    # Subtest: costs what its parts cost
    not ok 1 - costs what its parts cost
      ---
      duration_ms: 1.5
      location: '/p/cart.test.js:12:3'
      failureType: 'testCodeFailure'
      error: |-
        Expected values to be strictly equal:

        16 !== 21

      code: 'ERR_ASSERTION'
      name: 'AssertionError'
      expected: 21
      actual: 16
      stack: |-
        total (/p/cart.js:6:1)
        TestContext.<anonymous> (/p/cart.test.js:13:12)
      ...
    # Subtest: is not taxed yet
    ok 2 - is not taxed yet # SKIP later
      ---
      duration_ms: 0.1
      ...
    # Subtest: soon
    not ok 3 - soon # TODO
    1..3
not ok 1 - a full cart
  ---
  failureType: 'subtestsFailed'
  ...
# Subtest: an empty cart
ok 2 - an empty cart
1..2
"""
PROVE = """1..4
ok 1 - one
not ok 2 - two
#   Failed test 'two'
#          got: '3'
not ok 3
ok 4 - two
"""
CARGO = """   Compiling seats v0.1.0 (/p)
     Running unittests src/lib.rs (target/debug/deps/seats-1)

running 2 tests
test tests::later ... ignored, not now
test tests::free ... ok

test result: ok. 1 passed

     Running tests/parties.rs (target/debug/deps/parties-1)

running 2 tests
test full ... FAILED
test more - should panic ... ok

failures:

---- full stdout ----

thread 'full' panicked at tests/parties.rs:5:5:
assertion `left == right` failed
  left: 2
 right: 1
note: run with `RUST_BACKTRACE=1`


failures:
    full

test result: FAILED. 1 passed; 1 failed

   Doc-tests seats
test src/lib.rs - rows (line 3) ... ok
"""
GO = """=== RUN   TestNobodyAhead
    queue_test.go:7: Wait(0, 5) = 5, want 0
--- FAIL: TestNobodyAhead (0.00s)
=== RUN   TestTable
=== RUN   TestTable/three
    --- PASS: TestTable/three (0.01s)
--- PASS: TestTable (0.01s)
=== RUN   TestLater
--- SKIP: TestLater (0.00s)
FAIL
FAIL\texample.org/queue\t0.002s
ok  \texample.org/other\t0.1s
"""
GO_JSON = """{"Action":"run","Package":"q","Test":"TestA"}
{"Action":"output","Package":"q","Test":"TestA","Output":"    q_test.go:7: no\\n"}
{"Action":"fail","Package":"q","Test":"TestA","Elapsed":0.5}
{"Action":"fail","Package":"q","Elapsed":0.6}
"""


def read(reader: Reader, text: str) -> dict[str, CaseResult]:
    seen = [one for line in text.split("\n") for one in reader.feed(line)] + list(reader.end())
    return {one.case.node_id: one.case for one in seen}


def outcomes(cases: dict[str, CaseResult]) -> dict[str, str]:
    return {node: case.outcome for node, case in cases.items()}


def test_tap_of_node_gives_the_leaves_with_their_suites_and_the_failure() -> None:
    found = read(Tap(), NODE)
    assert outcomes(found) == {
        "a full cart::costs what its parts cost": "failed",
        "a full cart::is not taxed yet": "skipped",
        "a full cart::soon": "xfailed",
        "an empty cart": "passed",
    }
    bad = found["a full cart::costs what its parts cost"]
    assert bad.message == "Expected values to be strictly equal: 16 !== 21"
    assert (bad.values, bad.error, bad.duration_s) == (("16", "21"), "AssertionError", 0.0015)
    assert "cart.js:6" in bad.details


def test_tap_with_comments_and_without_names_is_read_and_every_test_has_an_id_of_its_own() -> None:
    found = read(Tap(), PROVE)
    assert outcomes(found) == {"one": "passed", "two": "failed", "test 3": "failed", "two#2": "passed"}
    assert found["two"].message == "Failed test 'two'"


def test_a_suite_that_fails_by_itself_is_told() -> None:
    text = "# Subtest: s\n    # Subtest: t\n    ok 1 - t\n    1..1\nnot ok 1 - s\n  ---\n  error: 'hook failed'\n  ...\n"
    found = read(Tap(), text)
    assert outcomes(found) == {"s::t": "passed", "s": "failed"}
    assert found["s"].message == "hook failed"


def test_tap_as_mocha_and_vitest_print_it_is_read() -> None:
    mocha = read(
        Tap(), "1..2\nnot ok 1 a cart costs what\n  AssertionError: expected 1 to equal 2\n      at Context.x (a.js:3:4)\nok 2 b\n"
    )
    assert mocha["a cart costs what"].message == "AssertionError: expected 1 to equal 2"
    vitest = read(Tap(), "TAP version 13\n1..1\nok 1 - a.test.ts > cart > is empty # time=1.50ms\n")
    assert [(node, case.duration_s) for node, case in vitest.items()] == [("a.test.ts > cart > is empty", 0.0015)]


def test_rusts_text_is_read_program_by_program_with_the_panic() -> None:
    found = read(Cargo(), CARGO)
    assert outcomes(found) == {
        "src/lib.rs::tests::later": "skipped",
        "src/lib.rs::tests::free": "passed",
        "tests/parties.rs::full": "failed",
        "tests/parties.rs::more": "passed",
        "Doc-tests::src/lib.rs - rows (line 3)": "passed",
    }
    bad = found["tests/parties.rs::full"]
    assert (bad.message, bad.values) == ("assertion `left == right` failed left: 2 right: 1", ("2", "1"))


def test_gos_text_and_its_json_are_read() -> None:
    found = read(Go(), GO)
    assert outcomes(found) == {"TestNobodyAhead": "failed", "TestTable/three": "passed", "TestTable": "passed", "TestLater": "skipped"}
    assert found["TestNobodyAhead"].message == "queue_test.go:7: Wait(0, 5) = 5, want 0"
    by_json = read(Go(), GO_JSON)
    assert outcomes(by_json) == {"q::TestA": "failed"}
    assert (by_json["q::TestA"].message, by_json["q::TestA"].duration_s) == ("q_test.go:7: no", 0.5)


@pytest.mark.parametrize(("text", "count"), [(NODE, 4), (PROVE, 4), (CARGO, 5), (GO, 4), (GO_JSON, 1), ("all ok\nok then\n2 failed\n", 0)])
def test_the_format_is_found_out_and_plain_text_is_none(text: str, count: int) -> None:
    assert len(read(Guessing(), text)) == count


@pytest.mark.parametrize("make", [Tap, Cargo, Go, Guessing])
def test_no_reader_is_harmed_by_hostile_text(make: Callable[[], Reader]) -> None:
    for text in (
        "not ok 1 - \x1b[2Jname\u202e" + "x" * 100_000,
        "---- x stdout ----\n" * 50,
        '{"Action": [1, {}]}',
        "{" * 90_000,
        "\0" * 9,
    ):
        for node, case in read(make(), f"1..1\n{text}\nok 2\n").items():
            assert len(node) < 400
            assert "\x1b" not in node + case.message + case.details
            assert "\u202e" not in node


def spelt(path: str) -> str:
    return path


def test_junit_gives_ids_from_files_classes_and_suites() -> None:
    report = b"""<?xml version="1.0"?><testsuites><testsuite name="Outer"><testsuite name="Inner">
        <testcase name="plain" classname="test" time="0.25"/>
        <testcase name="of class" classname="org.Shop" time="1,000.5">
          <failure type="java.lang.AssertionError" message="3 != 4">at Shop.java:7</failure></testcase>
        <testcase name="in file" file="src/a.test.js"><error>boom\nline 2</error></testcase>
        <testcase name="later"><skipped message="why"/></testcase>
        <testcase name="in file" file="src/a.test.js"/></testsuite></testsuite></testsuites>"""
    found = [seen.case for seen in read_junit(report, spelt)]
    assert [(case.node_id, case.outcome, case.message, case.duration_s) for case in found] == [
        ("Outer::Inner::plain", "passed", "", 0.25),
        ("org.Shop::of class", "failed", "3 != 4", 1000.5),
        ("src/a.test.js::in file", "error", "boom", 0.0),
        ("Outer::Inner::later", "skipped", "why", 0.0),
        ("src/a.test.js::in file", "passed", "", 0.0),
    ]
    assert found[1].error == "AssertionError"
    assert "Shop.java:7" in found[1].details


BOMB = b'<!DOCTYPE a [<!ENTITY b "xxxxxxxxxx"><!ENTITY c "&b;&b;&b;">]><testsuite><testcase name="&c;"/></testsuite>'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (BOMB, "document type or entities"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type or entities"),
        (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]><a/>', "document type or entities"),
        (b"<testsuite>" * 100, "nests deeper"),
        (b"<testsuite><testcase name='x'", "no XML"),
        (b"", "no XML"),
        (b"\xff\xfe\x00garbage", "no XML|decoded"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "no XML|decoded"),
        (b"<a>" + b"x" * MOST_BYTES + b"</a>", "larger than"),
        (b"<s>" + b"<testcase name='a'/>" * (MOST_CASES + 1) + b"</s>", "more than"),
    ],
)
def test_a_hostile_report_is_refused_with_a_reason(content: bytes, why: str) -> None:
    with pytest.raises(NotJUnit, match=why):
        read_junit(content, spelt)


def test_values_of_a_report_are_made_visible_and_bounded() -> None:
    name = "&#27;[2J"  # XML 1.0 knows no escape character: such a report is refused
    with pytest.raises(NotJUnit):
        read_junit(f"<s><testcase name='{name}'/></s>".encode(), spelt)
    bad = f"<failure message='&#x9b;m'>{'d' * 90_000}</failure>"
    report = f"<s><testcase name='a\u202e&#10;{'n' * 5000}' time='nan'>{bad}</testcase></s>"
    case = read_junit(report.encode(), spelt)[0].case
    assert "\u202e" not in case.node_id
    assert "\n" not in case.node_id
    assert len(case.node_id) <= 300
    assert len(case.details) <= 8192
    assert "\x9b" not in case.message
    assert case.duration_s == 0.0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("src/lib.rs", "cart.js", "cart.test.js", "shelf.c", "app/src/Shop.java", "rates.py", "a/twice.go", "b/twice.go"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("    at total (PROJECT/cart.js:6:1)\n    at test (file://PROJECT/cart.test.js:13:12)", [("cart.test.js", 12), ("cart.js", 5)]),
        ("panicked at src/lib.rs:3:5:", [("src/lib.rs", 2)]),
        ("check: shelf.c:12: main: Assertion `x' failed.", [("shelf.c", 11)]),
        ("shelf.c(12): error C2065", [("shelf.c", 11)]),
        ("\tat org.Shop.total(Shop.java:7)\n\tat java.base/Method.invoke(Method.java:5)", [("app/src/Shop.java", 6)]),
        (
            'Traceback (most recent call last):\n  File "PROJECT/rates.py", line 2, in a\n  File "PROJECT/cart.js", line 3, in b',
            [("rates.py", 1), ("cart.js", 2)],
        ),
        ("/somewhere/else/copy/src/lib.rs:9:1", [("src/lib.rs", 8)]),
        ("twice.go:3: which one?", []),
        ("/etc/passwd:1: ../../etc/passwd:1 http://example.org:80/cart.js:x 12:30:05 v1.2:3", []),
    ],
)
def test_places_are_found_in_the_texts_of_many_tools(text: str, expected: list[tuple[str, int]], project: Path) -> None:
    frames = Places(project).frames(text.replace("PROJECT", str(project)))
    assert [(frame.path, frame.line) for frame in frames] == expected


def test_a_stack_names_its_functions(project: Path) -> None:
    frames = Places(project).frames("    at Cart.total (/x/cart.js:6:1)\n    at TestContext.<anonymous> (/x/cart.test.js:2:1)")
    assert [frame.function for frame in frames] == ["TestContext.<anonymous>", "Cart.total"]
