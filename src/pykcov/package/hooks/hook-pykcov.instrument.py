"""Sources beside the bytecode: the cache of probed code belongs to them (instrument/cache.py)."""

module_collection_mode = {"pykcov.instrument": "pyz+py", "pykcov.traces.locations": "pyz+py"}
