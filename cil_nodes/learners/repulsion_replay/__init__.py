"""Brain-inspired replay whose replayed features repel those of competing classes (RR+RA)."""

from cil_nodes.learners.repulsion_replay.estimator import RepulsionReplay

__all__ = ["RepulsionReplay"]
