#!/usr/bin/env python3
"""Teach a running graph one thing, see that it knows it, and take it back.

Start the graph in one shell and this in another, both from the clone::

    ./cil up source:=sim
    ./cil python examples/teach_a_mug.py

With a camera of your own (``./cil up source:=device:0``) leave the calls of ``look`` out, hold the
thing in front of the camera and take its predictions from ``wait_for_predictions``.
"""

from __future__ import annotations

from cil_nodes.client import Teacher

THINGS = ("mug", "duck", "book")


def main() -> None:
    """Show three things, name them, look again, and roll back."""
    with Teacher(namespace="/cil") as robot:
        before = robot.look(THINGS[0], views=1)[0]
        print(f"before: {before.label}, unknown score {before.unknown_score:.2f}")

        for thing in THINGS:
            views = robot.look(thing, views=20)
            robot.label(thing, [view.sample_id for view in views])
        lesson = robot.train()
        print(f"learned {', '.join(lesson.new_labels)} in {lesson.seconds:.2f} s")

        for thing in THINGS:
            fresh = robot.look(thing, views=5, fresh_backdrop=True)
            print(f"{thing}, seen anew: {', '.join(view.label for view in fresh)}")

        robot.roll_back()
        print(f"rolled back: {robot.look(THINGS[0], views=1)[0].label}")


if __name__ == "__main__":
    main()
