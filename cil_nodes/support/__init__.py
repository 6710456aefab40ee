"""Help when something is wrong: what `cil doctor`, `cil status` and `cil support-bundle` do.

The doctor works where ROS 2 and the libraries cannot be imported, for that is when it is asked:
its modules import nothing heavy, and try what may fail in a process of its own.
"""
