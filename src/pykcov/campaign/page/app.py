"""The web application of the page. What inputs and tracebacks say is never more than text: see the header of policy."""

import asyncio
import io
import json
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.responses import StreamingResponse as Streaming
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pykcov.campaign.page import data
from pykcov.campaign.store.database import StoreError
from pykcov.campaign.store.folder import folder_name
from pykcov.campaign.store.store import Store
from pykcov.visitors import COOKIE, LOOPBACK, is_token

_STATIC = Path(__file__).parent / "static"
_SECONDS = 2.0
_LOOKS = 0.05
"""The part of the time in which a page makes the store work, at most: a big store is looked at less often."""
# Nothing from elsewhere, nothing inline, in no frame of another page.
_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; "
        b"base-uri 'none'; form-action 'none'; object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


def application(store: Store, token: str | None = None, seconds: float = _SECONDS) -> Starlette:
    """Return the page of a store.

    token: who has none gets nothing; without it only requests to this machine's own names are answered.
    seconds: between two looks at the store, at least.
    """

    async def index(_: Request) -> Response:
        return FileResponse(_STATIC / "index.html")

    async def events(request: Request) -> Response:
        async def stream() -> AsyncIterator[str]:
            before = ""
            while not await request.is_disconnected():
                began = time.monotonic()
                state = await run_in_threadpool(data.state, store)
                told = json.dumps({**state, "now": 0})
                if told != before:
                    before = told
                    yield f"data: {json.dumps(state)}\n\n"
                else:
                    yield ": nothing new\n\n"
                await asyncio.sleep(max(seconds, (time.monotonic() - began) / _LOOKS))

        return Streaming(stream(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def state(_: Request) -> Response:
        return JSONResponse(await run_in_threadpool(data.state, store))

    async def code_map(_: Request) -> Response:
        return JSONResponse(await run_in_threadpool(data.code_map, store))

    async def finding(request: Request) -> Response:
        try:
            return JSONResponse(await run_in_threadpool(data.finding, store, request.path_params["number"]))
        except StoreError as error:
            raise HTTPException(404, str(error)) from error

    async def corpus(request: Request) -> Response:
        harness = request.query_params.get("target", "")
        packed = await run_in_threadpool(_packed, store, harness)
        if packed is None:
            raise HTTPException(404, "there is no such target")
        name = f"{folder_name(harness)}.zip".encode("ascii", "replace").decode()
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(packed, media_type="application/zip", headers=headers)

    routes = [
        Route("/", index),
        Route("/events", events),
        Route("/api/state", state),
        Route("/api/map", code_map),
        Route("/api/findings/{number:int}", finding),
        Route("/corpus", corpus),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]
    guards = [Middleware(_Policy)]
    if token is not None:
        guards.append(Middleware(_Token, token=token))
    else:
        # A page of somebody else's may have a name that leads here.
        guards.append(Middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK[:2], "[::1]"], www_redirect=False))
    return Starlette(routes=routes, middleware=guards)


def _packed(store: Store, harness: str) -> bytes | None:
    """Return the corpus of a target as a zip file."""
    digests = store.corpus(harness)
    if not digests:
        return None
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for digest in digests:
            file.writestr(zipfile.ZipInfo(digest), store.data([digest])[digest])
    return packed.getvalue()


class _Policy:
    """Adds headers to all that is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class _Token:
    """Answers only who has the token: in the address once, from then on in a cookie, or as a bearer."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if is_token(request.query_params.get("token", ""), self._token):
            response: Response = RedirectResponse(request.url.path, 303)
            response.set_cookie(COOKIE, self._token, httponly=True, samesite="strict")
            await response(scope, receive, send)
            return
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if is_token(request.cookies.get(COOKIE, ""), self._token) or is_token(bearer, self._token):
            await self._app(scope, receive, send)
            return
        await PlainTextResponse("a token is wanted: open the address that `pykcov campaign serve` has printed\n", 401)(
            scope, receive, send
        )
