"""The error that means that a command was wrong; all other errors mean that it failed."""


class CommandError(ValueError):
    """A command cannot be carried out as it was given, such as an unknown name. It ends with exit code 2."""
