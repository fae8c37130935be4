"""For all tests."""

import signal


def pytest_configure() -> None:
    # A shell without job control starts what it puts in the background with SIGINT and SIGQUIT ignored, and programs
    # inherit that: Python then has no KeyboardInterrupt, neither here nor in the programs that tests start.
    if signal.getsignal(signal.SIGQUIT) is signal.SIG_IGN:
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
