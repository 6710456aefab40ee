"""The ``main`` of every node executable."""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol

import rclpy
from rclpy.logging import get_logger

from cil_nodes.garbage import spare_what_is_loaded
from cil_nodes.ros.lifecycle import SHUTDOWN_ERRORS, StartFailed
from cil_nodes.ros.node_log import Forward
from cil_nodes.ros.parameters import ParameterError


class Runnable(Protocol):
    """What :func:`run` runs: a :class:`~cil_nodes.ros.lifecycle.CilNode`, or several."""

    def spin(self) -> None:
        """Run callbacks until shut down."""

    def close(self) -> None:
        """Free everything; must work without a valid context."""


def run(make_node: Callable[[], Runnable], args: Sequence[str] | None = None) -> int:
    """Make a node, spin it until a signal ends it, and clean up.

    Parameters
    ----------
    make_node : callable
        A node's class, or anything that makes one.
    args : sequence of str, optional
        Command line in place of ``sys.argv``.

    Returns
    -------
    int
        0 after Ctrl-C or SIGTERM, 2 for parameters that the node refuses, 1 for any failure.
    """
    rclpy.init(args=list(args) if args is not None else None)
    node: Runnable | None = None
    try:
        node = make_node()
        _forward_logs(node)
        spare_what_is_loaded()
        node.spin()
    except KeyboardInterrupt:
        return 0
    except SHUTDOWN_ERRORS:
        if rclpy.ok():  # an error of ROS itself rather than the end of it
            traceback.print_exc()
            return 1
    except ParameterError as error:
        print(f"[FATAL] {error}", file=sys.stderr, flush=True)
        return 2
    except StartFailed as error:
        print(f"[FATAL] {error}", file=sys.stderr, flush=True)
        return 1
    finally:
        _end(node)
    return 0


def _forward_logs(node: Runnable) -> None:
    """Have what our plain-Python modules log appear as the node's own."""
    ours = logging.getLogger("cil_nodes")
    ours.addHandler(Forward(getattr(node, "get_logger", lambda: get_logger("cil_nodes"))))
    ours.propagate = False


def _end(node: Runnable | None) -> None:
    """Free the node and the context; a second signal meanwhile must not cut this short."""
    with contextlib.suppress(KeyboardInterrupt, *SHUTDOWN_ERRORS):
        if node is not None:
            node.close()
        rclpy.try_shutdown()
