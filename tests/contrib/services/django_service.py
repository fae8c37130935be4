"""A Django application, for WSGI and for ASGI servers."""

import asyncio
from collections.abc import Callable
from typing import Any

import django
from common import coverage
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from routes import work

from pykcov.contrib.web import ASGIMiddleware, WSGIMiddleware

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="tests alone", MIDDLEWARE=[])
django.setup()


def view(function: Callable[[int], Any]) -> Callable[..., HttpResponse]:
    def serve(request: HttpRequest, number: int) -> HttpResponse:
        result = function(number)
        return HttpResponse(str(result if isinstance(result, int) else asyncio.run(result)))

    return serve


urlpatterns = [
    path(f"{function.__name__}/<int:number>", view(function))
    for function in (work.tasks, work.threads, work.processes, work.database, work.plain)
]

application = WSGIMiddleware(get_wsgi_application(), coverage)
asynchronous = ASGIMiddleware(get_asgi_application(), coverage)
