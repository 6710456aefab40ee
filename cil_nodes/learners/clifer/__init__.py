"""CLIFER: memories, their answers, imagination; in the order in which a phase needs them."""

from cil_nodes.learners.clifer.estimator import Clifer

__all__ = ["Clifer"]
