"""Frozen convolutions, trained on CIFAR-10, whose outputs are the internal features of replay.

Brain-inspired replay (van de Ven, Siegelmann, Tolias, Nature Communications 2020) replays what
convolutions that were trained on another data set make of a picture, not the picture itself. The
weights here are our own; ``python -m cil_nodes.evaluation.convolutions`` trained them, and
``weights.json`` beside them says from what and how.
"""

from cil_nodes.evaluation.convolutions.internal import internal_features

__all__ = ["internal_features"]
