"""A program that compares, and how dump shows what it compares."""

PROGRAM = """\
import threading
def parse(data):
    if data == "GET":
        return 1
    return data.startswith("PO") and len(data) == 4
def count(n):
    for i in range(n):
        if i < -1 or i * 0.5 > 9.5:
            return
def never(x):
    return x == 1
thread = threading.Thread(target=count, args=(2,), name="counter")
thread.start()
thread.join()
parse("POST")
parse("GET")
"""
# What each thread compares: line, operation, marks and operands as dump shows them.
MAIN = [
    (3, "==", "3,4", "const,swapped", "'GET'", "'POST'"),
    (5, "startswith", "2,4", "const,swapped", "'PO'", "'POST'"),
    (5, "==", "1", "const,swapped", "4", "4"),
    (3, "==", "3,3", "const,swapped", "'GET'", "'GET'"),
]
COUNTER = [
    (8, "<", "1", "const,swapped", "-1", "0"),
    (8, ">", "8", "const,swapped", "9.5", "0.0"),
    (8, "<", "1", "const,swapped", "-1", "1"),
    (8, ">", "8", "const,swapped", "9.5", "0.5"),
]


def dumped(lines: str, thread: int) -> list[tuple[object, ...]]:
    rows = [line.split("\t") for line in lines.splitlines() if line.startswith(f"{thread}\t")]
    assert [int(row[1]) for row in rows] == list(range(len(rows)))
    return [(int(row[3].rpartition(":")[2]), *row[5:]) for row in rows]
