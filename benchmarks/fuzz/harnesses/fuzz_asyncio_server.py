"""A line protocol of asyncio: tasks that an input starts."""

import asyncio
import sys

import atheris


@atheris.instrument_func
async def answer(queue, replies):
    state = "begin"
    while (line := await queue.get()) is not None:
        if state == "begin" and line.startswith(b"HELO "):
            state = "greeted"
        elif state == "greeted" and line == b"AUTH token":
            state = "trusted"
        elif state == "trusted" and line == b"DUMP":
            replies.append(b"secrets")
        else:
            replies.append(b"?")


@atheris.instrument_func
async def serve(data):
    queue, replies = asyncio.Queue(), []
    task = asyncio.create_task(answer(queue, replies))
    for line in data.split(b"\n"):
        await queue.put(line)
    await queue.put(None)
    await task
    return replies


def TestOneInput(data):
    asyncio.run(serve(data))


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
