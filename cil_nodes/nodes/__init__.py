"""The nodes of the graph, one module each; ``python -m cil_nodes.nodes.learner`` runs one."""

from cil_nodes.ros import presence

presence.require()  # one sentence in place of whatever import happens to come first
