"""Tracing a process that runs already: `pykcov attach`.

`attach` is what the command does; the process runs `inject`, which starts a thread there that runs `agent`.
"""
