# fmt: off
import asyncio  # runs


class Manager:  # runs
    async def __aenter__(self):  # runs
        await asyncio.sleep(0)  # runs

    async def __aexit__(self, *error):  # runs
        return True  # runs


async def generate():  # runs
    for number in range(2):  # runs
        yield number  # runs


async def main():  # runs
    async for number in generate():  # runs
        print(number)  # runs
    async with Manager():  # runs
        raise ValueError  # runs
    print([number async for number in generate()])  # runs


asyncio.run(main())  # runs
