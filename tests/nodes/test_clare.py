"""ClaRe in the learner node, over real DDS: its parameters are the node's, and it is taught."""

import pytest

from cil_nodes.nodes.learner import Learner
from tests.nodes.canned import feature
from tests.nodes.test_learner import Talk
from tests.ros_support import NodeThread, RosProbe

pytest.importorskip("torch", reason="clare learns with torch, which is not installed")


def test_two_things_are_taught_and_named(probe: RosProbe, tmp_path):
    flags = ("-p", f"folder:={tmp_path}", "-p", "method:=clare", "-p", "clare.iterations:='60'")
    with NodeThread(Learner, *flags) as node:
        assert node.get_parameter("clare.generator").value == "each"
        talk = Talk(probe)
        assert talk.teach("mug").version == 1
        assert talk.teach("duck").version == 2
        for thing in ("mug", "duck"):
            assert talk.ask(feature(thing, 99)).top_k[0].label == thing
