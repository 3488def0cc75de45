"""Errors that decide how a command ends; all other errors end it with exit code 1."""


class CommandError(ValueError):
    """A command cannot be carried out as it was given, such as an unknown name: exit code 2."""


class Interrupted(RuntimeError):  # noqa: N818 - no error, but the user's wish
    """The user interrupted a command; the message says what is kept. Exit code 130, as shells give for Ctrl-C."""
