"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A test must not fail because a machine is slow, nor because other examples were drawn than the last time.
settings.register_profile(
    "same everywhere",
    deadline=None,
    derandomize=True,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture),
)
settings.load_profile("same everywhere")
