"""threading, concurrent.futures, queue, logging, socketserver, http.server and http.client in threads of one process."""

import io
import sys

from fresh import fresh

INCLUDE = [
    "concurrent.futures.*",
    "logging.*",
    "socketserver",
    "http.server",
    "http.client",
    "wsgiref.*",
    "queue",
    "_threading_local",
]
queue = fresh("queue")
fresh("concurrent.futures")
fresh("logging")
socketserver = fresh("socketserver")
fresh("http")
fresh("wsgiref")
_threading_local = fresh("_threading_local")
import concurrent.futures
import http.client
import http.server
import logging
import logging.config
import logging.handlers
import threading
import time
import wsgiref.headers
import wsgiref.simple_server
import wsgiref.util
import wsgiref.validate

# Who is faster must not matter: each way on is taken once for certain.
gate = threading.Event()
with concurrent.futures.ThreadPoolExecutor(1, "pool", initializer=lambda: None) as pool:
    blocked = pool.submit(gate.wait)
    futures = [pool.submit(pow, 2, i) for i in range(5)] + [pool.submit(int, "x")]
    futures[0].add_done_callback(lambda future: print("called later", future.result()))
    threading.Timer(0.2, gate.set).start()
    print(sorted(f.result() for f in concurrent.futures.as_completed(futures[:5])), blocked.result())
    done, pending = concurrent.futures.wait(futures, return_when=concurrent.futures.ALL_COMPLETED)
    print(sorted(f.result() for f in concurrent.futures.as_completed(futures[:5])), futures[5].exception())
    futures[0].add_done_callback(lambda future: print("called", future.result()))
    print(len(done), len(pending), futures[0].cancel(), futures[0].done(), list(pool.map(abs, [-1, 2])))
    while not pool._idle_semaphore._value:
        time.sleep(0.001)
    print(pool.submit(abs, -3).result())
for call in (
    futures[5].result,
    lambda: pool.submit(int),
    lambda: concurrent.futures.ThreadPoolExecutor(0),
    lambda: concurrent.futures.Future().result(timeout=0.001),
):
    try:
        call()
    except (ValueError, RuntimeError, TimeoutError) as error:
        print(type(error).__name__)
cancelled = concurrent.futures.Future()
print(cancelled.cancel(), cancelled.cancelled(), cancelled.set_running_or_notify_cancel())

LOG = io.StringIO()
logging.config.dictConfig(
    {
        "version": 1,
        "formatters": {
            "f": {"format": "%(levelname)s:%(name)s:%(threadName)s:%(message)s"},
            "b": {"format": "{levelname} {message}", "style": "{"},
        },
        "filters": {"only": {"name": "app"}},
        "handlers": {
            "h": {"class": "logging.StreamHandler", "formatter": "f", "stream": LOG, "filters": ["only"]},
            "m": {"class": "logging.handlers.MemoryHandler", "capacity": 2, "target": "h"},
        },
        "loggers": {"app": {"level": "DEBUG", "handlers": ["h"], "propagate": False}},
        "root": {"level": "WARNING", "handlers": ["m"]},
    }
)
log = logging.getLogger("app")
child = log.getChild("child")
threads = [threading.Thread(target=log.info, args=("hello %s %d", "from", i), name=f"t{i}") for i in range(3)]
for thread in threads:
    thread.start()
    thread.join()
try:
    1 / 0
except ZeroDivisionError:
    child.exception("caught %(x)s", {"x": 1}, stack_info=True)
log.log(5, "never")
logging.getLogger().error("root")
adapter = logging.LoggerAdapter(log, {"extra": 1})
adapter.debug("adapted")
print(
    LOG.getvalue().splitlines()[0],
    log.isEnabledFor(5),
    log.getEffectiveLevel(),
    logging.getLevelName("INFO"),
    child.hasHandlers(),
    repr(log),
    logging.makeLogRecord({"msg": "m"}).getMessage(),
    logging.Formatter("$message", style="$").format(logging.makeLogRecord({"msg": "d"})),
    logging.BufferingFormatter().format([]),
)
for wrong in (
    lambda: log.setLevel("NO"),
    lambda: logging.Formatter("x", style="?"),
    lambda: logging.config.dictConfig({"version": 2}),
    lambda: log.log("x", 1),
    lambda: logging.Formatter("{x", style="{"),
    lambda: logging.getLogger(3),
):
    try:
        wrong()
    except (ValueError, TypeError) as error:
        print(type(error).__name__)
q = queue.SimpleQueue()
listener = logging.handlers.QueueListener(q, logging.StreamHandler(LOG))
listener.start()
logging.handlers.QueueHandler(q).emit(logging.makeLogRecord({"msg": "queued"}))
listener.stop()
print(LOG.getvalue().endswith("queued\n"))
logging.shutdown()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.path.encode() * 3
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201, "Made")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in (body, b"more"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args):
        print("served", args[1:])


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    server.daemon_threads = False  # leaving the block waits for them
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    connection = http.client.HTTPConnection(*server.server_address, timeout=20)
    for method, path, body in (("GET", "/a", None), ("POST", "/b", b"data"), ("HEAD", "/c", None)):
        connection.request(method, path, body, {"X-Test": "1"})
        response = connection.getresponse()
        print(
            response.status, response.reason, response.read(), response.getheader("content-length"), response.isclosed()
        )
    connection.close()
    connection.request("POST", "/gen", iter([b"ab", b"cd"]), {"Content-Length": "4"})
    response = connection.getresponse()
    print(response.read(3), response.read())
    connection.close()
    try:
        connection.request("GET", "/bad path\n")
    except http.client.InvalidURL as error:
        print(type(error).__name__)
    server.shutdown()
    thread.join()


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode(), wsgiref.util.request_uri(environ).encode()]


environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/a/b", "QUERY_STRING": ""}
wsgiref.util.setup_testing_defaults(environ)
out = io.BytesIO()
handler = wsgiref.handlers.SimpleHandler(io.BytesIO(), out, sys.stdout, environ)
handler.run(wsgiref.validate.validator(application))
print(b"200 OK" in out.getvalue(), wsgiref.util.shift_path_info(environ), wsgiref.util.application_uri(environ))
headers = wsgiref.headers.Headers([("A", "b")])
headers.add_header("C", "d", e="f")
headers["A"] = "z"
print(headers, headers.get_all("c"), "A" in headers, headers.setdefault("N", "1"))
local = _threading_local.local()
local.x = 1
seen = []
thread = threading.Thread(target=lambda local=local: seen.append(hasattr(local, "x")))
thread.start()
thread.join()
print(seen, local.__dict__)
# In this order: what the end of a thread does to a local, then the end of a local.
del thread
del local
