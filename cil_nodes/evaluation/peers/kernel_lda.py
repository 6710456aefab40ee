"""Kernel linear discriminant analysis by random Fourier features (KLDA)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cil_nodes.evaluation.peers.random_features import fourier_features
from cil_nodes.evaluation.peers.streaming_lda import DiscriminantPeer
from cil_nodes.learners.oracil.sums import ClassSums


class KernelLDA(DiscriminantPeer):
    """KLDA: LDA on random Fourier features of an RBF kernel.

    Momeni, Mazumder and Liu, Continual Learning Using a Kernel-Based Method Over Foundation
    Models, AAAI 2025, section 4: D = 5,000 features, class means and one covariance shared by
    all classes, ``(S + r I)^-1`` with S the within-class scatter. The authors set gamma by
    backbone (1e-4 for DINOv2, 1e-2 for MoCo v3) and r to 1e-3 or 1e-4.

    Parameters
    ----------
    width : int in [1, 65536]
        D, the number of random features.
    gamma : float or "auto"
        Of the kernel ``exp(-gamma |x - x'|^2)``. "auto" is 0.05 over the mean squared length of
        the first phase's features (from a validation split of CIFAR-100), and stays from then on.
    ridge : float in [1e-12, 1e12]
        r, added to the scatter's diagonal.
    random_state : int
        Draws the random features.
    """

    method: ClassVar[str] = "klda"

    def __init__(
        self,
        width: int = 5000,
        gamma: float | str = "auto",
        ridge: float = 1e-3,
        random_state: Any = 0,
    ) -> None:
        self.width = width
        self.gamma = gamma
        self.ridge = ridge
        self.random_state = random_state

    def _scale(self, X: np.ndarray) -> float:
        if self.gamma != "auto":
            return float(self.gamma)
        return 0.05 / max(float(np.einsum("nd,nd->n", X, X).mean()), 1e-12)

    def _mapped(self, X: np.ndarray, seed: int, scale: float) -> NDArray[np.floating]:
        return fourier_features(X, seed, self.width, scale)

    def _covariance(self, sums: ClassSums) -> NDArray[np.float64]:
        covariance = sums.scatter / sums.samples
        covariance[np.diag_indices_from(covariance)] += self.ridge / sums.samples
        return covariance
