"""INNAMP: one small network a class, and a monitor that says "I don't know"."""

from cil_nodes.learners.innamp.estimator import Innamp

__all__ = ["Innamp"]
