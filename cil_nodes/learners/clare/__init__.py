"""ClaRe: a classifier that remembers its classes by generating them (Eq. 1 and 2)."""

from cil_nodes.learners.clare.estimator import Clare

__all__ = ["Clare"]
