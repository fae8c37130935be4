"""Draw the way of one request through threads, tasks and a process, of three that are served at the same time.

    python examples/request_figure.py docs/request.svg

Who ran what is in the traces, of which each request has one: a box has the colour of the request whose trace holds
that function, and a number, which is its place in the order of that trace. The traces know no clock; where a box stands
says a decorator, which notes the thread and the time of each call.
"""

import asyncio
import hashlib
import multiprocessing
import os
import queue
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import wraps
from html import escape
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, NamedTuple

import pykcov


class Call(NamedTuple):
    """What the clock says."""

    function: str
    lane: str
    begin: float
    end: float


CALLS: list[Call] = []


def lane() -> str:
    """Name the thread or the process."""
    if multiprocessing.parent_process() is not None:
        return "process of a pool"
    name = threading.current_thread().name
    return {"MainThread": "event loop", "mailer": "thread fed by a queue"}.get(name, "thread of an executor")


def noted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Note when and where a function runs."""

    def note(begin: float) -> None:
        CALLS.append(Call(function.__name__, lane(), begin, time.monotonic()))

    @wraps(function)
    async def awaited(*args: Any) -> Any:
        begin = time.monotonic()
        try:
            return await function(*args)
        finally:
            note(begin)

    @wraps(function)
    def called(*args: Any) -> Any:
        begin = time.monotonic()
        try:
            return function(*args)
        finally:
            note(begin)

    return awaited if iscoroutinefunction(function) else called


# The service: each route has functions of its own.


@noted
async def order(number: int) -> str:
    stock = asyncio.create_task(order_stock(number))
    price = await asyncio.to_thread(order_price, number)
    signature, calls = await asyncio.get_running_loop().run_in_executor(POOL, order_sign, price)
    CALLS.extend(calls)
    await stock
    sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    LETTERS.put((order_mail, signature, sent))
    await sent
    return signature


@noted
async def order_stock(number: int) -> None:
    await asyncio.sleep(0.002)
    order_reserve(number)


@noted
def order_reserve(number: int) -> None:
    hashing(number, 800)


@noted
def order_price(number: int) -> int:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE prices AS SELECT 1 AS number, 20 AS price")
    (price,) = connection.execute("SELECT max(price) FROM prices").fetchone()
    connection.close()
    hashing(number, 3000)
    return int(price)


def order_sign(price: int) -> tuple[str, list[Call]]:
    CALLS.clear()
    return order_digest(price), CALLS


@noted
def order_digest(price: int) -> str:
    return hashing(price, 4000)


@noted
def order_mail(signature: str, sent: "asyncio.Future[None]") -> None:
    hashing(len(signature), 2000)
    sent.get_loop().call_soon_threadsafe(order_sent, sent)


@noted
def order_sent(sent: "asyncio.Future[None]") -> None:
    sent.set_result(None)


@noted
async def search(number: int) -> str:
    first, second = asyncio.to_thread(search_index, number), asyncio.to_thread(search_index, number + 1)
    return search_merge(*await asyncio.gather(first, second))


@noted
def search_index(number: int) -> str:
    return hashing(number, 4000)


@noted
def search_merge(first: str, second: str) -> str:
    return hashing(len(first + second), 1500)


@noted
async def health(number: int) -> str:
    for _ in range(4):
        await asyncio.sleep(0.003)
        health_look(number)
    return "well"


@noted
def health_look(number: int) -> None:
    hashing(number, 400)


def hashing(number: int, times: int) -> str:
    """Take time."""
    found = b"%d" % number
    for _ in range(times):
        found = hashlib.sha256(found).digest()
    return found.hex()


LETTERS = pykcov.remote.FollowedQueue(queue.Queue())
POOL: ProcessPoolExecutor


def mailer() -> None:
    """Work for whoever has put a letter there."""
    while (letter := LETTERS.get()) is not None:
        function, *arguments = letter
        function(*arguments)
        del letter, function, arguments
        LETTERS.task_done()


ROUTES = (order, search, health)


async def serve() -> list[pykcov.FollowedTrace]:
    """Serve a request of each route at the same time; return a trace of each."""

    async def one(route: Callable[[int], Any]) -> pykcov.FollowedTrace:
        async with TRACER.trace() as trace:
            await route(1)
        return trace

    return await asyncio.gather(*map(one, ROUTES))


TRACER = pykcov.Tracer(source=[Path(__file__).parent])
COLOURS = ("#d1495b", "#3d7ea6", "#8a9a5b")
LEFT, TOP, WIDTH, ROW, GAP = 170, 72, 900, 20, 14


def svg(traces: list[pykcov.FollowedTrace]) -> str:
    """Draw all calls, each in the colour of the trace that holds its function."""
    noted = {call.function for call in CALLS if not iscoroutinefunction(globals()[call.function])}
    orders = [
        [name for name in dict.fromkeys(location.function for location in trace.locations()) if name in noted]
        for trace in traces
    ]
    begin, end = min(call.begin for call in CALLS), max(call.end for call in CALLS)
    scale = WIDTH / (end - begin)
    lanes = list(dict.fromkeys(call.lane for call in sorted(CALLS, key=lambda call: call.begin)))
    lane_height = len(ROUTES) * ROW + GAP
    height = TOP + lane_height * len(lanes) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} {height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{LEFT + WIDTH + 20}" height="{height}" fill="white"/>',
    ]
    for number, route in enumerate(ROUTES):
        y = 8 + 18 * number
        names = ", ".join(f"{place} {name}" for place, name in enumerate(orders[number], 1))
        parts.append(f'<rect x="{LEFT}" y="{y}" width="12" height="12" fill="{COLOURS[number]}"/>')
        parts.append(f'<text x="{LEFT + 18}" y="{y + 10}">the trace of {route.__name__}: {names}</text>')
    for number, name in enumerate(lanes):
        top = TOP + number * lane_height
        parts.append(f'<rect y="{top - 4}" width="{LEFT + WIDTH + 20}" height="{lane_height - 6}" fill="#f3f3f3"/>')
        parts.append(f'<text x="10" y="{top + 1.6 * ROW}" font-weight="bold">{escape(name)}</text>')
    way = {}
    for call in sorted(CALLS, key=lambda call: call.begin - call.end):
        coroutine = iscoroutinefunction(globals()[call.function])
        # Coroutines of the same names as the routes are the background alone.
        route = call.function.partition("_")[0] if coroutine else call.function
        (row,) = (n for n, order in enumerate(orders) if route in (ROUTES[n].__name__, *order))
        x, width = LEFT + (call.begin - begin) * scale, max((call.end - call.begin) * scale, 3)
        y = TOP + lanes.index(call.lane) * lane_height + row * ROW
        faint = ' fill-opacity="0.3"' if coroutine else ""
        title = f"<title>{call.function}, {(call.end - call.begin) * 1000:.1f} ms</title>"
        box = f'x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 4}"'
        parts.append(f'<rect {box} fill="{COLOURS[row]}"{faint}>{title}</rect>')
        if not coroutine:
            place = orders[row].index(call.function) + 1
            parts.append(f'<text x="{x + 3:.1f}" y="{y + 12}" pointer-events="none">{place}</text>')
            if row == 0:
                way[place] = f"{x:.1f},{y + ROW / 2 - 2}"
    points = " ".join(way[place] for place in sorted(way))
    parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[0]}" stroke-dasharray="3 3"/>')
    parts.append(f'<text x="{LEFT}" y="{height - 8}">0 ms</text>')
    parts.append(f'<text x="{LEFT + WIDTH}" y="{height - 8}" text-anchor="end">{(end - begin) * 1000:.0f} ms</text>')
    return "\n".join([*parts, "</svg>\n"])


def main(target: str) -> None:
    """Serve, and write the figure."""
    global POOL
    threading.Thread(target=mailer, name="mailer").start()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as POOL, TRACER:
        POOL.submit(os.getpid).result()
        figures = {}
        for _ in range(20):  # that which was disturbed least
            CALLS.clear()
            traces = asyncio.run(serve())
            LETTERS.join()  # the mailer notes a call after the service has heard of its end
            figures[max(call.end for call in CALLS) - min(call.begin for call in CALLS)] = svg(traces)
        LETTERS.put(None)
        Path(target).write_text(figures[min(figures)])


if __name__ == "__main__":
    main(*sys.argv[1:])
