"""Peers: simple, strong methods on the same features, under the same contract as the learners.

They are what a figure is measured against, and open to users as learners too: the registry knows
each by its ``method``. docs/peers.md has a table of them.
"""

from cil_nodes.evaluation.peers.anacp import AnaCP
from cil_nodes.evaluation.peers.fecam import FeCAM
from cil_nodes.evaluation.peers.fetril import FeTrIL
from cil_nodes.evaluation.peers.joint_ridge import JointRidge
from cil_nodes.evaluation.peers.kernel_lda import KernelLDA
from cil_nodes.evaluation.peers.nearest_class_mean import NearestClassMean
from cil_nodes.evaluation.peers.random_feature_ridge import RandomFeatureRidge
from cil_nodes.evaluation.peers.recursive_ridge import RecursiveRidge
from cil_nodes.evaluation.peers.streaming_lda import StreamingLDA
from cil_nodes.evaluation.peers.trained_heads import ExemplarReplay, FineTunedHead

__all__ = [
    "AnaCP",
    "ExemplarReplay",
    "FeCAM",
    "FeTrIL",
    "FineTunedHead",
    "JointRidge",
    "KernelLDA",
    "NearestClassMean",
    "RandomFeatureRidge",
    "RecursiveRidge",
    "StreamingLDA",
]
