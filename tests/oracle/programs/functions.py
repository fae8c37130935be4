# fmt: off
"""The first docstring is an assignment."""  # runs

"""A later one is a statement without effect."""  # runs


def called():  # runs
    """Not a statement."""
    return 1  # runs


def never_called():  # runs
    return 2


def decorate(function):  # runs
    return function  # runs


@decorate  # runs
@(  # the expression of the line below runs
    decorate  # runs
)
def decorated(a=called(), b=[  # runs
    called(),  # runs
]):
    return a  # runs


class Class:  # runs
    attribute: int = 1  # runs
    only_annotated: int  # runs before 3.14

    def method(self):  # runs
        pass  # runs

    def not_called(self):  # runs
        pass


async def coroutine():  # runs
    return 1


decorated(Class().method())  # runs
(lambda:  # runs
    called())()  # runs
