"""Run tests/kernel in the test kernel: tools/kernel_tests.py [--if-built] [PYTEST ARGUMENTS]...

Builds the kernel (tools/test_kernel.py) if it is not in the cache; with --if-built says so and does nothing instead.
--exec runs a command there in place of pytest.
"""

import os
import sys
import time

from test_kernel import KernelError, TestKernel

from pykcov.kernel.debug_files import open_vmlinux


def main(arguments: list[str]) -> int:
    """Return the exit status: that of pytest, 1 if the kernel did not do it, 2 if there is none."""
    kernel = TestKernel()
    if not kernel.built:
        if "--if-built" in arguments:
            print("kernel tests: not run, as no test kernel is built here; `make kernel-tests` builds one")
            return 0
        try:
            kernel.build()
        except KernelError as error:
            print(f"kernel tests: not run: {error}", file=sys.stderr)
            return 2
    rest = [word for word in arguments if word != "--if-built"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "--color=no", "-q"]
    command = rest[1:] if rest[:1] == ["--exec"] else [*command, *(rest or ["tests/kernel"])]
    started = time.monotonic()
    try:
        status = kernel.run(command, _environment(kernel))
    except KernelError as error:
        print(f"kernel tests: failed: {error}", file=sys.stderr)
        return 1
    word = "passed" if status == 0 else f"failed ({status})"
    print(f"kernel tests: {word} in {time.monotonic() - started:.0f} s, in {os.path.dirname(kernel.kernel)}")
    return status


def _environment(kernel: TestKernel) -> dict[str, str]:
    """Return what pykcov there has to know. The debug information is read here, once, so that it is fast there."""
    os.environ["XDG_CACHE_HOME"] = str(kernel.folder)
    open_vmlinux(kernel.kernel)
    return {
        "PYKCOV_VMLINUX": str(kernel.kernel),
        "PYKCOV_MODULES": str(kernel.module),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
