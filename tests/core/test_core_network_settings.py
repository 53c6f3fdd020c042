"""Settings that have to do with other machines: who may loosen them."""

from __future__ import annotations

from typing import Any

import pytest

from refine_tui.core.errors import UsageError
from refine_tui.core.settings import Settings, merge


def test_offline_and_plain_http_are_read() -> None:
    document = {"offline": True, "model": {"plain_http": ["gpu.lan:8080"], "use": "https://gpu.lan/v1#coder"}}
    settings, ignored = merge(Settings(), document, "refine.toml", trusted=True)
    assert (settings.offline, settings.plain_http, settings.model, ignored) == (True, ("gpu.lan:8080",), "https://gpu.lan/v1#coder", ())


def test_a_project_may_forbid_the_network_and_not_allow_it() -> None:
    assert merge(Settings(), {"offline": True}, "refine.toml", trusted=False)[0].offline
    settings, ignored = merge(Settings(offline=True), {"offline": False}, "refine.toml", trusted=False)
    assert (settings.offline, ignored) == (True, ("offline",))
    assert not merge(Settings(offline=True), {"offline": False}, "refine.toml", trusted=True)[0].offline


@pytest.mark.parametrize("model", ["https://evil.example/v1#m", "http://127.0.0.1:1/v1#m", "weights/model.gguf", "model.gguf", "..\\m"])
def test_a_project_that_is_not_trusted_names_no_server_and_no_file(model: str) -> None:
    settings, ignored = merge(Settings(), {"model": {"use": model, "plain_http": ["a"]}}, "refine.toml", trusted=False)
    assert (settings.model, settings.plain_http, ignored) == ("", (), ("model.use", "model.plain_http"))


def test_a_project_that_is_not_trusted_may_choose_among_the_models_here() -> None:
    assert merge(Settings(), {"model": {"use": "qwen-7b"}}, "refine.toml", trusted=False)[0].model == "qwen-7b"


@pytest.mark.parametrize(
    "document", [{"offline": "yes"}, {"offline": 1}, {"offline": {}}, {"model": {"plain_http": "a"}}, {"online": True}]
)
def test_values_of_another_kind_are_wrong_usage(document: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"refine\.toml: (offline|model|online)"):
        merge(Settings(), document, "refine.toml", trusted=True)
