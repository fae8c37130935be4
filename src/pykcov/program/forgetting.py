"""What pykcov has imported before the program begins is not imported yet, as far as the program can see."""

import sys


def forget_our_imports(bare_modules: frozenset[str]) -> None:
    """Let the program import afresh what only we have imported so far.

    Also what is not to be traced: while a module is imported it calls others, which may be.
    """
    forgotten = {
        name: module
        for name, module in sys.modules.items()
        if name not in bare_modules
        and name.partition(".")[0] != "pykcov"
        and (getattr(module, "__file__", None) or "").endswith((".py", ".pyc"))
    }
    for name in forgotten:
        del sys.modules[name]
    for name, module in forgotten.items():
        # Those that stay forget their parts. Those that go still serve us.
        parent, _, attribute = name.rpartition(".")
        if parent in sys.modules and getattr(sys.modules[parent], attribute, None) is module:
            delattr(sys.modules[parent], attribute)
        # Since 3.14 named tuples import it. Its types are those of C: the next import must find them as the first did.
        if name == "ast" and "dims" in vars(module.Tuple):
            del module.Tuple.dims
