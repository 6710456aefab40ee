"""Detectors that look at the classifier's logits alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from cil_nodes.evaluation.detectors.detector import Detector


class MaxSoftmax(Detector):
    """Maximum softmax probability: ``-max_c softmax(z)_c``.

    Hendrycks and Gimpel, A Baseline for Detecting Misclassified and Out-of-Distribution Examples
    in Neural Networks, ICLR 2017, section 2. It assumes logits trained by cross-entropy; outputs
    of a regression are not, so give them at a temperature.
    """

    def _fit(
        self, X: NDArray[np.floating], y: NDArray[np.int64], logits: NDArray[np.floating]
    ) -> None:
        """Nothing to learn."""

    def _score(self, X: NDArray[np.floating], logits: NDArray[np.floating]) -> NDArray[np.floating]:
        return -softmax(logits, axis=1).max(axis=1)


class Energy(Detector):
    """Free energy: ``-T log sum_c exp(z_c / T)``.

    Liu et al., Energy-based Out-of-distribution Detection, NeurIPS 2020, Eq. 4; T = 1 there.

    Parameters
    ----------
    temperature : float
        T, above 0.
    """

    def __init__(self, temperature: float = 1.0) -> None:
        self.temperature = temperature

    def _fit(
        self, X: NDArray[np.floating], y: NDArray[np.int64], logits: NDArray[np.floating]
    ) -> None:
        """Nothing to learn."""

    def _score(self, X: NDArray[np.floating], logits: NDArray[np.floating]) -> NDArray[np.floating]:
        return -self.temperature * logsumexp(logits / self.temperature, axis=1)
