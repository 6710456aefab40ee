"""The ``main`` of every node executable."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Sequence

import rclpy

from cil_nodes.ros.lifecycle import SHUTDOWN_ERRORS, CilNode, StartFailed
from cil_nodes.ros.parameters import ParameterError


def run(make_node: Callable[[], CilNode], args: Sequence[str] | None = None) -> int:
    """Make a node, spin it until a signal ends it, and clean up.

    Parameters
    ----------
    make_node : callable
        A :class:`CilNode` subclass, or anything that makes one.
    args : sequence of str, optional
        Command line in place of ``sys.argv``.

    Returns
    -------
    int
        0 after Ctrl-C or SIGTERM, 2 for parameters that the node refuses, 1 for any failure.
    """
    rclpy.init(args=list(args) if args is not None else None)
    node = None
    try:
        node = make_node()
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


def _end(node: CilNode | None) -> None:
    """Free the node and the context; a second signal meanwhile must not cut this short."""
    with contextlib.suppress(KeyboardInterrupt, *SHUTDOWN_ERRORS):
        if node is not None:
            node.close()
        rclpy.try_shutdown()
