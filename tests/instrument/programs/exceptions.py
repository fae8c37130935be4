"""Exceptions, and what is done in spite of them."""
# ruff: noqa
# fmt: off
# mypy: ignore-errors

import contextlib


def exceptions():
    found = []

    def fail(kind, how):
        try:
            try:
                if kind is None:
                    return "returned"
                raise kind("x")
            except KeyError as error:
                found.append(("key", str(error)))
                if how == "again":
                    raise
                if how == "other":
                    raise TypeError("y") from error
            except (ValueError, OSError):
                found.append("value")
                return "from except"
            else:
                found.append("else")
            finally:
                found.append("finally")
                if how == "swallow":
                    return "swallowed"
        except Exception as error:
            return type(error), error.__cause__ is None, error.__context__ is None
        return "end"

    for kind in (None, KeyError, ValueError, ZeroDivisionError):
        for how in ("", "again", "other", "swallow"):
            found.append(fail(kind, how))
    return found


def exception_groups():
    found = []

    def fail(*kinds):
        try:
            raise ExceptionGroup("g", [kind("x") for kind in kinds])
        except* ValueError as group:
            found.append(len(group.exceptions))
        except* (KeyError, OSError):
            found.append("other")
            raise TypeError("new")
        finally:
            found.append("finally")

    for kinds in ((ValueError,), (ValueError, ValueError), (KeyError,), (ValueError, KeyError), (IndexError,)):
        try:
            fail(*kinds)
        except BaseException as error:
            found.append((type(error), [type(inner) for inner in getattr(error, "exceptions", ())]))
    return found


def finally_in_loops():
    found = []
    for x in range(6):
        try:
            if x == 1:
                continue
            if x == 4:
                break
            try:
                1 / (x - 2)
            finally:
                found.append(("inner", x))
        except ZeroDivisionError:
            found.append("zero")
        finally:
            found.append(("outer", x))
    return found


def failing_finally():
    """On 3.11 the line of `pass` is run, by what clears up."""
    def fail():
        try:
            1 / 0
        finally:
            1 / 0
            pass

    try:
        fail()
    except ZeroDivisionError as error:
        return error.__traceback__.tb_next.tb_lineno - fail.__code__.co_firstlineno, error.__context__ is None


class Manager:
    def __init__(self, found, swallow=False):
        self.found, self.swallow = found, swallow

    def __enter__(self):
        self.found.append("enter")
        return self

    def __exit__(self, kind, error, tb):
        self.found.append(("exit", kind, tb and tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno))
        return self.swallow


def with_statements():
    found = []

    def use(swallow, action):
        with Manager(found, swallow) as a, Manager(found) as b:
            if action == "raise":
                raise KeyError("x")
            if action == "return":
                return "returned"
            found.append("body")
        return "after"

    for swallow in (False, True):
        for action in ("", "raise", "return"):
            try:
                found.append(use(swallow, action))
            except KeyError:
                found.append("raised")
    with contextlib.suppress(ZeroDivisionError):
        1 / 0
    with (
        Manager(found) as first,
        Manager(
            found,
        ) as second,
    ):
        found.append(first is second)
    return found
