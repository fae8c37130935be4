"""Import modules anew, so that every tracer sees their bodies run, whatever it had imported itself."""

import importlib
import sys


def fresh(*names, without=()):
    """Import `names` and their submodules again; the accelerators in `without` are not found meanwhile."""
    for name in list(sys.modules):
        if any(name == wanted or name.startswith(wanted + ".") for wanted in names):
            del sys.modules[name]
    hidden = {name: sys.modules.get(name) for name in without}
    sys.modules.update(dict.fromkeys(without))
    try:
        modules = [importlib.import_module(name) for name in names]
    finally:
        for name, module in hidden.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module
    return modules[0] if len(modules) == 1 else modules
