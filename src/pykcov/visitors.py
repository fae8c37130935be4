"""Who may see a page that a command serves: everybody on this machine, or else who has the token.

The token is in the address that the command prints, and from then on in a cookie.
"""

import hmac
import secrets

LOOPBACK = ("127.0.0.1", "localhost", "::1")
COOKIE = "pykcov_token"


def token_for(host: str) -> str | None:
    """Return a new token for a page that is served at `host`; None if only this machine sees it."""
    return None if host in LOOPBACK else secrets.token_urlsafe(24)


def address(host: str, port: int, token: str | None) -> str:
    """Return the address to open in a browser."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/" + (f"?token={token}" if token is not None else "")


def is_token(told: str, token: str) -> bool:
    """Return whether that is the token, in a time that does not tell how much of it is right. '' is none."""
    return told != "" and hmac.compare_digest(told.encode("utf-8", "surrogateescape"), token.encode())
