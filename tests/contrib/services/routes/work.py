"""Work of five routes, each in functions of its own, whose names begin with the route's. No line is ever skipped."""

import asyncio
import os
import sqlite3

from pools import pool


async def tasks(number: int) -> int:
    later = asyncio.create_task(tasks_double(number))
    loop = asyncio.get_running_loop()
    called = loop.create_future()
    loop.call_later(0.001, tasks_call, called, number)
    return await later + await called


async def tasks_double(number: int) -> int:
    await asyncio.sleep(0.001)
    return number * 2


def tasks_call(called: "asyncio.Future[int]", number: int) -> None:
    called.set_result(-number)


async def threads(number: int) -> int:
    return await asyncio.to_thread(threads_work, number)


def threads_work(number: int) -> int:
    return sum(map(threads_helper, range(number + 1))) - sum(range(number))


def threads_helper(number: int) -> int:
    return number


async def processes(number: int) -> int:
    loop = asyncio.get_running_loop()
    here, result = await loop.run_in_executor(pool(), processes_work, number)
    assert here != os.getpid()
    return result


def processes_work(number: int) -> tuple[int, int]:
    return os.getpid(), processes_helper(number)


def processes_helper(number: int) -> int:
    return number


async def database(number: int) -> int:
    return await asyncio.to_thread(database_query, number)


def database_query(number: int) -> int:
    connection = sqlite3.connect(":memory:")
    connection.create_function("plus_one", 1, database_plus_one)
    connection.execute("CREATE TABLE numbers (number INTEGER)")
    connection.execute("INSERT INTO numbers VALUES (?)", (number,))
    (found,) = connection.execute("SELECT plus_one(number) - 1 FROM numbers").fetchone()
    connection.close()
    return int(found)


def database_plus_one(number: int) -> int:
    return number + 1


def plain(number: int) -> int:
    return plain_helper(number)


def plain_helper(number: int) -> int:
    return number
