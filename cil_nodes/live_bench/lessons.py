"""Gives a learner lessons for a while, from a process of its own.

Whoever measures must not share an interpreter with this: making 5,000 messages takes a second.
Says ``ready`` when it has found the learner, begins with a line of input, and prints one line a
lesson: ``[start, end]`` of its learning, in nanoseconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

from cil_nodes.live_bench.canned import CLASSES, Classes
from cil_nodes.live_bench.rig import Teaching, lesson
from cil_nodes.live_bench.station import station
from cil_nodes.niceness import give_way


def main(arguments: Sequence[str] | None = None) -> None:
    """Give lessons until the time is over; one that has begun is finished."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("namespace")
    parser.add_argument("seconds", type=float)
    parser.add_argument("per_class", type=int)
    options = parser.parse_args(arguments)
    give_way(10)  # a robot's teacher sends its samples over minutes; here they must not compete
    with station("lessons", options.namespace) as node:
        teaching, classes = Teaching(node), Classes()
        teaching.wait()
        print("ready", flush=True)
        sys.stdin.readline()
        end, number = time.monotonic() + options.seconds, 0
        while time.monotonic() < end:
            number += 1
            teaching.add(lesson(classes, CLASSES, number, options.per_class))
            start = time.time_ns()
            teaching.train()
            print(json.dumps([start, time.time_ns()]), flush=True)


if __name__ == "__main__":
    main()
