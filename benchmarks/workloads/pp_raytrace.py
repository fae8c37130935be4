"""pyperformance: a scene of spheres is rendered."""

from collections.abc import Callable

from workloads.pyperformance_program import load

program = load("raytrace")
INSTRUMENTED = [program]
ITERATIONS = 150


def prepare() -> Callable[[int], int]:
    def run(iteration: int) -> int:
        canvas = program.Canvas(14, 14 + iteration % 3)
        scene = program.Scene()
        scene.addLight(program.Point(30, 30, 10))
        scene.lookAt(program.Point(0, 3, 0))
        for x in range(4):
            surface = program.SimpleSurface(baseColour=(x / 4, 1 - x / 4, 0.5))
            scene.addObject(program.Sphere(program.Point(-2 - x * 0.4, 2.3, -5), 0.4), surface)
        scene.addObject(program.Halfspace(program.Point(0, 0, 0), program.Vector.UP), program.CheckerboardSurface())
        scene.render(canvas)
        return sum(canvas.bytes)

    return run
