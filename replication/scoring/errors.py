"""What goes wrong when images are scored."""


class ScoringError(ValueError):
    """Scores cannot be computed as asked; the message says why and what to do."""
