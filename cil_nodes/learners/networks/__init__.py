"""What the learners that train networks share.

torch trains, NumPy answers: a model is plain arrays, so that a node which only answers never loads
torch, and a file needs no class of it.
"""

from cil_nodes.learners.networks.extra import MissingTorchError, load_torch

__all__ = ["MissingTorchError", "load_torch"]
