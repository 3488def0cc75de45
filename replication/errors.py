"""The error for a command that is wrong; all other errors stand for work that failed."""


class CommandError(ValueError):
    """A command cannot be carried out as it was given, such as an unknown name. It ends with exit code 2."""
