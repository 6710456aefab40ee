"""Makes the environment of a clone: ``./cil`` runs this package when ``.venv`` is missing or stale.

It runs on the machine's bare interpreter, before anything is installed, so it imports the standard
library only. The steps are in ``steps``, what is asked of the machine in ``checks``, the ROS 2
interfaces in ``interfaces``, compilers and headers in ``compiler``; ``lock`` renews the pins.
"""
