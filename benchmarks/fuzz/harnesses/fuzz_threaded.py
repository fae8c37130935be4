"""A parser that runs in a pool of threads."""

import sys
from concurrent.futures import ThreadPoolExecutor

import atheris

with atheris.instrument_imports(include=["html"]):
    from html.parser import HTMLParser

POOL = ThreadPoolExecutor(2)


@atheris.instrument_func
def parse(text):
    HTMLParser().feed(text)


@atheris.instrument_func
def TestOneInput(data):
    text = data.decode("utf-8", "replace")
    middle = len(text) // 2
    jobs = [POOL.submit(parse, part) for part in (text[:middle], text[middle:])]
    for job in jobs:
        job.result()


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
