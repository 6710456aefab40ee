"""Imagination in pictures: faces of a person with expressions that person never showed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from cil_nodes.learners.clifer.caae import Caae
from cil_nodes.learners.clifer.caae_training import scaled
from cil_nodes.learners.networks import running

_AT_ONCE = 64


class FaceImagination:
    """Encoder and generator of a trained CAAE, as the memories use them.

    Parameters
    ----------
    caae : Caae
    threads : int
        That torch may use.
    """

    def __init__(self, caae: Caae, threads: int = 1) -> None:
        self.caae, self._threads = caae.eval(), threads
        self._device = next(caae.parameters()).device

    @property
    def classes(self) -> int:
        """Expressions it can imagine."""
        return self.caae.shape.classes

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        """Return z (n, 50) of pictures (n, s, s, 3), uint8."""
        return self._in_parts(pictures, lambda p: self.caae.encoder(scaled(p, self._device)))

    def decode(self, z: np.ndarray, labels: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return pictures (n, s, s, 3), uint8, of z (n, 50) with labels (n,)."""
        names = np.asarray(labels, np.int64)
        both = np.concatenate([np.asarray(z, np.float32), names[:, None]], axis=1)
        made = self._in_parts(both.astype(np.float32), self._made)
        return np.clip((made + 1.0) * 127.5 + 0.5, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)

    def _made(self, rows: np.ndarray) -> torch.Tensor:
        rows_ = torch.from_numpy(rows).to(self._device)
        return self.caae.generator(rows_[:, :-1], rows_[:, -1].long())

    def _in_parts(self, rows: np.ndarray, compute) -> np.ndarray:  # type: ignore[no-untyped-def]
        with torch.no_grad(), running.threads(self._threads):
            parts = [compute(rows[i : i + _AT_ONCE]) for i in range(0, len(rows), _AT_ONCE)]
        return torch.cat(parts).cpu().numpy()

    def __call__(self, z: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray]:
        """Imagine every expression from winners' weights (Algorithm 1, steps 16 and 17).

        Parameters
        ----------
        z : (n, 50) array
            Weights of winners, all of one class.
        label : int
            That class.

        Returns
        -------
        rows : (n (l + 1), 50) array
            For each source its imagined faces, encoded again, and the source itself.
        labels : (n (l + 1),) int array
            The expression asked for; the source's own at last.
        """
        count = self.classes
        names = np.tile(np.arange(count), len(z))
        again = self.encode(self.decode(np.repeat(z, count, axis=0), names))
        rows = np.concatenate([again.reshape(len(z), count, -1), z[:, None]], axis=1)
        labels = np.concatenate([names.reshape(len(z), count), np.full((len(z), 1), label)], axis=1)
        return rows.reshape(-1, z.shape[1]), labels.ravel()
