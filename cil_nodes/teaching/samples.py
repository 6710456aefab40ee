"""One sample: a feature vector with all that is needed to learn from it again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cil_nodes.teaching.errors import BadFeatures, WrongEncoder

MAX_DIMENSION = 4096
"""Longest feature vector that a message can carry."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One embedding of one image region, as ``Sample.msg`` carries it.

    Attributes
    ----------
    sample_id : str
        Made by the extractor, once for each embedding; at most 64 bytes.
    stamp_ns : int
        Exposure time of the image in nanoseconds.
    frame_id : str
        Optical frame of the camera.
    roi : tuple of int
        x, y, width, height in pixels; all zeros is the whole image.
    encoder_id : str
        ``<name>@<12 hex digits>`` of the encoder that made the features.
    features : numpy.ndarray
        (d,) float32, finite, as published: each learner scales for itself.
    label : str
        Empty while not labelled.
    picture : bytes
        JPEG of the region; empty when pictures are not kept.
    """

    sample_id: str
    stamp_ns: int
    frame_id: str
    roi: tuple[int, int, int, int]
    encoder_id: str
    features: np.ndarray
    label: str = ""
    picture: bytes = b""


@dataclass(frozen=True)
class FeatureSpace:
    """What a session's vectors have in common; fixed by its first sample."""

    encoder_id: str
    dimension: int

    def check(self, sample: Sample) -> None:
        """Refuse a sample of another encoder or length.

        Raises
        ------
        WrongEncoder, BadFeatures
            With what was expected and what came.
        """
        if sample.encoder_id != self.encoder_id:
            raise WrongEncoder(
                f"Sample {sample.sample_id!r} comes from encoder {sample.encoder_id!r}, but "
                f"everything here was taught with {self.encoder_id!r}. Start the extractor with "
                "that encoder, or begin a new session in an empty folder."
            )
        if len(sample.features) != self.dimension:
            raise BadFeatures(
                f"Sample {sample.sample_id!r} has {len(sample.features)} features; encoder "
                f"{self.encoder_id!r} gives {self.dimension}."
            )


def check_features(sample: Sample) -> None:
    """Refuse a vector that no learner could use.

    Raises
    ------
    BadFeatures
        If it is not one-dimensional, empty, too long, or holds NaN or infinity.
    """
    features = np.asarray(sample.features)
    if features.ndim != 1 or not 0 < features.size <= MAX_DIMENSION:
        raise BadFeatures(
            f"Sample {sample.sample_id!r} has features of shape {features.shape}; expected one "
            f"vector of 1 to {MAX_DIMENSION} numbers."
        )
    finite = np.isfinite(features)
    if not finite.all():
        raise BadFeatures(
            f"Sample {sample.sample_id!r} has {int((~finite).sum())} features that are NaN or "
            "infinite; look at the extractor's model and its input."
        )


def check_sample(sample: Sample) -> None:
    """Refuse a sample that cannot be kept, whatever the session.

    Raises
    ------
    BadFeatures
        For an unusable vector or a missing or overlong ``sample_id``.
    WrongEncoder
        If it names no encoder.
    """
    if not 0 < len(sample.sample_id.encode()) <= 64:
        raise BadFeatures(
            f"The sample_id {sample.sample_id[:20]!r} must be 1 to 64 bytes; it is the handle by "
            "which the sample is found again."
        )
    if not sample.encoder_id:
        raise WrongEncoder(
            f"Sample {sample.sample_id!r} names no encoder; without it nobody can tell "
            "which vectors belong together."
        )
    check_features(sample)
