"""What can go wrong with an encoder, each with words a person can act on."""

from __future__ import annotations


class EncoderError(Exception):
    """Base of every error of this package."""


class UnknownModelError(EncoderError, ValueError):
    """The name is neither in the catalogue nor a file that exists."""


class MissingPackageError(EncoderError, ImportError):
    """A package that is needed once, or for a choice just made, is not installed."""


class WeightsError(EncoderError, ValueError):
    """A file of weights is not the one that the catalogue knows, or cannot be read."""


class ModelFormatError(EncoderError, ValueError):
    """An ONNX file whose inputs or outputs do not fit an encoder."""


class PreprocessingError(EncoderError, ValueError):
    """A sidecar file that describes the preprocessing is wrong."""


class ProviderError(EncoderError, RuntimeError):
    """The execution provider that was asked for is not there, or does not start."""


class ImageError(EncoderError, ValueError):
    """A picture that an encoder cannot take."""
