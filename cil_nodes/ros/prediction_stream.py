"""Features in, answers out, never waiting for anything else.

A lane receives the features; one more thread answers them. What queues up while it answers is
answered together as the next batch, so a burst costs little more than one sample.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from cil_msgs.msg import FeatureVector, UnknownObject
from cil_msgs.msg import Prediction as PredictionMessage

from cil_nodes.ros import qos
from cil_nodes.ros.diagnostics import Diagnostics
from cil_nodes.ros.lanes import JOIN_SECONDS, Lane
from cil_nodes.ros.lifecycle import SHUTDOWN_ERRORS, CilNode
from cil_nodes.ros.teaching_messages import (
    prediction_to_message,
    sample_from_features,
    stamp_to_ns,
    unknown_to_message,
)
from cil_nodes.teaching.errors import TeachingError
from cil_nodes.teaching.records import Prediction
from cil_nodes.teaching.samples import Sample
from cil_nodes.teaching.session import Session

Received = tuple[float, FeatureVector]
"""A vector and when it came, in seconds of a clock of its own."""

MAX_BATCH = 32
"""Most samples answered at once; keeps the first of a long queue from waiting for the last."""


CALM = 2.0
"""Seconds without a refusal after which refusing counts as over."""


class PredictionStream:
    """Answer ``features`` on ``predictions`` and ``unknowns``.

    Parameters
    ----------
    node : CilNode
        Owner of the topics.
    session : Session
        Who answers.
    queue_size : int
        Vectors that may wait; beyond it the oldest is dropped and counted.
    diagnostics : Diagnostics
        Counts what was ``answered``, ``refused`` (not usable) and ``dropped``; takes the time from
        the image's stamp to here as ``arrival``, and from here to published as ``answer``.
    on_refusal : callable
        Called when `refusal` has changed.

    Attributes
    ----------
    refusal : str
        Why features are refused; empty while they are not.
    """

    def __init__(
        self,
        node: CilNode,
        session: Session,
        queue_size: int,
        diagnostics: Diagnostics,
        on_refusal: Callable[[], None] = lambda: None,
    ) -> None:
        self.refusal = ""
        self._refused_at = 0.0
        self._on_refusal = on_refusal
        self._counts = diagnostics.counts
        self._latency = diagnostics.latency["answer"]
        self._arrival = diagnostics.latency["arrival"]
        self._node = node
        self._session = session
        self._size = queue_size
        self._queue: deque[Received] = deque()
        self._filled = threading.Condition()
        self._closed = False
        self._topic = node.resolve_topic_name("features")
        self._predictions = node.make_publisher(PredictionMessage, "predictions", qos.RESULT)
        self._unknowns = node.make_publisher(UnknownObject, "unknowns", qos.RESULT)
        self._lane = Lane(node, "features")
        self._lane.subscribe(FeatureVector, "features", self._receive, qos.PATIENT)
        self._thread = threading.Thread(target=self._run, name="predictions", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()
        self._lane.start()

    def close(self) -> None:
        """Stop answering; what waits is not answered."""
        self._lane.close()
        with self._filled:
            self._closed = True
            self._filled.notify()
        if self._thread.is_alive():
            self._thread.join(JOIN_SECONDS)

    def _receive(self, message: FeatureVector) -> None:
        age = self._node.get_clock().now().nanoseconds - stamp_to_ns(message.header.stamp)
        self._arrival.add(age * 1e-9)
        with self._filled:
            if len(self._queue) >= self._size:
                self._queue.popleft()
                self._counts["dropped"] += 1
            self._queue.append((time.perf_counter(), message))
            self._filled.notify()

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                self._answer(batch)
            except SHUTDOWN_ERRORS:
                return
            except Exception:
                self._node.log_traceback("answering features")

    def _next_batch(self) -> list[Received]:
        """Wait for features; empty when closed."""
        with self._filled:
            self._filled.wait_for(lambda: self._queue or self._closed)
            if self._closed:
                return []
            return [self._queue.popleft() for _ in range(min(MAX_BATCH, len(self._queue)))]

    def _answer(self, batch: list[Received]) -> None:
        messages = [message for _, message in batch]
        for (received, message), prediction in zip(batch, self._predict(messages), strict=True):
            if prediction is None:
                continue
            self._predictions.publish(prediction_to_message(prediction, message))
            if prediction.is_unknown:
                self._unknowns.publish(unknown_to_message(prediction, message))
            self._counts["answered"] += 1
            self._latency.add(time.perf_counter() - received)
            if self.refusal and time.perf_counter() - self._refused_at > CALM:
                self._set_refusal("")

    def _predict(self, batch: list[FeatureVector]) -> list[Prediction | None]:
        """Answer all at once; when one of them is unusable, each by itself."""
        samples = [sample_from_features(message) for message in batch]
        try:
            return list(self._session.predict_batch(samples))
        except TeachingError:
            return [self._predict_one(sample) for sample in samples]

    def _predict_one(self, sample: Sample) -> Prediction | None:
        try:
            return self._session.predict(sample)
        except TeachingError as error:
            self._counts["refused"] += 1
            self._refused_at = time.perf_counter()
            self._node.troubles.tell("features", f"Refused from {self._topic}: {error}")
            if not self.refusal:
                self._set_refusal(f"Features are refused: {error}")
            return None

    def _set_refusal(self, text: str) -> None:
        self.refusal = text
        self._on_refusal()
