"""A Flask application, for gunicorn with threads."""

import asyncio
from collections.abc import Callable
from typing import Any

from common import coverage
from flask import Flask
from routes import work

from pykcov.contrib.web import WSGIMiddleware

app = Flask(__name__)


def view(function: Callable[[int], Any]) -> Callable[..., str]:
    def serve(number: int) -> str:
        result = function(number)
        return str(result if isinstance(result, int) else asyncio.run(result))

    serve.__name__ = function.__name__
    return serve


for function in (work.tasks, work.threads, work.processes, work.database, work.plain):
    app.get(f"/{function.__name__}/<int:number>")(view(function))

application = WSGIMiddleware(app, coverage)
