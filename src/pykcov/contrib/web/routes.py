"""The name of the route that served a request, as the framework's own documentation writes it."""

import sys
from collections.abc import Mapping
from typing import Any


def asgi_route(scope: Mapping[str, Any]) -> str:
    """Return 'METHOD route' of a scope after the application has seen it; Starlette and FastAPI write into it."""
    method = scope.get("method") or scope["type"].upper()
    # FastAPI; then Starlette, which tells what it took out of the path.
    template = getattr(scope.get("route"), "path", None)
    if template is None and "endpoint" in scope:
        template = _template(scope["path"], scope.get("path_params") or {})
    elif template is not None and (root := scope.get("app_root_path") or ""):
        template = root + template
    if template is None:
        template = _django_route(scope["path"])
    return f"{method} {template or scope['path']}"


def wsgi_route(environ: Mapping[str, Any]) -> str:
    """Return 'METHOD route' of an environment after the application has seen it; Flask leaves its request there."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    template = rule.rule if rule is not None else _django_route(environ.get("PATH_INFO", ""))
    return f"{environ.get('REQUEST_METHOD', 'GET')} {template or path}"


def _template(path: str, parameters: Mapping[str, object]) -> str:
    """Put the names of parameters back into the place of their values."""
    for name, value in parameters.items():
        before, found, after = path.rpartition(f"/{value}")
        if found and (not after or after.startswith("/")):
            path = f"{before}/{{{name}}}{after}"
    return path


def _django_route(path: str) -> str | None:
    urls = sys.modules.get("django.urls")
    if urls is None:
        return None
    try:
        return f"/{urls.resolve(path).route}"
    except Exception:  # Django is imported, but is not who serves this
        return None
