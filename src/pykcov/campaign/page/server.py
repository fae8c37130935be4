"""Serves the page until it is interrupted."""

import socket
from collections.abc import Callable

import uvicorn

from pykcov.campaign.page.app import application
from pykcov.campaign.store.store import Store
from pykcov.visitors import address, token_for


def serve(store: Store, host: str, port: int, token: str | None, say: Callable[[str], object]) -> None:
    """Answer at an address. OSError: it is taken, or none of this machine's.

    token: what others have to say; None: one is made if the address is not a loopback one.
    """
    token = token_for(host) if token is None else token
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    say(address(host, listener.getsockname()[1], token))
    # Streams of events last as long as pages are open.
    configuration = uvicorn.Config(application(store, token), log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(configuration).run(sockets=[listener])
