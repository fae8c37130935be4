"""The conformance kit over pykcov's own device and, where there is one, over the kernel's."""

import ctypes

import pytest
from kit import Backend, Conformance

import pykcov

LIBC = ctypes.CDLL(None, use_errno=True)


class TestOwn(Conformance):
    @pytest.fixture
    def backend(self) -> Backend:
        def run(number: int = 3) -> int:
            return 1 if number == 5 else 2

        pykcov.instrument(run, compare=True)

        return Backend(
            open=pykcov.open,
            run=run,
            size=512,
            largest=pykcov.BUFFER_WORDS_MAX,
            unknown_size=-512,
            exact_count=True,
            counts_losses=True,
            child_may_enable=True,
        )


class TestLinux(Conformance):
    @pytest.fixture
    def backend(self, kcov: None) -> Backend:
        return Backend(
            open=lambda: pykcov.open("linux"),
            run=lambda: LIBC.read(-1, None, 0),
            size=8192,
            largest=(2**31 - 1) // 8,
            unknown_size=1000,
            exact_count=False,  # page faults and the scheduler are recorded, too
            counts_losses=False,
            child_may_enable=False,
        )
