"""The extractor node: images in, feature vectors out."""

from __future__ import annotations

import dataclasses
import secrets
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from cil_msgs.msg import FeatureVector, Regions
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from cil_nodes.ros import qos
from cil_nodes.ros.conversions import (
    WHOLE,
    Rgb,
    Roi,
    compressed_to_rgb,
    crop,
    feature_message,
    image_to_rgb,
    roi_tuple,
    stamp_ns,
)
from cil_nodes.ros.lifecycle import SHUTDOWN_ERRORS, BaseParameters, CilNode
from cil_nodes.ros.main import run
from cil_nodes.ros.parameters import parameter
from cil_nodes.ros.raw_image import read_image
from cil_nodes.ros.stamps import StampWatch, back_message
from cil_nodes.ros.topic_watch import watch_topics
from cil_nodes.ros.troubles import BadInputError
from cil_nodes.ros.watchdog import ImageWatchdog, image_graph
from cil_nodes.ros.work_queue import FirstTransport, NewestQueue, RegionMatcher


class ExtractorParameters(BaseParameters):
    """Parameters of the extractor node."""

    model: str = parameter(
        "efficientnet_lite0",
        "Encoder by its name in the catalogue, or the path of any .onnx file.",
        read_only=True,
    )
    providers: str = parameter(
        "auto",
        "Where ONNX Runtime computes: auto (CUDA where there is one, else CPU), cpu, cuda or "
        "tensorrt, whose first start builds engines for minutes.",
        read_only=True,
    )
    threads: int = parameter(
        2,
        "Threads of one inference, never more than there are processors; 0 leaves it to ONNX "
        "Runtime.",
        read_only=True,
        low=0,
        high=256,
    )
    pinned: bool = parameter(
        True,
        "Whether threads stay on processors of their own: the scheduler likes to wake them where "
        "the first one runs, and two then take longer than one.",
        read_only=True,
    )
    spinning: bool = parameter(
        False,
        "Whether these threads wait busily: with two or more faster, but they take whole cores.",
        read_only=True,
    )
    batch_size: int = parameter(
        8, "The most images embedded at once when several wait.", low=1, high=256
    )
    queue_size: int = parameter(
        4, "Images that may wait; when more come the oldest is dropped.", low=1, high=1000
    )
    transport: Literal["auto", "raw", "compressed"] = parameter(
        "auto",
        "Which image topic to take: image, image/compressed or, with auto, both, each image once.",
        read_only=True,
    )
    regions_wait: float = parameter(
        0.2,
        "How long an image waits for its regions, where somebody publishes regions.",
        unit="s",
        low=0.0,
        high=10.0,
    )
    no_image_timeout: float = parameter(
        5.0,
        "Silence on the image topic before a warning that names what is there; 0 for none.",
        unit="s",
        read_only=True,
        low=0.0,
        high=3600.0,
    )


@dataclass(frozen=True)
class Job:
    """One image to embed: its header, how to get its pixels, its regions and its topic."""

    header: Header
    pixels: Callable[[], Rgb]
    rois: Sequence[Roi]
    came: float
    topic: str = "image"


class Extractor(CilNode[ExtractorParameters]):
    """Publishes one ``features`` message for each region, or for the whole image.

    Parameters
    ----------
    direct : bool
        Take frames by :meth:`take_frame` only, from a camera in this process.
    """

    Parameters = ExtractorParameters

    def __init__(self, *, direct: bool = False, **options: Any) -> None:
        super().__init__("extractor", **options)
        self._direct = direct
        self._run_id = secrets.token_hex(4)
        self._count = 0
        self._encoder: Any = None
        self._queue: NewestQueue[Job] = NewestQueue(self.parameters.queue_size)
        self._worker: threading.Thread | None = None
        self._matcher = RegionMatcher(self.parameters.regions_wait)
        self._transports = FirstTransport()
        self._watchdog = ImageWatchdog(self.parameters.no_image_timeout)
        self._stamps = StampWatch()

    # -- lifecycle -----------------------------------------------------------------------------

    def configure(self) -> None:
        """Load the encoder and make the handles."""
        from cil_nodes.encoders import open_encoder

        settings = self.parameters
        self._encoder = open_encoder(
            settings.model,
            providers=settings.providers,
            threads=settings.threads,
            spinning=settings.spinning,
            pinned=settings.pinned,
            batch=settings.batch_size,
        )
        self.get_logger().info(str(self._encoder))
        self._features = self.make_publisher(FeatureVector, "features")
        self._diagnostics.count("images", "features")
        self._diagnostics.measure("arrival", "read", "encode", "latency")
        self._diagnostics.facts["encoder_id"] = self._encoder.encoder_id
        self.make_subscription(Regions, "regions", self._on_regions)
        self.make_timer(0.1, self._expire)
        if not self._direct:
            self._subscribe_images()

    def activate(self) -> None:
        """Start the thread that embeds."""
        self._queue = NewestQueue(self.parameters.queue_size)
        self._matcher.clear()
        self._watchdog.start(time.monotonic())
        self._worker = threading.Thread(target=self._work, name="encode", daemon=True)
        self._worker.start()

    def deactivate(self) -> None:
        """Stop that thread; what waits is thrown away."""
        self._queue.close()
        if self._worker is not None:
            self._worker.join(30)
            self._worker = None

    def cleanup(self) -> None:
        """Free the encoder."""
        self._encoder = None

    def parameters_changed(self, changed: dict[str, Any]) -> None:
        """Follow queue size and patience."""
        self._queue.size = self.parameters.queue_size
        self._matcher.patience = self.parameters.regions_wait

    # -- in ------------------------------------------------------------------------------------

    def take_frame(self, header: Header, pixels: Rgb) -> None:
        """Take a frame by reference, from a camera in this process; any thread."""
        if self.is_active:
            self._accept(header, lambda: pixels)

    def _subscribe_images(self) -> None:
        if self.parameters.transport != "compressed":
            self.make_subscription(Image, "image", self._on_image, qos.IMAGE, raw=True)
        if self.parameters.transport != "raw":
            kind, topic = CompressedImage, "image/compressed"
            self.make_subscription(kind, topic, self._on_compressed, qos.IMAGE)
        mixed = "Their images are mixed up into one stream."
        watch_topics(
            self,
            [
                ("image", Image, mixed),
                ("image/compressed", CompressedImage, mixed),
                ("regions", Regions, ""),
            ],
        )
        if self.parameters.no_image_timeout > 0:
            self.make_subscription(CameraInfo, "camera_info", self._on_info, qos.IMAGE)
            self.make_timer(1.0, self._watch)

    def _on_image(self, raw: bytes) -> None:
        message = read_image(raw)
        self._watchdog.image(time.monotonic(), len(message.data))
        if self._transports.first(_key(message.header), "raw"):
            self._accept(message.header, lambda: image_to_rgb(message))

    def _on_compressed(self, message: CompressedImage) -> None:
        self._watchdog.image(time.monotonic(), len(message.data))
        if self._transports.first(_key(message.header), "compressed"):
            self._accept(message.header, lambda: compressed_to_rgb(message), "image/compressed")

    def _on_info(self, message: CameraInfo) -> None:
        self._watchdog.announcement(time.monotonic(), message.width * message.height * 3)

    def _on_regions(self, message: Regions) -> None:
        rois = [roi_tuple(roi) for roi in message.rois]
        self._queue_pair(self._matcher.regions(_key(message.header), rois))

    def _accept(self, header: Header, pixels: Callable[[], Rgb], topic: str = "image") -> None:
        self._diagnostics.counts["images"] += 1
        age = self.get_clock().now().nanoseconds - stamp_ns(header)
        self._diagnostics.latency["arrival"].add(age * 1e-9)
        if back := self._stamps.went_back(stamp_ns(header)):
            topic = self.resolve_topic_name("image")
            self.troubles.tell(
                "stamps", back_message(topic, back, "images are taken as they come.")
            )
        job = Job(header, pixels, (WHOLE,), time.monotonic(), topic)
        if self.count_publishers(self.resolve_topic_name("regions")):
            self._queue_pair(self._matcher.image(_key(header), job, job.came))
        else:
            self._queue.put(job)

    def _queue_pair(self, pair: tuple[Job, Sequence[Roi]] | None) -> None:
        if pair is not None:
            job, rois = pair
            self._queue.put(dataclasses.replace(job, rois=tuple(rois)))

    # -- out -----------------------------------------------------------------------------------

    def _work(self) -> None:
        """Embed what waits until the queue is closed; the encoding thread."""
        self._encoder.enter_thread()
        while jobs := self._queue.take(self.parameters.batch_size):
            try:
                self._embed(jobs)
            except SHUTDOWN_ERRORS:
                return
            except Exception:
                self._diagnostics.counts["failed"] += len(jobs)
                self._log_seldom("encoding")

    def _embed(self, jobs: Sequence[Job]) -> None:
        parts: list[tuple[Job, Roi, Rgb]] = []
        for job in jobs:
            parts += self._cut(job)
        if not parts:
            return
        start = time.monotonic()
        self._diagnostics.latency["read"].add(start - jobs[0].came)
        pictures = [pixels for _, _, pixels in parts]
        vectors = self._encoder.encode(pictures, [roi == WHOLE for _, roi, _ in parts])
        end = time.monotonic()
        self._diagnostics.latency["encode"].add((end - start) / len(parts))
        for (job, roi, _), vector in zip(parts, vectors, strict=True):
            self._send(job, roi, vector)
            self._diagnostics.latency["latency"].add(time.monotonic() - job.came)

    def _cut(self, job: Job) -> list[tuple[Job, Roi, Rgb]]:
        """Cut the regions out of an image; what cannot be used is told and counted."""
        parts: list[tuple[Job, Roi, Rgb]] = []
        try:
            pixels = job.pixels()
        except BadInputError as error:
            self._refuse(job.topic, error)
            return parts
        for roi in job.rois:
            try:
                parts.append((job, roi, crop(pixels, roi)))
            except BadInputError as error:
                self._refuse("regions", error)
        return parts

    def _refuse(self, topic: str, error: BadInputError) -> None:
        self._diagnostics.counts["failed"] += 1
        self.troubles.tell(
            f"bad {topic}", f"Refused from {self.resolve_topic_name(topic)}: {error}"
        )

    def _send(self, job: Job, roi: Roi, vector: NDArray[np.float32]) -> None:
        self._count += 1
        sample_id = f"{self._run_id}-{self._count}"
        encoder_id = self._encoder.encoder_id
        self._features.publish(feature_message(job.header, sample_id, roi, encoder_id, vector))
        self._diagnostics.counts["features"] += 1

    # -- watching ------------------------------------------------------------------------------

    def _expire(self) -> None:
        if gone := self._matcher.expire(time.monotonic()):
            self.get_logger().warning(
                f"{gone} image(s) got no regions within {self._matcher.patience:g} s although "
                "regions are published: check that their stamps and frames equal the images', "
                "or raise the parameter regions_wait.",
                throttle_duration_sec=10.0,
            )
        self._diagnostics.counts["late"] = self._matcher.late
        self._diagnostics.counts["dropped"] = self._queue.dropped

    def _watch(self) -> None:
        topics = (self.resolve_topic_name("image"), self.resolve_topic_name("image/compressed"))
        warning = self._watchdog.check(time.monotonic(), topics[0], image_graph(self, topics))
        if warning:
            self.troubles.tell("silence", warning, every=0.0)  # the watchdog has its own patience


def _key(header: Header) -> tuple[int, str]:
    return stamp_ns(header), header.frame_id


def main(args: list[str] | None = None) -> int:
    """Run the extractor node."""
    return run(Extractor, args)


if __name__ == "__main__":
    sys.exit(main())
