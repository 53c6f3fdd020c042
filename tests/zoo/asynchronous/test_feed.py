import asyncio

import pytest
from feed import read, relay


@pytest.fixture
async def queue():
    made = asyncio.Queue()
    for value in (1, 2, 3):
        await made.put(value)
    yield made
    assert made.qsize() <= 3


async def test_read(queue):
    assert await read(queue, 2) == [1, 2]


async def test_relay(queue):
    target = asyncio.Queue()
    await asyncio.wait_for(relay(queue, target), 2)
    assert target.qsize() == 3


async def test_no_answer():
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(read(asyncio.Queue(), 2), 0.01)


@pytest.mark.parametrize("count", [1, 2])
async def test_many(queue, count):
    assert len(await read(queue, count)) == count
