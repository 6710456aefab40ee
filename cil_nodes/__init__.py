"""Online class-incremental learning for robots."""

__version__ = "0.1.0"
