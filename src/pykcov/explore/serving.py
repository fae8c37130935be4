"""Serves a folder that folder.py has written: only its files, only to who may see them."""

from collections.abc import Callable
from functools import partial
from http.cookies import CookieError, SimpleCookie
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import AF_INET6
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pykcov.visitors import COOKIE, LOOPBACK, address, is_token, token_for


def serve(folder: Path, host: str, port: int, say: Callable[[str], object]) -> None:
    """Serve `folder` until KeyboardInterrupt; `say` gets the address. OSError if it cannot be had.

    On another address than a loopback one a token is made.
    """
    token = token_for(host)
    handler = partial(_Handler, token=token, directory=str(folder))
    with (_IPv6Server if ":" in host else ThreadingHTTPServer)((host, port), handler) as server:
        say(address(host, server.server_address[1], token))
        server.serve_forever()


class _IPv6Server(ThreadingHTTPServer):
    address_family = AF_INET6


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any, token: str | None, directory: str) -> None:
        self._token = token
        super().__init__(*arguments, directory=directory)

    def do_GET(self) -> None:
        """Answer who has the token or, without one, asks for this machine by a name of its own."""
        if self._token is None:
            # A page of somebody else's may have a name that leads here.
            if urlsplit(f"//{self.headers.get('Host', '')}").hostname in LOOPBACK:
                super().do_GET()
            else:
                self.send_error(421)
        elif is_token(parse_qs(urlsplit(self.path).query).get("token", [""])[0], self._token):
            self.send_response(303)
            self.send_header("Location", "/")
            self.send_header("Set-Cookie", f"{COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path=/")
            self.end_headers()
        elif is_token(self._cookie(), self._token):
            super().do_GET()
        else:
            self.send_error(401, "a token is wanted: open the address that `pykcov explore --serve` has printed")

    do_HEAD = do_GET

    def list_directory(self, path: object) -> None:
        """Show no folders."""
        self.send_error(404)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: who looks at the page sees what happens."""

    def _cookie(self) -> str:
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
        except CookieError:
            return ""
        return found.value if found is not None else ""
