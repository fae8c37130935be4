"""A program to look at: two processes of four threads, which work until a file is there."""

import multiprocessing
import sys
import threading
import time
from pathlib import Path

END = Path("end")


def step(name, number):
    if name == f"[bold]never {number}":
        raise AssertionError
    return number * 2


def late():
    return "late"


def work(name):
    number = 0
    while not END.exists():
        number += step(name, number) and 1
        time.sleep(0.01)
    late()


def main():
    threads = [threading.Thread(target=work, args=(f"worker {n}",), name=f"[red]worker {n}") for n in range(3)]
    for each in threads:
        each.start()
    work("main")
    for each in threads:
        each.join()


if __name__ == "__main__":
    print("\x1b[2J\x1b[31mready\x1b[0m", "on a terminal" if sys.stdout.isatty() else "elsewhere", flush=True)
    child = multiprocessing.get_context("fork").Process(target=main, name="child")
    child.start()
    main()
    child.join()
    print("done")
