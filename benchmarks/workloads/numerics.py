"""Tight loops over ints and floats: queens, fannkuch, n-body, spectral norm."""

import math
from collections.abc import Callable
from typing import Any

INSTRUMENTED: list[Any] = []
ITERATIONS = 100


def queens(size: int) -> int:
    def place(row: int, columns: int, left: int, right: int) -> int:
        if row == size:
            return 1
        count = 0
        free = ~(columns | left | right) & (1 << size) - 1
        while free:
            bit = free & -free
            free ^= bit
            count += place(row + 1, columns | bit, (left | bit) << 1, (right | bit) >> 1)
        return count

    return place(0, 0, 0, 0)


def fannkuch(size: int) -> int:
    count = list(range(1, size + 1))
    order = list(range(size))
    most, rotate = 0, size
    while True:
        while rotate != 1:
            count[rotate - 1] = rotate
            rotate -= 1
        work, flips = order[:], 0
        while first := work[0]:
            work[: first + 1] = work[first::-1]
            flips += 1
        most = max(most, flips)
        while True:
            if rotate == size:
                return most
            first = order[0]
            for i in range(rotate):
                order[i] = order[i + 1]
            order[rotate] = first
            count[rotate] -= 1
            if count[rotate] > 0:
                break
            rotate += 1


class Body:
    def __init__(self, position: tuple[float, float, float], velocity: tuple[float, float, float], mass: float) -> None:
        self.x, self.y, self.z = position
        self.vx, self.vy, self.vz = velocity
        self.mass = mass


def advance(bodies: list[Body], step: float, steps: int) -> float:
    pairs = [(a, b) for i, a in enumerate(bodies) for b in bodies[i + 1 :]]
    for _ in range(steps):
        for a, b in pairs:
            dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
            pull = step / (dx * dx + dy * dy + dz * dz) ** 1.5
            a.vx -= dx * b.mass * pull
            a.vy -= dy * b.mass * pull
            a.vz -= dz * b.mass * pull
            b.vx += dx * a.mass * pull
            b.vy += dy * a.mass * pull
            b.vz += dz * a.mass * pull
        for body in bodies:
            body.x += step * body.vx
            body.y += step * body.vy
            body.z += step * body.vz
    return sum(body.mass * (body.vx**2 + body.vy**2 + body.vz**2) for body in bodies)


def element(i: int, j: int) -> float:
    return 1.0 / ((i + j) * (i + j + 1) // 2 + i + 1)


def spectral_norm(size: int) -> float:
    u = [1.0] * size
    v = u
    for _ in range(2):
        v = [sum(element(i, j) * u[j] for j in range(size)) for i in range(size)]
        u = [sum(element(j, i) * v[j] for j in range(size)) for i in range(size)]
    return math.sqrt(sum(a * b for a, b in zip(u, v, strict=True)) / sum(a * a for a in v))


def prepare() -> Callable[[int], int]:
    def run(iteration: int) -> int:
        bodies = [Body((i, i * 0.5 + 1, -i), (0.1 * i, 0.2, -0.1), 1.0 + i) for i in range(5)]
        energy = advance(bodies, 0.001, 60)
        return queens(6) + fannkuch(6) + int(energy * 1e9) + int(spectral_norm(16) * 1e9) + iteration % 3

    return run
