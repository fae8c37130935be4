"""A FastAPI application, for uvicorn."""

from common import coverage
from fastapi import FastAPI
from routes import work

from pykcov.contrib.web import ASGIMiddleware

app = FastAPI()
for function in (work.tasks, work.threads, work.processes, work.database, work.plain):
    app.get(f"/{function.__name__}/{{number}}")(function)

application = ASGIMiddleware(app, coverage)
bare = app
