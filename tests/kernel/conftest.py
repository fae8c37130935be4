"""Tests of kernel coverage: those that need a kernel with kcov run in the test kernel alone (`make kernel-tests`)."""

import os
import subprocess

import pytest

import pykcov


def has_kcov() -> bool:
    try:
        pykcov.open("linux").close()
    except pykcov.KcovError:
        return False
    return True


@pytest.fixture(scope="session")
def kcov() -> None:
    """A kernel with kcov. In the test kernel it is an error if there is none."""
    if not has_kcov():
        if "PYKCOV_VMLINUX" in os.environ:
            pytest.fail("the test kernel has no kcov")
        pytest.skip("this kernel has no kcov: `make kernel-tests` runs this in one that has it")


@pytest.fixture
def vmlinux(kcov: None) -> str:
    return os.environ["PYKCOV_VMLINUX"]


@pytest.fixture
def mailbox(vmlinux: str) -> str:
    """The device of the module with the seeded bug."""
    node = "/dev/pykcov_mailbox"
    if not os.path.exists(node):
        subprocess.run(["busybox", "insmod", os.environ["PYKCOV_MODULES"]], check=True)
    return node
