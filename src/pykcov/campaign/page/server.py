"""Serves the page until it is interrupted."""

import secrets
import socket
from collections.abc import Callable

import uvicorn

from pykcov.campaign.page.app import LOOPBACK, application
from pykcov.campaign.store.store import Store


def serve(store: Store, host: str, port: int, token: str | None, say: Callable[[str], object]) -> None:
    """Answer at an address. OSError: it is taken, or none of this machine's.

    token: what others have to say; None: one is made if the address is not a loopback one.
    """
    if token is None and host not in LOOPBACK:
        token = secrets.token_urlsafe(24)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    shown = f"[{host}]" if ":" in host else host
    query = f"?token={token}" if token is not None else ""
    say(f"http://{shown}:{listener.getsockname()[1]}/{query}")
    # Streams of events last as long as pages are open.
    configuration = uvicorn.Config(application(store, token), log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(configuration).run(sockets=[listener])
