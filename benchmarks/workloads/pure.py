"""Standard library modules as they are without their accelerators in C."""

import importlib
import sys
from collections.abc import Sequence
from types import ModuleType


def without(accelerators: Sequence[str], *names: str) -> list[ModuleType]:
    """Import `names` anew while `accelerators` are not found; everybody else keeps the modules that they have."""
    packages = {name.partition(".")[0] for name in names}
    saved = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in packages}
    hidden = {name: sys.modules.get(name) for name in accelerators}
    for name in saved:
        del sys.modules[name]
    sys.modules.update(dict.fromkeys(accelerators))  # type: ignore[arg-type]
    try:
        return [importlib.import_module(name) for name in names]
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] in packages] + list(hidden):
            del sys.modules[name]
        sys.modules.update(saved)
        sys.modules.update({name: module for name, module in hidden.items() if module is not None})
