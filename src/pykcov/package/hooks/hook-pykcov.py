"""What fuzzing does not use of what pykcov imports: libraries, and pykcov's own commands and reports."""

excludedimports = [
    *("numpy", "click", "coverage", "rich", "pytest", "_pytest", "hypothesis", "atheris"),
    *("capstone", "elftools", "symbolic", "greenlet", "gevent", "eventlet", "trio", "uvloop", "anyio"),
]
