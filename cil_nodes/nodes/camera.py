"""The camera node: frames from a device, files, a data set or the simulated turntable."""

from __future__ import annotations

import sys
import time
from typing import Any

from cil_msgs.msg import GroundTruth
from cil_msgs.srv import ShowObject
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from cil_nodes.datasets.frames import CannotShowError, Frame, FrameSource, SourceError
from cil_nodes.ros import qos
from cil_nodes.ros.conversions import make_header, rgb_to_image
from cil_nodes.ros.frame_loop import FrameLoop
from cil_nodes.ros.lifecycle import SHUTDOWN_ERRORS, BaseParameters, CilNode
from cil_nodes.ros.main import run
from cil_nodes.ros.parameters import parameter

UNSEEN = 3.0
"""Seconds that views wait for somebody who takes images."""


class CameraParameters(BaseParameters):
    """Parameters of the camera node."""

    source: str = parameter(
        "sim",
        "Where frames come from: sim, device:N, file:VIDEO, folder:PICTURES, "
        "classes:FOLDER_PER_CLASS or dataset:NAME[:SPLIT].",
        read_only=True,
    )
    rate: float = parameter(10.0, "The most frames a second.", unit="Hz", low=0.1, high=120.0)
    width: int = parameter(
        320,
        "Width asked of the simulator or device; 0 leaves a device at its own.",
        unit="px",
        read_only=True,
        low=0,
        high=7680,
    )
    height: int = parameter(
        240,
        "Height asked of the simulator or device; 0 leaves a device at its own.",
        unit="px",
        read_only=True,
        low=0,
        high=4320,
    )
    frame_id: str = parameter(
        "camera_optical_frame", "Frame written into every header.", read_only=True
    )
    seed: int = parameter(0, "Seed of the simulator or of shuffling.", read_only=True, low=0)
    loop: bool = parameter(
        False, "Start over when a video, folder or data set ends.", read_only=True
    )
    shuffle: bool = parameter(
        False, "Show classes and data sets in a random order drawn from the seed.", read_only=True
    )
    on_request: bool = parameter(
        False,
        "Send pictures of classes or a data set only when the service show asks for them.",
        read_only=True,
    )
    retry: float = parameter(
        2.0,
        "Time before a device that is not there, or a source that went away, is opened again; "
        "doubled with each attempt that fails, up to 10 s.",
        unit="s",
        read_only=True,
        low=0.1,
        high=60.0,
    )


class Camera(CilNode[CameraParameters]):
    """Publishes ``image``, ``camera_info`` and, where known, ``ground_truth``."""

    Parameters = CameraParameters

    def __init__(self, **options: Any) -> None:
        super().__init__("camera", **options)
        self.direct: list[Any] = []
        """Called with (header, pixels) of each frame: nodes in this process take them so."""

    def configure(self) -> None:
        """Open the source and make publishers and the service."""
        settings = self.parameters
        self._diagnostics.count("images")
        self._diagnostics.measure("send")
        self._diagnostics.tell(self._facts)
        self._loop = FrameLoop(
            self._open,
            self._publish,
            lambda: self.parameters.rate,
            self._tell,
            live=settings.source.startswith("device:"),
            retry=settings.retry,
        )
        self._loop.open()
        self._images = self.make_publisher(Image, "image", qos.IMAGE)
        self._infos = self.make_publisher(CameraInfo, "camera_info", qos.IMAGE)
        self._truths = self.make_publisher(GroundTruth, "ground_truth", qos.RESULT)
        self.make_service(ShowObject, "show", self._show)

    def activate(self) -> None:
        """Start sending frames."""
        self._loop.start()

    def deactivate(self) -> None:
        """Stop sending frames."""
        self._loop.stop()

    def cleanup(self) -> None:
        """Give back the source."""
        loop = getattr(self, "_loop", None)
        if loop is not None:
            loop.close()

    def _open(self) -> FrameSource:
        from cil_nodes.datasets.sources import open_source

        return open_source(self.parameters.source, **source_options(self.parameters))

    def _publish(self, frame: Frame) -> None:
        """Send one frame; runs in the loop's thread."""
        start = time.monotonic()
        try:
            self._send(frame)
            self._diagnostics.counts["images"] += 1
            self._diagnostics.latency["send"].add(time.monotonic() - start)
        except SHUTDOWN_ERRORS:
            if self.context.ok():
                raise

    def _send(self, frame: Frame) -> None:
        header = self._header(frame)
        height, width = frame.image.shape[:2]
        self._infos.publish(CameraInfo(header=header, height=height, width=width))
        if frame.label is not None:
            self._truths.publish(GroundTruth(header=header, label=frame.label))
        for take in self.direct:
            take(header, frame.image)
        if self._images.get_subscription_count():  # 1 MB is not copied for nobody
            self._images.publish(rgb_to_image(frame.image, header))

    def _facts(self) -> dict[str, object]:
        """What diagnostics tell beside counts and latencies."""
        opened = "open" if self._loop.source is not None else "not open"
        return {"source": f"{self.parameters.source} ({opened})"}

    def _tell(self, text: str) -> None:
        self.troubles.tell("frames", text, every=0.0)  # the loop says each thing once

    def _header(self, frame: Frame) -> Header:
        stamp = frame.stamp_ns
        if stamp is None:
            stamp = self.get_clock().now().nanoseconds
        return make_header(stamp, self.parameters.frame_id)

    def _show(
        self, request: ShowObject.Request, response: ShowObject.Response
    ) -> ShowObject.Response:
        """Queue the views asked for; they are sent once this answer is out."""
        source = self._loop.source
        response.objects = list(source.objects) if source is not None else []
        if not self.is_active:
            return _refused(response, "The camera is not active: activate it first.")
        try:
            self._loop.show(request.label, request.views, request.fresh_backdrop)
        except (KeyError, CannotShowError, SourceError) as error:
            return _refused(response, str(error))
        self._release_after_answer()
        return response

    def _release_after_answer(self) -> None:
        end = time.monotonic() + UNSEEN

        def release() -> None:
            if not self._images.get_subscription_count() and time.monotonic() < end:
                return  # a graph that has just started has not found itself yet
            self.destroy_timer(timer)
            self._loop.release()

        timer = self.create_timer(0.005, release)


def source_options(settings: CameraParameters) -> dict[str, Any]:
    """Choose those of the node's parameters that the kind of source takes."""
    kind = settings.source.partition(":")[0]
    size = {"width": settings.width or None, "height": settings.height or None}
    if kind == "sim":
        wanted = {name: value for name, value in size.items() if value}
        return {"seed": settings.seed, **wanted}
    if kind == "device":
        return {**size, "fps": settings.rate}
    if kind in ("file", "folder"):
        return {"loop": settings.loop}
    names = ("loop", "shuffle", "seed", "on_request")
    return {name: getattr(settings, name) for name in names}


def _refused(response: ShowObject.Response, message: str) -> ShowObject.Response:
    response.error_code = ShowObject.Response.NO_SUCH_OBJECT
    response.message = message
    return response


def main(args: list[str] | None = None) -> int:
    """Run the camera node."""
    return run(Camera, args)


if __name__ == "__main__":
    sys.exit(main())
