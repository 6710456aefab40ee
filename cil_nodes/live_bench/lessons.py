"""Gives a learner lessons for a while, from a process of its own.

Whoever measures must not share an interpreter with this: making 5,000 messages takes a second.
Prints one line a lesson: ``[start, end]`` of its learning, in nanoseconds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import threading
import time
from collections.abc import Sequence

import rclpy
from rclpy.executors import SingleThreadedExecutor

from cil_nodes.live_bench.canned import CLASSES, Classes
from cil_nodes.live_bench.rig import Teaching, lesson


def main(arguments: Sequence[str] | None = None) -> None:
    """Give lessons until the time is over; one that has begun is finished."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("namespace")
    parser.add_argument("seconds", type=float)
    parser.add_argument("per_class", type=int)
    options = parser.parse_args(arguments)
    os.nice(10)  # a robot's teacher sends its samples over minutes; here they must not compete
    rclpy.init(args=[])
    node = rclpy.create_node("lessons", namespace=options.namespace, enable_rosout=False)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    threading.Thread(target=executor.spin, daemon=True).start()
    teaching, classes = Teaching(node), Classes()
    end = time.monotonic() + options.seconds
    for number in itertools.count(1):
        teaching.add(lesson(classes, CLASSES, number, options.per_class))
        start = time.time_ns()
        teaching.train()
        print(json.dumps([start, time.time_ns()]), flush=True)
        if time.monotonic() >= end:
            break
    executor.shutdown(1)
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
