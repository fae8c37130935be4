"""Generators, coroutines and async generators."""
# ruff: noqa
# fmt: off
# mypy: ignore-errors

import asyncio


def generators():
    found = []

    def inner():
        try:
            x = yield 1
            found.append(("sent", x))
            yield 2
        except KeyError as error:
            found.append(("thrown", str(error)))
            yield 3
        finally:
            found.append("closed")
        return "result"

    def outer():
        result = yield from inner()
        found.append(result)
        yield "end"

    for make in (inner, outer):
        generator = make()
        found.append((next(generator), generator.send("hello"), list(generator)))
        generator = make()
        found.append((next(generator), generator.throw(KeyError("k")), generator.gi_frame.f_lineno, list(generator)))
        generator = make()
        found.append((next(generator), generator.gi_yieldfrom is None, generator.close()))
        generator = make()
        next(generator)
        try:
            generator.throw(ValueError)
        except ValueError:
            found.append("through")
    return found


def thrown_into_delegation():
    found = []

    class Iterator:
        def __iter__(self):
            return self

        def __next__(self):
            return 1

        def throw(self, *error):
            found.append(error[0])
            raise StopIteration("stopped")

    def outer():
        try:
            found.append((yield from Iterator()))
        finally:
            found.append("finally")
        yield "end"

    generator = outer()
    return next(generator), generator.throw(KeyError), found


def generator_loops():
    def count(n):
        for x in range(n):
            if x == 3:
                return
            yield x

    def chained(n):
        for x in count(n):
            for y in count(x):
                yield x, y

    return [list(chained(n)) for n in range(6)], [x for x in count(9)], dict(chained(4)), sum(count(5))


def stop_iteration_in_a_generator():
    def generator():
        yield 1
        next(iter(()))

    try:
        list(generator())
    except RuntimeError as error:
        return str(error), type(error.__cause__)


class Manager:
    def __init__(self, found, swallow=False):
        self.found, self.swallow = found, swallow

    def __enter__(self):
        self.found.append("enter")
        return self

    def __exit__(self, kind, error, tb):
        self.found.append(("exit", kind, tb and tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno))
        return self.swallow

    async def __aenter__(self):
        await asyncio.sleep(0)
        return self.__enter__()

    async def __aexit__(self, *error):
        await asyncio.sleep(0)
        return self.__exit__(*error)


def coroutines():
    found = []

    async def produce(n):
        try:
            for x in range(n):
                await asyncio.sleep(0)
                yield x
        finally:
            found.append("generator done")

    async def fail():
        await asyncio.sleep(0)
        raise KeyError("k")

    async def use(swallow):
        async with Manager(found, swallow) as manager:
            async for x in produce(3):
                found.append(x)
            else:
                found.append("else")
            await fail()
        return [x async for x in produce(3) if x] + [await asyncio.sleep(0, y) for y in (1, 2)]

    async def partly():
        generator = produce(5)
        async for x in generator:
            if x == 2:
                break
        await generator.aclose()

    async def cancelled():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            found.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)

    async def main():
        found.append(await use(True))
        try:
            await use(False)
        except KeyError:
            found.append("raised")
        await partly()
        task = asyncio.ensure_future(cancelled())
        await asyncio.sleep(0)
        task.cancel()
        found.append(await asyncio.gather(task, fail(), return_exceptions=True))
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0, x)) for x in range(3)]
        return [task.result() for task in tasks]

    result = asyncio.run(main())
    return result, [type(x) if isinstance(x, BaseException) else repr(x) for x in found]


def async_generators_thrown_into():
    found = []

    async def generator():
        while True:
            try:
                x = yield len(found)
                found.append(x)
            except ValueError:
                found.append("value")

    async def main():
        g = generator()
        result = [await g.asend(None), await g.asend("a"), await g.athrow(ValueError), await g.asend("b")]
        await g.aclose()
        return result

    return asyncio.run(main()), found
