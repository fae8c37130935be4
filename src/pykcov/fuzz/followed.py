"""One input for a target, and a device that records what runs for it: also in other threads and tasks."""

from pykcov import _core
from pykcov._core import Group
from pykcov.device import Device
from pykcov.fuzz.harness import Target


def run_followed(device: Device, target: Target, data: bytes) -> tuple[Group, str]:
    """Run the target for an input; return the group that worked for it, and the type of what it raised, if it did.

    The device has a buffer, and is disabled afterwards. Who works for the group later still finds its handle.
    """
    group = Group()
    problem = ""
    token = _core.group_variable.set(group)
    try:
        device.remote_attach(follow=True)
        device.enable(_core.TRACE_UNIQUE_PC)
        _core.follow()
        target(data)
    except BaseException as error:
        # Not the error itself: what it keeps alive is finalized here, while the device records.
        problem = type(error).__name__
    finally:
        _core.group_variable.reset(token)
        _core.follow()
    device.disable(wait=False)
    return group, problem
