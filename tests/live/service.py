"""A service to attach to: `service.py threads|asyncio SOCKET`. It answers what is asked, and which code it has."""

import asyncio
import gc
import socketserver
import sys
import threading
from types import CodeType, FunctionType


def double(number):
    result = 0
    for _ in range(2):
        result += number
    return result


def make_adder(number):
    def add(other):
        return number + other

    return add


def answer(text):
    number = int(text)
    add = make_adder(1)
    return str(add(double(number)))


async def slowly(text):
    await asyncio.sleep(0)
    return answer(text)


def codes():
    """Return ids of all code of this file, nested code included."""
    found = []
    # The collector of 3.13 without a GIL does not know functions of modules and classes.
    objects = [*gc.get_objects(), *globals().values(), *vars(Handler).values()]
    todo = [one.__code__ for one in objects if type(one) is FunctionType]
    while todo:
        code = todo.pop()
        if isinstance(code, CodeType) and code.co_filename == __file__:
            found.append((code.co_qualname, id(code), hash(code.co_code), len(code.co_consts)))
            todo += [one for one in code.co_consts if type(one) is CodeType]
    return repr(sorted(set(found)))


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            text = line.decode().strip()
            self.wfile.write((codes() if text == "codes" else answer(text)).encode() + b"\n")


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


async def converse(reader, writer):
    while line := await reader.readline():
        text = line.decode().strip()
        writer.write((codes() if text == "codes" else await slowly(text)).encode() + b"\n")
        await writer.drain()
    writer.close()


async def serve(path):
    server = await asyncio.start_unix_server(converse, path)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "threads":
        threading.Thread(target=Server(sys.argv[2], Handler).serve_forever, args=(0.05,), daemon=True).start()
        while True:
            threading.Event().wait(0.1)
    elif sys.argv[1] == "silent":
        threading.Event().wait()
    else:
        asyncio.run(serve(sys.argv[2]))
