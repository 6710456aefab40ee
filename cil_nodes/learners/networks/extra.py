"""torch is an extra: who needs it asks here, and learns how to get it."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType


class MissingTorchError(ImportError):
    """A method that trains networks was asked to learn, and torch is not installed."""


def load_torch(method: str) -> ModuleType:
    """Import torch for a method, only when it learns.

    Parameters
    ----------
    method : str
        Who asks, for the message.

    Raises
    ------
    MissingTorchError
        With the remedy, where torch cannot be imported.
    """
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise MissingTorchError(_missing(method)) from error


def refuse_without_torch(method: str) -> None:
    """Raise `MissingTorchError` where torch is not installed; it is not loaded."""
    if importlib.util.find_spec("torch") is None:
        raise MissingTorchError(_missing(method))


def _missing(method: str) -> str:
    return (
        f"The method {method} trains networks with torch, which is not installed here. "
        "Install it: in a clone by ./cil setup, elsewhere by pip install 'cil-nodes[torch]' "
        "(for the CPU alone, from PyTorch's own index: pip install torch --index-url "
        "https://download.pytorch.org/whl/cpu)."
    )
