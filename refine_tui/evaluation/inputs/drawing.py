"""Draws examples from a hypothesis strategy: the same for the same seed, and nothing is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_BACKEND = "refine-tui"


def draw(strategy: SearchStrategy[Any], count: int, seed: int) -> list[Any]:
    """Return up to `count` examples; the same strategy and seed give the same ones, in every process."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS

    AVAILABLE_PROVIDERS.setdefault(_BACKEND, "refine_tui.evaluation.inputs.provider.OnlyDrawn")
    found: list[Any] = []

    @seeded(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        backend=_BACKEND,
    )
    @given(strategy)
    def take(value: Any) -> None:
        found.append(value)

    take()
    return found
