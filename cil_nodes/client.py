"""Teach from Python: a blocking client for a graph that runs anywhere on the network.

::

    from cil_nodes.client import Teacher

    with Teacher(namespace="/cil") as teacher:
        seen = teacher.look("mug", views=20)            # simulator: show it, get the predictions
        teacher.label("mug", [s.sample_id for s in seen], train=False)
        print(teacher.train().accuracy_after)

It uses only the public topics, services and actions. Every wait has a deadline and says in words
what did not come.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import rclpy
from cil_msgs.action import SwitchMethod, TeachObject, TrainPhase
from cil_msgs.msg import GroundTruth, LearnerState, UnknownClusterArray
from cil_msgs.msg import Prediction as PredictionMessage
from cil_msgs.srv import (
    AnswerCluster,
    LabelSamples,
    ListSamples,
    ListVersions,
    LoadModel,
    MergeModel,
    RollBack,
    SaveModel,
    ShowObject,
)
from rclpy.context import Context
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import SingleThreadedExecutor

from cil_nodes.ros import arguments, qos
from cil_nodes.ros.calls import Caller, TeacherError, TeacherTimeout, checked
from cil_nodes.ros.client_records import Labelled, Seen, Switched, Taught
from cil_nodes.ros.conversions import roi_message, roi_tuple, stamp_ns
from cil_nodes.ros.lifecycle import SHUTDOWN_ERRORS
from cil_nodes.ros.teaching_messages import (
    Region,
    lesson_from_result,
    sample_from_message,
    scores_from_messages,
    seconds_to_duration,
    state_from_message,
    version_from_message,
)
from cil_nodes.teaching.records import LessonResult, SessionState, Version
from cil_nodes.teaching.samples import Sample

__all__ = [
    "Labelled",
    "Seen",
    "Switched",
    "Taught",
    "Teacher",
    "TeacherError",
    "TeacherTimeout",
]

T = TypeVar("T")
_SERVICES = {
    AnswerCluster: "answer_cluster",
    LabelSamples: "label",
    ListSamples: "list_samples",
    ListVersions: "list_versions",
    LoadModel: "load_model",
    MergeModel: "merge_model",
    RollBack: "roll_back",
    SaveModel: "save_model",
    ShowObject: "show",
}
_ACTIONS = {SwitchMethod: "switch_method", TeachObject: "teach", TrainPhase: "train_phase"}
_NUMBERS = itertools.count(1)


FOUND_BOTH_WAYS = 0.5
"""Seconds after finding the learner by which the learner has found the client, too."""


class Teacher:
    """A blocking client of one graph.

    Parameters
    ----------
    namespace : str
        Where the graph runs.
    timeout : float
        Seconds that a wait may last where a method is not told otherwise.
    history : int
        Predictions kept for the ``wait_for_*`` methods.
    """

    def __init__(
        self, namespace: str = "/cil", timeout: float = 10.0, history: int = 10_000
    ) -> None:
        self.timeout = arguments.seconds("timeout", timeout)
        self._context = Context()
        # Unmarked words, such as namespace:=robot1, are a script's own and no remappings.
        rclpy.init(args=sys.argv if "--ros-args" in sys.argv else [], context=self._context)
        name = f"teacher_{os.getpid()}_{next(_NUMBERS)}"
        self._node = rclpy.create_node(name, namespace=namespace, context=self._context)
        self._news = threading.Condition(threading.RLock())
        self._seen: deque[tuple[int, Seen]] = deque(maxlen=history)
        self._truths: deque[tuple[int, GroundTruth]] = deque(maxlen=history)
        self._arrived = 0
        self._state: LearnerState | None = None
        self._clusters: UnknownClusterArray | None = None
        self._heard = threading.Event()
        self._subscribe()
        self._caller = Caller(self._node, _SERVICES, _ACTIONS, timeout)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name=name, daemon=True)
        self._thread.start()

    def __enter__(self) -> Teacher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the client; the graph runs on."""
        with contextlib.suppress(*SHUTDOWN_ERRORS):
            self._executor.shutdown(timeout_sec=2.0)
        self._thread.join(2.0)
        with contextlib.suppress(*SHUTDOWN_ERRORS):
            self._node.destroy_node()
        self._context.try_shutdown()

    # -- looking -------------------------------------------------------------------------------

    def show(
        self, label: str = "", views: int = 1, fresh_backdrop: bool = False
    ) -> tuple[str, ...]:
        """Simulator: put an object on the turntable and send ``views`` of it.

        An empty label is an empty table. Returns the names of all objects there are.
        """
        request = ShowObject.Request(
            label=arguments.label(label, empty=True),
            views=arguments.whole("views", views, 1, 65535),
            fresh_backdrop=bool(fresh_backdrop),
        )
        return tuple(checked(self._caller.call("show", request)).objects)

    def look(
        self,
        label: str = "",
        views: int = 1,
        fresh_backdrop: bool = False,
        timeout: float | None = None,
    ) -> list[Seen]:
        """Simulator: show an object and return the predictions of just these views."""
        self._heard.wait(self.timeout if timeout is None else timeout)
        mark = self.mark()
        self.show(label, views, fresh_backdrop)
        return self.wait_for_predictions(views, timeout=timeout, since=mark)

    def mark(self) -> int:
        """Return the place in the stream of predictions now, for ``since``."""
        with self._news:
            return self._arrived

    def predictions(
        self, since: int = 0, where: Callable[[Seen], bool] = lambda _: True
    ) -> list[Seen]:
        """Return the predictions that have come from a `mark` on, oldest first."""
        with self._news:
            newer = itertools.takewhile(lambda item: item[0] > since, reversed(self._seen))
            return [seen for _, seen in newer if where(seen)][::-1]

    def wait_for_predictions(
        self,
        n: int = 1,
        timeout: float | None = None,
        where: Callable[[Seen], bool] = lambda _: True,
        since: int | None = None,
    ) -> list[Seen]:
        """Return the next ``n`` predictions, oldest first.

        Parameters
        ----------
        n : int
            How many.
        timeout : float, optional
            Seconds for all of them.
        where : callable
            Only those for which it is true count.
        since : int, optional
            Count from this `mark` on, so that nothing is missed in between; from now by default.

        Raises
        ------
        TeacherTimeout
            With how many came.
        """
        start = self.mark() if since is None else since

        def enough() -> list[Seen] | None:
            found = self.predictions(start, where)
            return found[:n] if len(found) >= n else None

        return self._wait(enough, timeout, lambda: self._missing_predictions(n, start))

    def truths(self, since: int = 0) -> list[GroundTruth]:
        """Return what was really in the images, where somebody publishes it, from a `mark` on."""
        with self._news:
            return [truth for place, truth in self._truths if place >= since]

    def state(self, timeout: float | None = None) -> SessionState:
        """Return the learner's latest state; waits for the first."""
        return self.wait_for_state(lambda _: True, timeout)

    def wait_for_state(
        self, where: Callable[[SessionState], bool], timeout: float | None = None
    ) -> SessionState:
        """Return the learner's state as soon as ``where(state)`` is true."""

        def right() -> SessionState | None:
            state = None if self._state is None else state_from_message(self._state)
            return state if state is not None and where(state) else None

        return self._wait(right, timeout, self._missing_state)

    def clusters(self, timeout: float | None = None) -> UnknownClusterArray:
        """Return the labeler's latest questions about look-alike unknowns."""
        return self._wait(
            lambda: self._clusters,
            timeout,
            lambda: f"Nothing came on {self._name('unknown_clusters')}. Is the labeler active?",
        )

    # -- teaching ------------------------------------------------------------------------------

    def label(
        self,
        label: str,
        sample_ids: Sequence[str] = (),
        cluster_id: int = -1,
        train: bool = False,
        timeout: float | None = None,
    ) -> Labelled:
        """Give samples, or a whole cluster, a label; returns when they are on disk.

        Parameters
        ----------
        label : str
            What it is.
        sample_ids : sequence of str
            From `Seen.sample_id`; any number, sent in calls of 256.
        cluster_id : int
            Or a whole cluster.
        train : bool
            Start a lesson with everything pending, without waiting for it.

        Raises
        ------
        TeacherError, TeacherTimeout
            After which it can be said again: the same label twice changes nothing.
        ValueError
            For an argument out of its range.
        """
        label, ids = arguments.label(label), arguments.sample_ids("sample_ids", sample_ids)
        cluster_id = arguments.whole("cluster_id", cluster_id, -1, 2**31 - 1)
        pieces = [ids[i : i + 256] for i in range(0, len(ids), 256)] or [[]]
        parts = []
        for number, piece in enumerate(pieces, 1):
            request = LabelSamples.Request(
                label=label,
                sample_ids=piece,
                cluster_id=cluster_id if number == 1 else -1,
                train_now=train and number == len(pieces),
            )
            parts.append(checked(self._caller.call("label", request, timeout)))
        return Labelled(
            accepted=sum(part.accepted for part in parts),
            relabelled=sum(part.relabelled for part in parts),
            pending=parts[-1].pending,
            missing_ids=tuple(i for part in parts for i in part.missing_ids),
            training_started=parts[-1].training_started,
        )

    def train(
        self,
        labels: Iterable[str] = (),
        time_limit: float = 0.0,
        on_progress: Callable[[str, float, str], None] | None = None,
        timeout: float = 600.0,
    ) -> LessonResult:
        """Learn what has been labelled; returns when the new model answers.

        Parameters
        ----------
        labels : iterable of str
            Only these; everything pending by default.
        time_limit : float
            Seconds after which the learner gives up; 0 for none.
        on_progress : callable
            ``on_progress(stage, fraction, message)``.
        timeout : float
            Seconds after which the client gives up and cancels the lesson.
        """
        limit = arguments.seconds("time_limit", time_limit, zero=True)
        names = [arguments.label(label) for label in labels]
        goal = TrainPhase.Goal(labels=names, time_limit=seconds_to_duration(limit))
        stages = ("preparing", "fitting", "validating", "swapping")

        def tell(feedback: Any) -> None:
            if on_progress is not None:
                on_progress(stages[feedback.stage], feedback.progress, feedback.message)

        result = self._caller.act("train_phase", goal, tell, timeout)
        return lesson_from_result(result)

    def teach(
        self,
        label: str,
        num_samples: int = 20,
        min_diversity: float = 0.05,
        roi: Region = (0, 0, 0, 0),
        watch_for: float = 30.0,
        train: bool = True,
        on_progress: Callable[[str, float, str], None] | None = None,
        timeout: float = 600.0,
    ) -> Taught:
        """Teach what the camera sees now: watch, learn, check.

        ``on_progress(stage, fraction, hint)`` is told what to do, such as "turn it a little".
        """
        goal = TeachObject.Goal(
            label=arguments.label(label),
            num_samples=arguments.whole("num_samples", num_samples, 1, 65535),
            min_diversity=arguments.number("min_diversity", min_diversity, 0.0, 2.0),
            roi=roi_message(arguments.region("roi", roi)),
            timeout=seconds_to_duration(arguments.seconds("watch_for", watch_for)),
            train=train,
        )
        stages = ("watching", "training", "checking")

        def tell(feedback: Any) -> None:
            if on_progress is not None:
                on_progress(stages[feedback.stage], feedback.progress, feedback.hint)

        result = self._caller.act("teach", goal, tell, timeout)
        return Taught(
            samples_captured=result.samples_captured,
            version=result.version,
            check_correct=result.check_correct,
            check_total=result.check_total,
            confused_with=scores_from_messages(result.confused_with),
            old_accuracy_before=result.old_accuracy_before,
            old_accuracy_after=result.old_accuracy_after,
            summary=result.summary,
        )

    def dismiss(self, cluster_id: int, put_off: float | None = None) -> None:
        """Answer a question without a name: never, or not for ``put_off`` seconds."""
        number = arguments.whole("cluster_id", cluster_id, 0, 2**31 - 1)
        request = AnswerCluster.Request(cluster_id=number)
        request.answer = request.DISMISS if put_off is None else request.PUT_OFF
        if put_off is not None:
            request.put_off = seconds_to_duration(arguments.seconds("put_off", put_off))
        checked(self._caller.call("answer_cluster", request))

    # -- history -------------------------------------------------------------------------------

    def versions(self, limit: int = 50) -> list[Version]:
        """Return the model's history, newest first."""
        limit = arguments.whole("limit", limit, 0, 65535)
        answer = self._caller.call("list_versions", ListVersions.Request(limit=limit))
        return [version_from_message(version) for version in answer.versions]

    def roll_back(self, version: int = -1) -> int:
        """Go back to an earlier model (-1: the one before); returns the version that answers."""
        version = arguments.whole("version", version, -1, 2**63 - 1)
        answer = self._caller.call("roll_back", RollBack.Request(version=version))
        return int(checked(answer).version)

    def samples(
        self,
        label: str = "",
        sample_ids: Sequence[str] = (),
        nearest_to: str = "",
        offset: int = 0,
        limit: int = 20,
        pictures: bool = True,
    ) -> tuple[int, list[Sample]]:
        """Browse what was taught: (how many there are, those asked for)."""
        request = ListSamples.Request(
            label=arguments.label(label, empty=True),
            sample_ids=arguments.sample_ids("sample_ids", sample_ids, most=100),
            nearest_to=arguments.sample_ids("nearest_to", [nearest_to])[0] if nearest_to else "",
            offset=arguments.whole("offset", offset, 0, 2**32 - 1),
            limit=arguments.whole("limit", limit, 0, 100),
            pictures=bool(pictures),
        )
        answer = self._caller.call("list_samples", request)
        return answer.total, [sample_from_message(sample) for sample in answer.samples]

    def save_model(self, path: str | Path | None = None, timeout: float = 60.0) -> str:
        """Save the model where the learner runs; returns its address."""
        uri = "" if path is None else arguments.uri_of(path)
        answer = self._caller.call("save_model", SaveModel.Request(uri=uri), timeout)
        if not answer.success:
            raise TeacherError(answer.message, "SAVE_FAILED")
        return str(answer.uri)

    def load_model(self, path: str | Path, timeout: float = 60.0) -> int:
        """Have the learner load a saved model; returns its version."""
        request = LoadModel.Request(uri=arguments.uri_of(path))
        answer = self._caller.call("load_model", request, timeout)
        if not answer.success:
            raise TeacherError(answer.message, "LOAD_FAILED")
        return int(answer.version)

    def merge(
        self, path: str | Path = "", peer: str = "", timeout: float = 120.0
    ) -> tuple[int, tuple[str, ...]]:
        """Have the learner add what another was taught.

        Parameters
        ----------
        path : path
            A saved model, where the learner runs; or
        peer : str
            The other graph's namespace, such as ``/robot2/cil``.
        timeout : float
            Seconds that fetching and adding may take.

        Returns
        -------
        version : int
            The one that answers.
        new_labels : tuple of str
            Classes that were not known before.
        """
        if bool(str(path)) == bool(peer):
            raise ValueError("Give either path, a saved model, or peer, another graph's namespace.")
        request = MergeModel.Request(uri=arguments.uri_of(path) if str(path) else "", peer=peer)
        answer = checked(self._caller.call("merge_model", request, timeout))
        return int(answer.version), tuple(answer.new_labels)

    def switch_method(
        self,
        method: str = "",
        parameters: Mapping[str, object] | None = None,
        swap: bool = True,
        on_progress: Callable[[float, int, int, str], None] | None = None,
        timeout: float = 3600.0,
    ) -> Switched:
        """Have another method learn the journal again; returns when it answers.

        Parameters
        ----------
        method : str
            Empty for the one that answers: a plain rebuild.
        parameters : mapping, optional
            Its hyper-parameters; the rest is as the learner was started with. Together with the
            method's name they may take 64 bytes.
        swap : bool
            False only builds and reports.
        on_progress : callable
            ``on_progress(fraction, lessons_done, lessons, message)``.
        timeout : float
            Seconds after which the client gives up and cancels the switch.
        """
        goal = SwitchMethod.Goal(method=arguments.method(method, parameters or {}), swap=bool(swap))

        def tell(feedback: Any) -> None:
            if on_progress is not None:
                done = feedback.phases_done, feedback.phases_total
                on_progress(feedback.progress, *done, feedback.message)

        end = self._caller.act("switch_method", goal, tell, timeout)
        return Switched(end.version, end.seconds, end.accuracy_before, end.accuracy_after)

    # -- inside --------------------------------------------------------------------------------

    def _subscribe(self) -> None:
        make = self._node.create_subscription
        events = SubscriptionEventCallbacks(matched=self._on_learner, use_default_callbacks=False)
        make(
            PredictionMessage,
            "predictions",
            self._on_prediction,
            qos.PATIENT,
            event_callbacks=events,
        )
        make(GroundTruth, "ground_truth", self._on_truth, qos.PATIENT)
        make(LearnerState, "state", self._on_state, qos.STATE)
        make(UnknownClusterArray, "unknown_clusters", self._on_clusters, qos.STATE)

    def _on_learner(self, info: Any) -> None:
        """A learner was found; it finds us a moment later, and what it says before is lost."""
        if info.current_count and not self._heard.is_set():
            timer = threading.Timer(FOUND_BOTH_WAYS, self._heard.set)
            timer.daemon = True
            timer.start()

    def _on_prediction(self, message: PredictionMessage) -> None:
        seen = Seen(
            sample_id=message.sample_id,
            stamp_ns=stamp_ns(message.header),
            frame_id=message.header.frame_id,
            roi=roi_tuple(message.roi),
            label=message.label,
            score=message.score,
            is_unknown=message.is_unknown,
            unknown_score=message.unknown_score,
            top_k=scores_from_messages(message.top_k),
            method=message.method,
            version=message.version,
            received_ns=time.time_ns(),
        )
        with self._news:
            self._arrived += 1
            self._seen.append((self._arrived, seen))
            self._news.notify_all()

    def _on_truth(self, message: GroundTruth) -> None:
        with self._news:
            self._truths.append((self._arrived, message))
            self._news.notify_all()

    def _on_state(self, message: LearnerState) -> None:
        with self._news:
            self._state = message
            self._news.notify_all()

    def _on_clusters(self, message: UnknownClusterArray) -> None:
        with self._news:
            self._clusters = message
            self._news.notify_all()

    def _spin(self) -> None:
        with contextlib.suppress(*SHUTDOWN_ERRORS):
            self._executor.spin()

    def _name(self, name: str) -> str:
        return str(self._node.resolve_topic_name(name))

    def _wait(
        self, look: Callable[[], T | None], timeout: float | None, missing: Callable[[], str]
    ) -> T:
        """Return what ``look`` finds, asked again with every message."""
        seconds = self.timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        with self._news:
            while (found := look()) is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TeacherTimeout(f"Waited {seconds:g} s. {missing()}")
                self._news.wait(left)
            return found

    def _missing_predictions(self, n: int, start: int) -> str:
        topic = self._name("predictions")
        publishers = self._node.count_publishers(topic)
        return (
            f"{self._arrived - start} predictions came on {topic}, {n} that fit were wanted; "
            f"it has {publishers} publishers. Is the learner active, and do images arrive? "
            f"{self._learner_says()}".rstrip()
        )

    def _learner_says(self) -> str:
        """The learner's own remark, such as why it refuses features; empty where it has none."""
        remark = self._state.message if self._state is not None else ""
        return f"The learner says: {remark}" if remark else ""

    def _missing_state(self) -> str:
        topic = self._name("state")
        if self._state is None:
            return f"No state came on {topic}. Is the learner running in this namespace and domain?"
        state = state_from_message(self._state)
        return (
            f"The state on {topic} is not the one waited for: {state.phase}, version "
            f"{state.version}, {len(state.classes)} classes, {state.pending} pending. "
            f"{state.message}"
        )
