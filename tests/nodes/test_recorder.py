"""The recorder's bag, read back by two readers that know nothing of us."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cil_msgs.msg import FeatureVector, GroundTruth, LearnerState
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from cil_nodes.nodes.recorder import Recorder
from cil_nodes.ros import qos
from cil_nodes.ros.bag_writer import BagWriter, message_types, next_free, offered_qos
from cil_nodes.ros.conversions import make_header, rgb_to_image
from cil_nodes.ros.pictures import read_jpeg
from tests.nodes.canned import feature
from tests.ros_support import NodeProcess, NodeThread, RosProbe

pytest.importorskip("mcap_ros2", reason="mcap-ros2-support is not installed")
rosbags = pytest.importorskip("rosbags.highlevel", reason="rosbags is not installed")


def read(bag: Path) -> dict[str, list[Any]]:
    """Messages by topic, decoded by the definitions that lie in the bag."""
    found: dict[str, list[Any]] = {}
    with rosbags.AnyReader([bag]) as reader:
        for connection, _, raw in reader.messages():
            message = reader.deserialize(raw, connection.msgtype)
            found.setdefault(connection.topic, []).append(message)
    return found


def speak(probe: RosProbe) -> list[FeatureVector]:
    """Send a little of everything; returns the features."""
    truths = probe.publisher(GroundTruth, "ground_truth")
    states = probe.publisher(LearnerState, "state", qos.STATE)
    sent = probe.publisher(FeatureVector, "features")
    states.publish(LearnerState(method="oracil", version=3))
    messages = [feature("mug", seed) for seed in range(5)]
    for message in messages:
        truths.publish(GroundTruth(header=message.header, label="mug"))
        sent.publish(message)
    return messages


def show_until(probe: RosProbe, done: Callable[[], bool], what: str) -> None:
    """Send images (best effort: some may get lost) until ``done``."""
    images = probe.publisher(Image, "image", qos.IMAGE)
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, 32:] = (250, 20, 20)

    def again() -> bool:
        images.publish(rgb_to_image(pixels, make_header(7, "camera")))
        return done()

    probe.wait(again, what)


def check(bag: Path, sent: list[FeatureVector]) -> None:
    found = read(bag)
    assert [m.sample_id for m in found["/cil/features"]] == [m.sample_id for m in sent]
    np.testing.assert_array_equal(found["/cil/features"][0].data, np.array(sent[0].data))
    assert found["/cil/ground_truth"][0].header.stamp.nanosec == sent[0].header.stamp.nanosec
    assert [m.label for m in found["/cil/ground_truth"]] == ["mug"] * len(sent)
    assert found["/cil/state"][0].version == 3
    [picture, *_] = found["/cil/image/compressed"]
    pixels = read_jpeg(bytes(picture.data))
    assert pixels is not None
    assert pixels.shape == (48, 64, 3)
    assert pixels[10, 50, 0] > 200 > pixels[10, 50, 2]  # red, not blue
    assert "/cil/image" not in found


def test_a_process_that_is_told_to_end_leaves_a_whole_bag(probe: RosProbe, tmp_path: Path):
    bag = tmp_path / "bag"
    with NodeProcess("cil_nodes.nodes.recorder", "-p", f"folder:={bag}") as recorder:
        recorder.expect_output("active")
        sent = speak(probe)
        assert recorder.stop() == 0, recorder.output
    found = read(bag)
    ids = [m.sample_id for m in found.get("/cil/features", [])]
    assert ids == [m.sample_id for m in sent][: len(ids)]
    from mcap.reader import make_reader
    from mcap_ros2.decoder import DecoderFactory

    with (bag / "bag.mcap").open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        topics = {channel.topic for _, channel, _, _ in reader.iter_decoded_messages()}
        summary = reader.get_summary()
        assert summary is not None
        assert {c.topic for c in summary.channels.values()} >= topics | {"/cil/image/compressed"}


def test_each_activation_is_a_bag_of_its_own(probe: RosProbe, tmp_path: Path):
    with NodeThread(Recorder, "-p", f"folder:={tmp_path / 'bag'}") as node:
        probe.wait(lambda: node._bag is not None, "the first bag")
        sent = speak(probe)
        small = 2 * len(sent) + 1
        show_until(probe, lambda: node._bag.written > small, "all messages and an image")
        assert probe.change_state("recorder", "deactivate")
        check(tmp_path / "bag", sent)
        assert probe.change_state("recorder", "activate")
        probe.wait(lambda: (tmp_path / "bag_2").exists(), "the second bag")


def test_nothing_is_overwritten(tmp_path: Path):
    (tmp_path / "bag").mkdir()
    (tmp_path / "bag_2").mkdir()
    assert next_free(tmp_path / "bag") == tmp_path / "bag_3"


def test_a_folder_that_cannot_be_made_is_named_with_the_remedy(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"Cannot make the bag .*file/bag: .*record:=FOLDER"):
        BagWriter(tmp_path / "file" / "bag")


def test_type_hashes_are_those_of_the_installed_messages():
    types = message_types()
    for kind in (FeatureVector, GroundTruth, LearnerState):
        info = kind.__module__  # the same texts made both
        assert types.hash_rihs01(f"cil_msgs/msg/{kind.__name__}").startswith("RIHS01_"), info


def test_a_full_disk_is_told_once_and_does_not_raise(tmp_path: Path):
    told: list[str] = []
    bag = BagWriter(tmp_path / "bag", on_error=told.append)
    bag.add_topic("/t", "cil_msgs/msg/GroundTruth", offered_qos())
    bag.start()

    def full() -> bytes:
        raise OSError(28, "No space left on device")

    data = bytes(serialize_message(GroundTruth(header=make_header(1, "camera"), label="mug")))
    bag.put("/t", 1, data)
    bag.put("/t", 2, full)
    bag.put("/t", 3, data)
    bag.close()
    assert len(told) == 1
    assert "No space left on device" in told[0]
    assert "folder" in told[0]
    assert len(read(tmp_path / "bag")["/t"]) == 1
