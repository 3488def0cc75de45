"""Files of weights that a metric reads, found without reading one."""

import contextlib
from typing import Any

from replication.absent import AbsentError
from replication.features import weights as files
from replication.metrics.registry import create


def weights_read(name: str, **options: Any) -> tuple[str, ...]:
    """Return the names of the weights that `create(name, **options)` reads, for `weights_of` and `weights_pin`.

    The path where `weights=PATH`; none where `weights="random"`. The metric is created with networks that hold no
    numbers, so that nothing needs to be declared beside its code, and nothing needs to be present.
    Raises ValueError as `create`, for an unknown metric or option.
    """
    with files.recorded() as names, contextlib.suppress(AbsentError):  # what is absent has been noted
        create(name, **options)
    return tuple(names)
