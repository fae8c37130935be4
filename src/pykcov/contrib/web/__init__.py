"""Which code served which route: middleware for ASGI and WSGI applications (docs/web.md).

app = ASGIMiddleware(app, RequestCoverage(source=["src"], sample=0.01))
app = ASGIMiddleware(app, ServiceCoverage("/var/lib/app/pykcov", source=["src"]))    # what ran at all
"""

from pykcov.contrib.web.asgi import ASGIMiddleware
from pykcov.contrib.web.coverage import RequestCoverage
from pykcov.contrib.web.service import ServiceCoverage
from pykcov.contrib.web.wsgi import WSGIMiddleware

__all__ = ["ASGIMiddleware", "RequestCoverage", "ServiceCoverage", "WSGIMiddleware"]
