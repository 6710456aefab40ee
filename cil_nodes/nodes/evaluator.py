"""The evaluator: predictions against the truth, as both arrive."""

from __future__ import annotations

import dataclasses
from typing import Any

from cil_msgs.msg import GroundTruth, LearnerState, Metrics, Prediction
from std_msgs.msg import Header

from cil_nodes.evaluation.online import Answered, Key, OnlineFigures, OnlineMetrics
from cil_nodes.ros import qos
from cil_nodes.ros.conversions import roi_tuple, stamp_ns
from cil_nodes.ros.lifecycle import BaseParameters, CilNode
from cil_nodes.ros.main import run
from cil_nodes.ros.parameters import parameter
from cil_nodes.ros.stamps import StampWatch, back_message


class EvaluatorParameters(BaseParameters):
    """Parameters of the evaluator node."""

    period: float = parameter(1.0, "How often metrics are sent.", unit="s", low=0.1, high=60.0)
    patience: float = parameter(
        5.0, "A truth without a prediction for this long is counted as lost.", unit="s", low=0.1
    )


class Evaluator(CilNode[EvaluatorParameters]):
    """Lifecycle node around `OnlineMetrics`."""

    Parameters = EvaluatorParameters

    def __init__(self, name: str = "evaluator", **options: Any) -> None:
        super().__init__(name, **options)
        self._metrics = OnlineMetrics()
        self._measured = (0, "")
        self._stamps = StampWatch()

    def configure(self) -> None:
        """Begin afresh."""
        self._metrics = OnlineMetrics()
        self._diagnostics.count("truths", "predictions")
        self._diagnostics.measure("latency")
        self._publisher = self.make_publisher(Metrics, "metrics", qos.RESULT)
        self.make_subscription(LearnerState, "state", self._on_state, qos.STATE)
        self.make_subscription(GroundTruth, "ground_truth", self._on_truth, qos.PATIENT)
        self.make_subscription(Prediction, "predictions", self._on_prediction, qos.PATIENT)
        self.make_timer(self.parameters.period, self._on_time)

    def _on_state(self, message: LearnerState) -> None:
        self._metrics.set_taught(known.label for known in message.classes)

    def _on_truth(self, message: GroundTruth) -> None:
        if back := self._stamps.went_back(stamp_ns(message.header)):
            gone = self._metrics.begin_again()
            text = back_message(
                self.resolve_topic_name("ground_truth"),
                back,
                f"{gone} truths that wait for an answer count as unmatched; the figures go on.",
            )
            self.troubles.tell("stamps", text)
        self._metrics.add_truth(key_of(message), message.label)
        self._diagnostics.counts["truths"] += 1

    def _on_prediction(self, message: Prediction) -> None:
        self._follow_version((message.version, message.method))
        late = self.get_clock().now().nanoseconds - stamp_ns(message.header)
        answer = Answered(message.label, message.is_unknown, message.unknown_score, late * 1e-6)
        self._metrics.add_prediction(key_of(message), answer)
        self._diagnostics.counts["predictions"] += 1
        self._diagnostics.latency["latency"].add(late * 1e-9)

    def _follow_version(self, measured: tuple[int, str]) -> None:
        """When another version answers, send the last figures of the one before."""
        if measured == self._measured:
            return
        figures = self._metrics.close_version()
        if figures.compared:
            self._send(figures)
        self._measured = measured

    def _on_time(self) -> None:
        # By the stamps, not the clock: a paused bag loses nothing.
        oldest = self._stamps.newest_ns - int(self.parameters.patience * 1e9)
        self._diagnostics.counts["lost"] += self._metrics.expire(oldest)
        figures = self._metrics.figures()
        self._diagnostics.facts["compared"] = str(figures.compared)
        self._diagnostics.facts["accuracy"] = f"{figures.accuracy:.4f}"
        self._send(figures)

    def _send(self, figures: OnlineFigures) -> None:
        version, method = self._measured
        self._publisher.publish(
            Metrics(
                header=Header(stamp=self.get_clock().now().to_msg()),
                method=method,
                version=version,
                **dataclasses.asdict(figures),
            )
        )


def key_of(message: GroundTruth | Prediction) -> Key:
    """Return by what a truth and a prediction are matched."""
    header = message.header
    return stamp_ns(header), header.frame_id, roi_tuple(message.roi)


def main() -> int:
    """Run the evaluator."""
    return run(Evaluator)


if __name__ == "__main__":
    raise SystemExit(main())
