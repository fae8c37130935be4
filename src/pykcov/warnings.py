"""The category of all warnings of pykcov."""


class PykcovWarning(UserWarning):
    """Something was not recorded, or not as asked for: the message says what, why and what to do."""
