"""A pool of processes that all requests share."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import cache


@cache
def pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
