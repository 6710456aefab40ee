"""A node's logger that remembers what it complained of last, so that diagnostics can repeat it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rclpy.impl import rcutils_logger
from rclpy.impl.logging_severity import LoggingSeverity
from rclpy.impl.rcutils_logger import RcutilsLogger

# rclpy throttles each line of code for itself: it must look past this file for the caller's.
rcutils_logger._internal_callers.append(__file__)


@dataclass(frozen=True)
class Complaint:
    """A warning or an error as it was logged.

    Attributes
    ----------
    text : str
        Its first line.
    severity : LoggingSeverity
        WARN, ERROR or FATAL.
    at : float
        When, by :func:`time.monotonic`.
    """

    text: str
    severity: LoggingSeverity
    at: float = field(default_factory=time.monotonic)

    @property
    def age(self) -> float:
        """Seconds since it was logged."""
        return time.monotonic() - self.at


class NodeLogger(RcutilsLogger):
    """Logs as rclpy's logger does; ``last`` is the latest warning or error that got through.

    Parameters
    ----------
    name : str
        The logger's name, which leads to the node's ``rosout``.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.last: Complaint | None = None

    def log(self, message: str, severity: Any, **options: Any) -> bool:
        """Log one message and remember it when it is a warning or worse and was not throttled."""
        said = bool(super().log(message, severity, **options))
        if said and severity >= LoggingSeverity.WARN:
            first = str(message).split("\n", 1)[0]
            self.last = Complaint(first, LoggingSeverity(severity))
        return said


class Forward(logging.Handler):
    """Hands what our plain-Python modules log to a node, which the rest of the graph can hear.

    Parameters
    ----------
    logger : callable
        Returns the node's logger.
    """

    def __init__(self, logger: Callable[[], Any]) -> None:
        super().__init__(logging.WARNING)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record, at its severity."""
        text = self.format(record)
        if record.levelno >= logging.ERROR:
            self._logger().error(text)
        else:
            self._logger().warning(text)
