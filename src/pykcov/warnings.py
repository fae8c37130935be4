"""The category of all warnings of pykcov."""


class PykcovWarning(UserWarning):
    """Something was not recorded, or not as requested. The message says what, why, and what to do."""
