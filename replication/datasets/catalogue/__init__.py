"""The catalogue of data sets: a module for each, found by being in this folder.

To add a set, put a module here with a list `SETS` of entries (`replication.datasets.entries`); it then has a name for
`datasets.images` or `datasets.load`, a row in `data status`, and can be added, fetched and pinned. Several entries in
one module are parts of one set. The reader of a new layout belongs into the module of the set.
"""

from replication.datasets.catalogue._found import FOLDERS, JUDGED, RATED, TABLES, TRAINING, known, module_of, select
from replication.datasets.entries import Opinion

__all__ = ["FOLDERS", "JUDGED", "RATED", "TABLES", "TRAINING", "Opinion", "known", "module_of", "select"]
