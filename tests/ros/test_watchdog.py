"""What is said when images stay away, to the word."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cil_nodes.ros.watchdog import ImageGraph, ImageWatchdog

TOPIC = "/cil/image"
NOBODY = ImageGraph()
SENDER = ImageGraph(publishers=1)
ONE = ImageGraph(others=("/usb_cam/image_raw",))
TWO = ImageGraph(others=("/usb_cam/image_raw", "/depth"))


def watch() -> ImageWatchdog:
    dog = ImageWatchdog(timeout=5.0, again=30.0)
    dog.start(0.0)
    return dog


def test_silence_names_the_topics_that_exist_and_how_to_remap() -> None:
    dog = watch()
    assert dog.check(4.9, TOPIC, ONE) is None
    assert dog.check(5.0, TOPIC, TWO) == (
        "No image on /cil/image for 5 s. Nobody publishes there; these image topics exist: "
        "/usb_cam/image_raw, /depth. Remap one: -r image:=/usb_cam/image_raw"
    )


def test_it_is_said_again_only_after_a_while() -> None:
    dog = watch()
    assert dog.check(5.0, TOPIC, NOBODY)
    assert dog.check(20.0, TOPIC, NOBODY) is None
    assert dog.check(35.0, TOPIC, NOBODY)
    assert "/usb_cam/image_raw" in (dog.check(36.0, TOPIC, ONE) or "")


def test_nobody_at_all_points_to_the_domain() -> None:
    assert "ROS_DOMAIN_ID" in (watch().check(6.0, TOPIC, NOBODY) or "")


def test_images_that_come_keep_it_quiet() -> None:
    dog = watch()
    for second in range(20):
        dog.image(float(second), 230_400)
        assert dog.check(second + 0.5, TOPIC, SENDER) is None


def test_a_camera_that_sends_but_is_not_heard_points_to_the_transport_file() -> None:
    dog = watch()
    for step in range(60):
        dog.announcement(step / 10, 921_600)
    text = dog.check(6.0, TOPIC, SENDER) or ""
    assert "camera_info arrives" in text
    assert "config/fastdds.xml" in text


def test_lost_large_images_are_counted_and_the_file_is_named() -> None:
    dog = watch()
    for step in range(50):
        dog.announcement(step / 10)
        if step % 2:
            dog.image(step / 10, 921_600)
    text = dog.check(5.0, TOPIC, SENDER) or ""
    assert text.startswith("Only 25 of 50 images on /cil/image arrived in the last 5 s.")
    assert "config/fastdds.xml" in text


def test_small_losses_are_no_news_and_small_images_no_matter_of_the_segment() -> None:
    dog = watch()
    for step in range(50):
        dog.announcement(step / 10)
        if step % 25:
            dog.image(step / 10, 1000)
    assert dog.check(5.0, TOPIC, SENDER) is None
    for step in range(50, 100):
        dog.announcement(step / 10)
        if step % 5 == 0:
            dog.image(step / 10, 1000)
    assert "too busy" in (dog.check(10.0, TOPIC, SENDER) or "")


def test_a_driver_from_which_nothing_comes_is_told_once() -> None:
    dog = watch()
    text = dog.check(5.0, TOPIC, SENDER) or ""
    assert "It has 1 publisher(s), from which nothing arrives" in text
    assert dog.check(6.0, TOPIC, ImageGraph(1, others=("/depth",))) is None, "no news for us"


def test_a_camera_that_sends_on_request_owes_no_images() -> None:
    dog = watch()
    assert dog.check(60.0, TOPIC, ImageGraph(1, on_request=True)) is None
    for step in range(60):
        dog.announcement(60 + step / 10)
    assert dog.check(66.0, TOPIC, ImageGraph(1, on_request=True)), "announced is promised"


def test_a_compressed_topic_is_remapped_as_one() -> None:
    only = ImageGraph(others=("/cam/compressed",), compressed=frozenset({"/cam/compressed"}))
    assert "-r image/compressed:=/cam/compressed" in (watch().check(6.0, TOPIC, only) or "")


def test_a_sender_whose_node_has_not_been_discovered_yet_is_no_failure():
    rclpy = pytest.importorskip("rclpy", reason="ROS 2 is not installed: rclpy is missing")
    from cil_nodes.ros.watchdog import _sends_on_request

    context = rclpy.Context()
    context.init(args=[])
    node = rclpy.create_node("looking", context=context)
    unknown = SimpleNamespace(
        node_name="_NODE_NAME_UNKNOWN_", node_namespace="_NODE_NAMESPACE_UNKNOWN_"
    )
    try:
        assert _sends_on_request(node, unknown) is False
    finally:
        node.destroy_node()
        context.try_shutdown()
