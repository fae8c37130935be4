"""Middleware for WSGI applications: Flask, Django, ..."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pykcov._exec import Unrecorded
from pykcov.contrib.web.coverage import RequestCoverage
from pykcov.contrib.web.routes import wsgi_route
from pykcov.contrib.web.service import ServiceCoverage

Environment = dict[str, Any]
Application = Callable[[Environment, Callable[..., Any]], Iterable[bytes]]


class WSGIMiddleware:
    """Traces requests of an application, until the server has sent the response and closed it (PEP 3333)."""

    def __init__(
        self,
        app: Application,
        coverage: RequestCoverage | ServiceCoverage,
        route: Callable[[Environment], str] = wsgi_route,
    ) -> None:
        """Wrap an application.

        Args:
            app: the WSGI application.
            coverage: what to record, and where to.
            route: returns the context of a request, given its environment when the response starts.
        """
        self.app = app
        self.coverage = coverage
        self.route = route

    def __call__(self, environ: Environment, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve a request."""
        coverage = self.coverage
        if not coverage.sample:
            return self.app(environ, start_response)
        if coverage.endpoint is not None and environ.get("PATH_INFO") == coverage.endpoint:
            return self._answer(environ, start_response)
        if isinstance(coverage, ServiceCoverage) or not coverage.chooses():
            return self.app(environ, start_response)
        trace = coverage.trace().__enter__()
        names: list[str] = []

        def end() -> None:
            trace.end()
            coverage.add(names[-1] if names else self.route(environ), trace)

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            with Unrecorded():
                names.append(self.route(environ))  # Flask forgets its request before the response is closed
            return start_response(status, headers, *error)

        try:
            body = self.app(environ, start)
        except BaseException:
            end()
            raise
        return _Body(body, end)

    def _answer(self, environ: Environment, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            start_response("405 Method Not Allowed", [("Content-Type", "text/plain"), ("Allow", "GET, HEAD")])
            return [b"GET gives the coverage so far\n"]
        body = self.coverage.data()
        start_response("200 OK", [("Content-Type", "application/vnd.sqlite3"), ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


class _Body:
    """A response, which may be made while it is sent."""

    def __init__(self, body: Iterable[bytes], end: Callable[[], None]) -> None:
        self._body = body
        self._end: Callable[[], None] | None = end

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]  # servers ask for it only to see whether there is one

    def close(self) -> None:
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        finally:
            end, self._end = self._end, None
            if end is not None:
                end()
