"""Frozen backbones on ONNX Runtime: pictures in, feature vectors out.

>>> from cil_nodes.encoders import open_encoder
>>> encoder = open_encoder()                      # EfficientNet-Lite0, made once and cached
>>> encoder.encode([image]).shape                 # doctest: +SKIP
(1, 1280)
"""

from cil_nodes.encoders.cache import cache_folder
from cil_nodes.encoders.catalogue import available
from cil_nodes.encoders.errors import (
    EncoderError,
    ImageError,
    MissingPackageError,
    ModelFormatError,
    PreprocessingError,
    ProviderError,
    UnknownModelError,
    WeightsError,
)
from cil_nodes.encoders.features import cached_features, features_path
from cil_nodes.encoders.onnx_encoder import Encoder
from cil_nodes.encoders.opening import DEFAULT_MODEL, open_encoder
from cil_nodes.encoders.preprocess import Preprocessing

__all__ = [
    "DEFAULT_MODEL",
    "Encoder",
    "EncoderError",
    "ImageError",
    "MissingPackageError",
    "ModelFormatError",
    "Preprocessing",
    "PreprocessingError",
    "ProviderError",
    "UnknownModelError",
    "WeightsError",
    "available",
    "cache_folder",
    "cached_features",
    "features_path",
    "open_encoder",
]
