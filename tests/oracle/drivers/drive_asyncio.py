"""asyncio: tasks, queues, locks, streams over a local socket, subprocess-free; contextvars; timeouts."""

import asyncio
import sys
import time

from fresh import fresh

INCLUDE = ["asyncio.*", "selectors"]
fresh("selectors")
fresh("concurrent.futures")
import concurrent.futures

asyncio = fresh("asyncio", without=["_asyncio"])


async def producer(queue, count):
    for number in range(count):
        await queue.put(number)
        await asyncio.sleep(0)
    await queue.join()


async def consumer(queue, results):
    while True:
        item = await queue.get()
        results.append(item * 2)
        queue.task_done()


async def queues():
    queue, results = asyncio.Queue(2), []
    workers = [asyncio.create_task(consumer(queue, results), name=f"worker{i}") for i in range(2)]
    await producer(queue, 9)
    for worker in workers:
        worker.cancel()
    print(await asyncio.gather(*workers, return_exceptions=True) != [], sorted(results), queue.empty())
    priority = asyncio.PriorityQueue()
    for item in (3, 1, 2):
        priority.put_nowait(item)
    print([priority.get_nowait() for _ in range(3)])
    try:
        priority.get_nowait()
    except asyncio.QueueEmpty:
        print("empty")


async def locks():
    lock, event, condition, semaphore, barrier = (
        asyncio.Lock(),
        asyncio.Event(),
        asyncio.Condition(),
        asyncio.BoundedSemaphore(2),
        asyncio.Barrier(2),
    )
    order = []

    async def worker(name):
        async with semaphore, lock:
            order.append(name)
            await asyncio.sleep(0)
        await event.wait()
        async with condition:
            await condition.wait_for(lambda: len(order) >= 3)
            order.append(name)
        if name < 2:
            async with barrier:
                order.append("barrier")

    tasks = [asyncio.ensure_future(worker(i)) for i in range(3)]
    for _ in range(9):
        await asyncio.sleep(0)
    event.set()
    async with condition:
        condition.notify_all()
    for _ in range(9):
        await asyncio.sleep(0)
        async with condition:
            condition.notify_all()
    done, pending = await asyncio.wait(tasks, timeout=5)
    print(len(done), len(pending), len(order), lock.locked(), event.is_set())
    try:
        semaphore.release()
    except ValueError as error:
        print(error)


async def failing():
    raise ValueError("failed")


async def groups():
    asyncio.get_running_loop().slow_callback_duration = 99  # what counts as slow must not depend on the tracer
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(5))
            group.create_task(failing())
    except* ValueError as errors:
        print(errors.exceptions)
    try:
        async with asyncio.timeout(0.1):
            await asyncio.sleep(5)
    except TimeoutError:
        print("timeout")
    try:
        async with asyncio.timeout(0):  # has passed already
            await asyncio.sleep(5)
    except TimeoutError:
        print("timeout")
    try:
        await asyncio.wait_for(asyncio.sleep(5), 0.1)
    except asyncio.TimeoutError:
        print("timeout")
    print(
        await asyncio.gather(asyncio.sleep(0, "a"), failing(), return_exceptions=True),
        [await done for done in asyncio.as_completed([asyncio.sleep(0, 1)])],
        await asyncio.shield(asyncio.sleep(0, "shielded")),
    )
    done, pending = await asyncio.wait(
        [asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(asyncio.sleep(9))],
        return_when=asyncio.FIRST_COMPLETED,
    )
    for task in pending:
        task.cancel()
    print(len(done), len(asyncio.all_tasks()) > 0, asyncio.current_task() is not None)


async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def streams():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello\nworld\nrest")
        writer.write_eof()
        print(await reader.readuntil(b"\n"), await reader.readexactly(3), await reader.read())
        writer.close()
        await writer.wait_closed()
    fed = asyncio.StreamReader(limit=8)
    fed.feed_data(b"abcdefghijklmnopqrstuvwxyz\n")
    fed.feed_eof()
    for call in (fed.readline, lambda: fed.readexactly(99), lambda: fed.readuntil(b"")):
        try:
            print(await call())
        except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            print(type(error).__name__)


async def others():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_soon(future.set_result, 1)
    later = loop.create_future()
    loop.call_later(0.001, later.set_result, "later")
    handle = loop.call_at(loop.time() + 9, print)
    handle.cancel()
    print(await future, future.done(), handle.cancelled())
    print(await loop.run_in_executor(None, sum, [1, 2]), await asyncio.to_thread(max, 3, 4))
    loop.set_exception_handler(lambda loop, context: print("handler", context["message"]))
    loop.call_exception_handler({"message": "made up"})
    print(await later)
    await asyncio.sleep(0.1)  # long enough to wait for, however slow the tracer is
    overdue = loop.create_future()
    loop.call_later(0.001, overdue.set_result, "overdue")
    time.sleep(0.1)
    print(await overdue)
    # Whether an executor's future is done before somebody waits for it is chance: see to both.
    for done_first in (True, False):
        outcome = concurrent.futures.Future()
        if done_first:
            outcome.set_result(1)
        outcome.add_done_callback(lambda outcome: print(outcome.result()))
        if not done_first:
            outcome.set_result(2)

    async def generate():
        try:
            for i in range(3):
                yield i
        finally:
            print("closed")

    async for value in generate():
        print(value)
        break
    generator = generate()
    print(await anext(generator), await generator.aclose(), loop.is_running(), repr(loop)[:5] != "")
    loop.add_signal_handler(10, print)
    loop.remove_signal_handler(10)
    await loop.shutdown_asyncgens()


for main in (queues, locks, groups, streams, others):
    asyncio.run(main(), debug=main is groups)
with asyncio.Runner() as runner:
    print(runner.run(asyncio.sleep(0, "runner")))
for wrong in (lambda: asyncio.run(3), lambda: asyncio.get_running_loop()):
    try:
        wrong()
    except (ValueError, RuntimeError, TypeError) as error:
        print(type(error).__name__)
assert sys.modules["asyncio"] is asyncio
