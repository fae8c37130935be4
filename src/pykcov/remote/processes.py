"""A process that multiprocessing starts afresh (spawn, forkserver) works for whom its starter worked for.

It reads first of all what it needs to know, in which it finds whom it works for. A forked child needs nothing: it has
the context, and the device.
"""

from pykcov.remote import carriers, lending
from pykcov.remote.replacement import Replacement


class Passenger:
    """In the process that unpickles it, all further work is done for the trace that this process works for now."""

    def __init__(self, ticket: lending.Ticket) -> None:
        """Take what leads to the trace."""
        self._ticket = ticket

    def __reduce__(self) -> tuple[object, tuple[lending.Ticket]]:
        """Have the other process work for the trace."""
        return lending.work_for, (self._ticket,)


def _with_passenger(preparation: dict[str, object]) -> dict[str, object]:
    ticket = lending.ticket()
    return preparation if ticket is None else {"pykcov": Passenger(ticket), **preparation}


carriers.add([Replacement("multiprocessing.spawn", "get_preparation_data", "result", hook=_with_passenger)])
