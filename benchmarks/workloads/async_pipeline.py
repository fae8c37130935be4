"""asyncio: streams are read line by line, requests go through queues to workers, answers are put in order."""

import asyncio
import asyncio.base_events
import asyncio.events
import asyncio.locks
import asyncio.queues
import asyncio.streams
import asyncio.taskgroups
import random
import zlib
from collections.abc import AsyncIterator, Callable

INSTRUMENTED = [
    asyncio.base_events,
    asyncio.events,
    asyncio.locks,
    asyncio.queues,
    asyncio.streams,
    asyncio.taskgroups,
]
ITERATIONS = 95

Request = tuple[int, str, dict[str, str]]


async def feed(reader: asyncio.StreamReader, data: bytes) -> None:
    for start in range(0, len(data), 50):
        reader.feed_data(data[start : start + 50])
        await asyncio.sleep(0)
    reader.feed_eof()


async def requests(reader: asyncio.StreamReader, source: int) -> AsyncIterator[Request]:
    while head := await reader.readline():
        fields: dict[str, str] = {}
        while (line := (await reader.readline()).strip()) != b"":
            name, _, value = line.decode().partition(":")
            fields[name.lower()] = value.strip()
        if "length" in fields:
            fields["body"] = (await reader.readexactly(int(fields["length"]))).decode()
        yield source, head.decode().strip(), fields


async def receive(reader: asyncio.StreamReader, source: int, queue: asyncio.Queue[Request]) -> None:
    async for request in requests(reader, source):
        await queue.put(request)


async def work(queue: asyncio.Queue[Request], answers: list[str], lock: asyncio.Lock, limit: asyncio.Semaphore) -> None:
    while True:
        source, head, fields = await queue.get()
        try:
            async with limit:
                answer = f"{source} {head} {sorted(fields.items())}"
                await asyncio.sleep(0)
            async with lock:
                answers.append(answer)
        finally:
            queue.task_done()


async def serve(inputs: list[bytes]) -> int:
    queue: asyncio.Queue[Request] = asyncio.Queue(4)
    answers: list[str] = []
    lock, limit = asyncio.Lock(), asyncio.Semaphore(3)
    workers = [asyncio.create_task(work(queue, answers, lock, limit)) for _ in range(4)]
    async with asyncio.TaskGroup() as group:
        for source, data in enumerate(inputs):
            reader = asyncio.StreamReader()
            group.create_task(feed(reader, data))
            group.create_task(receive(reader, source, queue))
    await queue.join()
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    return zlib.crc32("\n".join(sorted(answers)).encode())


def prepare() -> Callable[[int], int]:
    rng = random.Random(12)

    def request(number: int) -> str:
        headers = "".join(f"Field{i}: value {rng.randrange(99)}\n" for i in range(rng.randrange(5)))
        if rng.random() < 0.5:
            return f"GET /{number}\n{headers}\n"
        return f"POST /{number}\n{headers}Length: 12\n\nhello world\n"

    inputs = ["".join(request(number) for number in range(6)).encode() for _ in range(8)]
    loop = asyncio.new_event_loop()

    def run(iteration: int) -> int:
        return loop.run_until_complete(serve(inputs[iteration % 3 :]))

    return run
