"""Processes that run already: `pykcov attach`, and what `pykcov run --live` shows.

`attach` is what the first command does; the process runs `inject`, which starts a thread there that runs `agent`.
`watch` shows a run that goes on: `sampling` reads the buffers, `view` draws on a terminal while `terminal` keeps what
the program prints, `plain` writes lines anywhere else.
"""
