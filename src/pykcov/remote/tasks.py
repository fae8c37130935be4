"""The asyncio tasks that work for a group, for who waits until all is done."""

import gc
import sys
from contextvars import Context
from typing import TYPE_CHECKING

from pykcov import _core
from pykcov._core import Group

if TYPE_CHECKING:
    import asyncio


def tasks(group: Group) -> list["asyncio.Task[object]"]:
    """Return the unfinished tasks of the running event loop that work for `group`, but for the calling one."""
    asyncio = sys.modules.get("asyncio")
    loop = asyncio._get_running_loop() if asyncio is not None else None
    if asyncio is None or loop is None:
        return []
    current = asyncio.current_task(loop)
    return [task for task in asyncio.all_tasks(loop) if task is not current and _group(task) == group]


def _group(task: "asyncio.Task[object]") -> Group | None:
    # A task tells its context from 3.12 on only; but it refers to it.
    context = getattr(task, "_context", None) or next(
        (found for found in gc.get_referents(task) if type(found) is Context), None
    )
    return None if context is None else context.get(_core.group_variable)
