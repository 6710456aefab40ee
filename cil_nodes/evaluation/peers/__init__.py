"""Peers: simple, strong methods on the same features, under the same contract as the learners.

They are what a figure is measured against, not meant for a robot: JointRidge keeps every sample.
"""

from cil_nodes.evaluation.peers.joint_ridge import JointRidge
from cil_nodes.evaluation.peers.nearest_class_mean import NearestClassMean

__all__ = ["JointRidge", "NearestClassMean"]
