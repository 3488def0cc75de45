"""Images as tasks read them: pixels with the digest of the bytes they were decoded from, or the reason for none."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from replication.datasets.errors import ImageError
from replication.datasets.images import Pixels

if TYPE_CHECKING:
    from replication.datasets.rated import Readable

Read = Callable[["Readable"], tuple[Pixels, str]]


class Loaded(NamedTuple):
    """image: 8-bit pixels (1, 3, H, W), or the reason why there are none.

    digest: of the bytes that were decoded; None where nothing could be read.
    """

    image: Tensor | str
    digest: str | None


def load(name: str, image: "Readable", read: Read | None = None) -> Loaded:
    """Read an image, by its own `read_hashed` or another function.

    A reason names the file without its folder, so that tables are the same on every machine.
    """
    try:
        pixels, digest = image.read_hashed() if read is None else read(image)
    except ImageError as error:
        return Loaded(f"{error.path.name}: {error.reason}", error.digest)
    except (OSError, ValueError) as error:
        return Loaded(f"{name}: {(isinstance(error, OSError) and error.strerror) or error}", None)
    return Loaded(torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0), digest)


def digests(images: "Mapping[str, Readable]", names: Iterable[str]) -> dict[str, str | None]:
    """The named images' digests, computed several at a time; None for one that cannot be read."""
    names = list(dict.fromkeys(names))
    with ThreadPoolExecutor() as threads:
        return dict(zip(names, threads.map(lambda name: _digest(images[name]), names), strict=True))


def size_mismatch(reference: str, first: Tensor, second: Tensor) -> str:
    """The reason why two images cannot be compared, "" where they can."""
    if first.shape == second.shape:
        return ""
    (a, b), (c, d) = first.shape[-2:], second.shape[-2:]
    return f"is {d} x {c} pixels, its reference {reference} {b} x {a}; the two must have one size"


def as_float(image: Tensor, device: torch.device | str | None) -> Tensor:
    """An 8-bit image as float32 in [0, 1] on the device."""
    return image.to(device).to(torch.float32, memory_format=torch.contiguous_format).div_(255)


def _digest(image: "Readable") -> str | None:
    try:
        return image.digest()
    except (OSError, ValueError):
        return None
