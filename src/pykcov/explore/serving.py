"""Serves a folder that folder.py has written: only its files, only to who may see them."""

import hmac
import secrets
from collections.abc import Callable
from functools import partial
from http.cookies import CookieError, SimpleCookie
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET6
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_COOKIE = "pykcov_token"


def serve(folder: Path, host: str, port: int, say: Callable[[str], object]) -> None:
    """Serve `folder` until KeyboardInterrupt; `say` gets the address. OSError if it cannot be had.

    On another address than a loopback one a token is made, which is part of the address and is kept in a cookie.
    """
    token = "" if host in LOOPBACK else secrets.token_urlsafe(24)
    handler = partial(_Handler, token=token, directory=str(folder))
    with (_IPv6Server if ":" in host else ThreadingHTTPServer)((host, port), handler) as server:
        shown = f"[{host}]" if ":" in host else host
        say(f"http://{shown}:{server.server_address[1]}/{f'?token={token}' if token else ''}")
        server.serve_forever()


class _IPv6Server(ThreadingHTTPServer):
    address_family = AF_INET6


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any, token: str, directory: str) -> None:
        self._token = token
        super().__init__(*arguments, directory=directory)

    def do_GET(self) -> None:
        """Answer who has the token or, without one, asks for this machine by a name of its own."""
        if not self._token:
            # A page of somebody else's may have a name that leads here.
            if urlsplit(f"//{self.headers.get('Host', '')}").hostname in LOOPBACK:
                super().do_GET()
            else:
                self.send_error(421)
        elif self._is_right(parse_qs(urlsplit(self.path).query).get("token", [""])[0]):
            self.send_response(303)
            self.send_header("Location", "/")
            self.send_header("Set-Cookie", f"{_COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path=/")
            self.end_headers()
        elif self._is_right(self._cookie()):
            super().do_GET()
        else:
            self.send_error(401, "a token is wanted: open the address that `pykcov explore --serve` has printed")

    do_HEAD = do_GET

    def list_directory(self, path: object) -> None:
        """Show no folders."""
        self.send_error(404)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: who looks at the page sees what happens."""

    def _is_right(self, told: str) -> bool:
        return hmac.compare_digest(told.encode("utf-8", "surrogateescape"), self._token.encode())

    def _cookie(self) -> str:
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(_COOKIE)
        except CookieError:
            return ""
        return found.value if found is not None else ""
