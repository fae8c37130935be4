"""Middleware for ASGI 3 applications: Starlette, FastAPI, Django, ..."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pykcov.contrib.web.coverage import RequestCoverage
from pykcov.contrib.web.routes import asgi_route
from pykcov.contrib.web.service import ServiceCoverage

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class ASGIMiddleware:
    """Traces requests and web sockets of an application. Make it the outermost layer, or `app.add_middleware()`."""

    def __init__(
        self,
        app: Application,
        coverage: RequestCoverage | ServiceCoverage,
        route: Callable[[Scope], str] = asgi_route,
    ) -> None:
        """Wrap an application.

        Args:
            app: the ASGI application.
            coverage: what to record, and where to.
            route: returns the context of a request, given its scope after the application has seen it.
        """
        self.app = app
        self.coverage = coverage
        self.route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        coverage = self.coverage
        if not coverage.sample:
            await self.app(scope, receive, send)
        elif scope["type"] not in ("http", "websocket"):
            await self._live(scope, receive, send)
        elif coverage.endpoint is not None and scope["path"] == coverage.endpoint and scope["type"] == "http":
            await self._answer(scope, send)
        elif isinstance(coverage, RequestCoverage) and coverage.chooses():
            async with coverage.trace() as trace:
                try:
                    await self.app(scope, receive, send)
                finally:
                    trace.end()
                    coverage.add(self.route(scope), trace)
        else:
            await self.app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the messages of the application's life on; at its end, save.

        Of an application that knows no such messages, as Django, they are answered here: servers may end by a signal,
        and nothing else would tell of the end.
        """
        heard = False

        async def hear() -> MutableMapping[str, Any]:
            nonlocal heard
            heard = True
            return await receive()

        try:
            await self.app(scope, hear, send)
        except Exception:
            if heard or scope["type"] != "lifespan":
                raise
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            self.coverage.stop()
            await send({"type": "lifespan.shutdown.complete"})
        finally:
            self.coverage.stop()

    async def _answer(self, scope: Scope, send: Send) -> None:
        found = scope["method"] in ("GET", "HEAD")
        body = self.coverage.data() if found else b"GET gives the coverage so far\n"
        headers = [
            (b"content-type", b"application/vnd.sqlite3" if found else b"text/plain"),
            (b"content-length", str(len(body)).encode()),
            *([] if found else [(b"allow", b"GET, HEAD")]),
        ]
        await send({"type": "http.response.start", "status": 200 if found else 405, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
