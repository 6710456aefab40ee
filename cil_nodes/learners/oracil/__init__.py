"""ORACIL, in the order of the paper: features, grouping, heads, router, fusion, unknowns."""

from cil_nodes.learners.oracil.estimator import Oracil

__all__ = ["Oracil"]
