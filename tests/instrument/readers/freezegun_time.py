import asyncio
import datetime
import time

from freezegun import freeze_time


@freeze_time("2020-01-02", tick=False)
def frozen():
    return datetime.datetime.now(), time.time()


@freeze_time("2021-03-04")
async def later():
    await asyncio.sleep(0)
    return datetime.date.today()


print(frozen(), asyncio.run(later()))
