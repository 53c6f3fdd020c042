"""Which layers go where: planned on made-up machines, verified on this one."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from refine_tui.core.errors import ModelError
from refine_tui.llama.devices import ALL_LAYERS, COMPUTE_BYTES, GPU_MARGIN, Demand, Plan, devices, lesser, planned
from refine_tui.llama.loading import Wish, loaded, rows_of, weighed
from refine_tui.loop.ports.thinking import Device

GIB = 1 << 30
CPU = Device("CPU", "a processor", "CPU", 16 * GIB, 16 * GIB)
DEMAND = Demand(layers=20, weight_bytes=8 * GIB, context_bytes=2 * GIB, logit_bytes=GIB // 4)


def card(free_bytes: int, name: str = "CUDA0") -> Device:
    return Device(name, "a card", "GPU", free_bytes, 80 * GIB)


def test_without_a_gpu_nothing_is_offloaded_and_only_who_asked_for_it_is_warned() -> None:
    assert planned(None, [CPU], DEMAND) == planned(0, [CPU], DEMAND) == Plan(0)
    for asked in (-1, 7):
        plan = planned(asked, [CPU], DEMAND)
        assert plan.layers == 0
        assert "DGGML_CUDA" in plan.warnings[0]


def test_a_gpu_with_room_takes_all_layers() -> None:
    assert planned(None, [CPU, card(80 * GIB)], DEMAND) == Plan(ALL_LAYERS)
    assert planned(None, [card(7 * GIB), CPU, card(7 * GIB, "CUDA1")], DEMAND) == Plan(ALL_LAYERS), "two cards together"


def test_a_gpu_without_room_takes_what_fits_with_the_context_and_says_so() -> None:
    plan = planned(None, [card(6 * GIB), CPU], DEMAND)
    assert plan.layers == int((GPU_MARGIN * 6 * GIB - COMPUTE_BYTES - GIB // 4) / (GIB / 2))
    assert f"{plan.layers} of 20 layers" in plan.warnings[0]
    assert planned(None, [card(GIB // 2), CPU], DEMAND).layers == 0


def test_layers_asked_for_by_number_are_asked_of_llama_cpp_as_they_are() -> None:
    assert planned(3, [card(GIB), CPU], DEMAND) == Plan(3)
    assert planned(20, [card(GIB), CPU], DEMAND) == planned(-1, [card(GIB), CPU], DEMAND) == Plan(ALL_LAYERS)


def test_a_plan_that_does_not_load_is_followed_by_smaller_ones_down_to_none() -> None:
    plans = list(lesser(Plan(ALL_LAYERS, ("told before",)), DEMAND, "out of memory"))
    assert [plan.layers for plan in plans] == [15, 10, 0]
    assert all(plan.warnings[0] == "told before" and "out of memory" in plan.warnings[1] for plan in plans)


@pytest.mark.parametrize(("layers", "tries"), [(ALL_LAYERS, [ALL_LAYERS, 15, 10]), (0, [0])])
def test_what_does_not_load_is_tried_with_fewer_layers_and_not_again_where_there_are_none(
    layers: int, tries: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def open_both(wish: Wish, plan: Plan, log: object) -> tuple[Plan, None, None, int, int]:
        tried.append(plan.layers)
        if plan.layers != 10:
            raise ModelError("out of memory")
        return plan, None, None, 512, 1

    monkeypatch.setattr("refine_tui.llama.loading.open_both", open_both)
    log: Any = SimpleNamespace(errors=[], forget=lambda: None)
    with nullcontext() if layers else pytest.raises(ModelError, match="out of memory"):
        assert loaded(Wish("a.gguf"), Plan(layers), DEMAND, log)[0].layers == 10
    assert tried == tries


def test_a_models_demand_is_read_from_its_header(tiny: Path) -> None:
    demand = weighed(Wish(str(tiny)))
    assert (demand.layers, demand.weight_bytes) == (2, tiny.stat().st_size)
    assert demand.context_bytes == 2 * (64 + 64) * 2 * (512 + 4096)


def test_a_large_model_is_computed_in_smaller_pieces_so_that_a_cancel_does_not_wait_long() -> None:
    assert [rows_of(parameters) for parameters in (6_000_000, 500_000_000, 1_500_000_000, 70_000_000_000)] == [512, 512, 128, 128]


def test_this_machines_devices_have_names_and_memory() -> None:
    found = devices()
    assert found
    for device in found:
        assert device.name
        assert device.description
        assert 0 <= device.free_bytes <= device.total_bytes or device.kind != "CPU"
    assert [device.kind for device in found].count("CPU") == 1
