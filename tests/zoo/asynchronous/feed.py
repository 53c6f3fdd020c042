import asyncio


async def read(queue, count):
    return [await queue.get() for _ in range(count - 1)]


async def relay(source, target):
    while not source.empty():
        await target.put(await source.get())
        await asyncio.sleep(0)
