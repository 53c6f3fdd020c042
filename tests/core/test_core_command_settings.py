"""Settings of a test command: who may set them."""

from __future__ import annotations

from refine_tui.core.paths import matches
from refine_tui.core.settings import DEFAULT_PROTECTED, Settings, merge

DOCUMENT = {"test": {"command": "make check", "filter": "make check T={names}", "junit": "out.xml", "format": "junit"}}


def test_a_command_counts_from_the_user_and_in_a_trusted_project() -> None:
    settings, ignored = merge(Settings(), DOCUMENT, "refine.toml", trusted=True)
    assert (settings.test_command, settings.test_filter) == ("make check", "make check T={names}")
    assert (settings.test_junit, settings.test_format, ignored) == ("out.xml", "junit", ())


def test_a_project_that_is_not_trusted_runs_no_command() -> None:
    settings, ignored = merge(Settings(), DOCUMENT, "refine.toml", trusted=False)
    assert (settings.test_command, settings.test_filter) == ("", "")
    assert ignored == ("test.command", "test.filter")


def test_tests_in_other_languages_are_never_changed() -> None:
    for path in (
        "src/cart.test.ts",
        "a/cart.spec.js",
        "__tests__/cart.js",
        "q/queue_test.go",
        "src/CartTest.java",
        "test_cart.c",
        "cart_test.cc",
    ):
        assert matches(path, DEFAULT_PROTECTED), path
    for path in ("src/cart.ts", "contest.go", "src/Cart.java", "latest.c", "protest.js"):
        assert not matches(path, DEFAULT_PROTECTED), path
