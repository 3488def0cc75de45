"""Sets with opinions: what the readers of layouts share, and the check of a list against what was published.

The reader of a set's layout is in the set's own module in `replication.datasets.catalogue`.
"""
