"""A service to look at: what each route runs is its own, but for one function."""

import os

from fastapi import FastAPI

from pykcov.contrib.web import ASGIMiddleware, RequestCoverage

service = FastAPI()


def price(number):
    if number > 100:
        return number * 0.9
    return float(number)


@service.get("/items/{number}")
async def item(number: int):
    found = {"number": number}
    found["price"] = price(number)
    return found


@service.get("/orders")
def orders():
    total = 0.0
    for number in range(3):
        total += price(number)
    return {"total": total}


@service.get("/never")
def never():
    return {}


app = ASGIMiddleware(service, RequestCoverage(source=[os.path.dirname(__file__)], data_file="requests.data"))
