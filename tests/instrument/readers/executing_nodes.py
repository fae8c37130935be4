import sys

from executing import Source


def asked():
    frame = sys._getframe(1)
    found = Source.executing(frame)
    return found.text(), found.code_qualname()


def main(n):
    for _ in range(n):
        first, second = asked(), (asked() if n else None)
    try:
        1 / (n - n)
    except ZeroDivisionError as error:
        return first, second, Source.executing(error.__traceback__).text(), [asked() for _ in "a"]


print(main(2))
