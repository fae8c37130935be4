import math
import tempfile

import numba
import numpy as np

numba.config.CACHE_DIR = tempfile.mkdtemp()


@numba.njit
def total(n):
    t = 0
    for i in range(n):
        if i % 3 == 0:
            t += i
    return t


@numba.njit(cache=False)
def outer(n):
    def inner(x):
        return x + n

    return inner(1) + total(n) + sum([i for i in range(n)])


@numba.vectorize(["float64(float64)"])
def half(x):
    return x / 2 if x > 1 else math.sin(x)


@numba.guvectorize(["void(int64[:], int64, int64[:])"], "(n),()->(n)")
def add(xs, y, out):
    for i in range(len(xs)):
        out[i] = xs[i] + y


@numba.cfunc("int64(int64)")
def square(x):
    return x * x


@numba.stencil
def neighbours(a):
    return a[-1] + a[1]


@numba.jit(forceobj=True, looplift=False)
def in_object_mode(x):
    return [str(n) for n in range(x)]


@numba.experimental.jitclass([("n", numba.int64)])
class Counter:
    def __init__(self):
        self.n = 0

    def add(self, by):
        self.n += max(1, by)
        return self.n


print(total(100), outer(4), half(np.array([0.0, 4.0])), add(np.arange(3), 5), square.ctypes(7))
print(neighbours(np.arange(5)), in_object_mode(3), Counter().add(3))
