import inspect

factor = 3


def outer(y):
    def inner(x, *rest, key=1, **more) -> int:
        """Say it."""
        return len(str(x * y * factor)) + [info.positions for info in inspect.stack()[:1]][0].lineno

    return inner


def generates():
    yield (yield 1)


inner = outer(2)
print(inspect.signature(inner), inspect.getdoc(inner), inspect.getsource(inner))
print(inspect.getclosurevars(inner).nonlocals, sorted(inspect.getclosurevars(inner).builtins), inner(1))
generator = generates()
print(inspect.getgeneratorstate(generator), next(generator), inspect.getgeneratorstate(generator))
print(inspect.iscoroutinefunction(inner), inspect.getgeneratorlocals(generator))
