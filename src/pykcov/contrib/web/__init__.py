"""Which code served which route: middleware for ASGI and WSGI applications (docs/web.md).

app = ASGIMiddleware(app, RequestCoverage(source=["src"], sample=0.01))
"""

from pykcov.contrib.web.asgi import ASGIMiddleware
from pykcov.contrib.web.coverage import RequestCoverage
from pykcov.contrib.web.wsgi import WSGIMiddleware

__all__ = ["ASGIMiddleware", "RequestCoverage", "WSGIMiddleware"]
