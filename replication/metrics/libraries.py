"""Other libraries whose metrics we use, imported when first needed: piq takes seconds."""

from types import ModuleType

from replication.torchvision_compat import make_importable


def piq() -> ModuleType:
    """The library piq (Apache-2.0)."""
    make_importable()
    import piq

    module: ModuleType = piq
    return module
