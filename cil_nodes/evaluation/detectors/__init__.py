"""Detectors of unknowns, to measure a learner's own unknown score against.

Each is fitted on known samples' features, classes and a closed classifier's logits, and scores
anything: larger is more unknown. ``DETECTORS`` names them.
"""

from cil_nodes.evaluation.detectors.detector import Detector
from cil_nodes.evaluation.detectors.distances import KNearest, Mahalanobis, RelativeMahalanobis
from cil_nodes.evaluation.detectors.logit_scores import Energy, MaxSoftmax
from cil_nodes.evaluation.detectors.openmax import OpenMax
from cil_nodes.evaluation.detectors.virtual_logit import VirtualLogit

DETECTORS: dict[str, type[Detector]] = {
    "max_softmax": MaxSoftmax,
    "energy": Energy,
    "knn": KNearest,
    "mahalanobis": Mahalanobis,
    "relative_mahalanobis": RelativeMahalanobis,
    "vim": VirtualLogit,
    "openmax": OpenMax,
}
"""All detectors by name; each is made without arguments."""

__all__ = [
    "DETECTORS",
    "Detector",
    "Energy",
    "KNearest",
    "Mahalanobis",
    "MaxSoftmax",
    "OpenMax",
    "RelativeMahalanobis",
    "VirtualLogit",
]
