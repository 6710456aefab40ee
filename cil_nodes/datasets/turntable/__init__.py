"""A simulated turntable: pictures of made-up things, drawn on the CPU."""

from .catalogue import NoSuchObjectError
from .turntable import Turntable

__all__ = ["NoSuchObjectError", "Turntable"]
