"""The learner: answers features, takes labels, learns them beside the live model.

It owns the `Session` (journal, model, snapshots). Answers run on threads of their own
(`PredictionStream`); services and the lesson's action on a small pool, so that a lesson, a slow
disk or a long listing never delays an answer.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from cil_msgs.action import TrainPhase
from cil_msgs.msg import FeatureVector, LearnerState
from cil_msgs.srv import (
    AddSamples,
    EditClass,
    GetModelChunk,
    ListSamples,
    ListVersions,
    LoadModel,
    MergeModel,
    RollBack,
    SaveModel,
    Undo,
)
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from threadpoolctl import threadpool_limits

from cil_nodes.places import default_folder
from cil_nodes.ros import qos
from cil_nodes.ros.diagnostics import memory_of
from cil_nodes.ros.lanes import spin_pool
from cil_nodes.ros.lifecycle import BaseParameters, CilNode
from cil_nodes.ros.main import run
from cil_nodes.ros.method_switch import MethodSwitch, declare_method
from cil_nodes.ros.model_peers import ModelPeers
from cil_nodes.ros.parameters import parameter
from cil_nodes.ros.prediction_stream import PredictionStream
from cil_nodes.ros.rivals import rivals
from cil_nodes.ros.teaching_messages import (
    STAGES,
    clip,
    duration_to_seconds,
    fail,
    lesson_to_result,
    refuse,
    sample_from_message,
    sample_to_message,
    state_to_message,
    version_to_message,
)
from cil_nodes.ros.topic_watch import watch_topics
from cil_nodes.ros.uris import uri_to_path
from cil_nodes.teaching.errors import LessonStoppedError, TeachingError
from cil_nodes.teaching.records import Phase
from cil_nodes.teaching.session import Session

POOL_THREADS = 4
"""Threads for services and the action; one of them is the lesson that runs."""

RIVALS_PERIOD = 2.0
"""Seconds between two looks at who else is a learner here."""

ANSWER_THREADS = 1
"""Threads of the linear algebra behind an answer: with two of them on two cores, answers took three
times as long at the median and ten times at the worst, beside any other load."""

SWITCH_INTERVAL = 0.0005
"""Seconds after which a thread that works in Python lets another go on. With Python's own 5 ms an
answer that a service or a lesson's bookkeeping overtakes waits that long at each of its steps."""

EDITS = {
    EditClass.Request.RENAME: "rename",
    EditClass.Request.MERGE: "merge",
    EditClass.Request.FORGET: "forget",
}
"""Operations of ``edit_class`` by the session's names."""


class LearnerParameters(BaseParameters):
    """Parameters of the learner node; those of the method follow as ``<method>.<name>``."""

    method: str = parameter(
        "oracil",
        "Method of an empty journal; a journal that was taught keeps its own until switched.",
        read_only=True,
    )
    folder: str = parameter(
        "",
        "Folder of journal and snapshots; empty is ~/.ros/<namespace> (or $ROS_HOME in its place).",
        read_only=True,
    )
    random_state: int = parameter(
        0, "Seed; the same seed and lessons give the same model.", low=0, read_only=True
    )
    keep_pictures: bool = parameter(
        True, "Keep the small picture of each labelled sample in the journal.", read_only=True
    )
    max_forgetting: float = parameter(
        0.2,
        "A lesson after which old classes lose more accuracy than this is refused.",
        low=0.0,
        high=1.0,
        read_only=True,
    )
    min_samples: int = parameter(
        1, "A lesson with fewer pending samples is refused.", low=1, read_only=True
    )
    auto_train: int = parameter(
        0, "Start a lesson when this many labelled samples are pending; 0 waits to be asked.", low=0
    )
    worker_threads: int = parameter(
        1,
        "Threads of the process that learns (nice 10; long lessons give way altogether).",
        low=1,
        high=64,
        read_only=True,
    )
    queue_size: int = parameter(
        64, "Feature vectors that may wait for an answer; then the oldest is dropped.", low=1
    )


class Learner(CilNode[LearnerParameters]):
    """Lifecycle node that owns a `Session`."""

    Parameters = LearnerParameters

    def __init__(self, name: str = "learner", **options: Any) -> None:
        super().__init__(name, **options)
        self._session: Session | None = None
        self._stream: PredictionStream | None = None
        self._arithmetic: threadpool_limits | None = None
        self._state_lock = threading.Lock()
        self._others = ""
        self._method = declare_method(self, self.parameters.method)

    def configure(self) -> None:
        """Open the session and offer everything but answers."""
        settings = self.parameters
        self._publisher = self.make_publisher(LearnerState, "state", qos.STATE)
        self._session = Session(
            self._folder(),
            method=settings.method,
            parameters=self._method.model_dump(exclude_defaults=True),
            random_state=settings.random_state,
            keep_pictures=settings.keep_pictures,
            max_forgetting=settings.max_forgetting,
            min_samples=settings.min_samples,
            threads=settings.worker_threads,
        )
        self._arithmetic = threadpool_limits(limits=ANSWER_THREADS)
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._session.on_change(lambda _: self._publish_state())
        self._diagnostics.count("answered")
        self._diagnostics.measure("arrival", "answer")
        self._diagnostics.tell(self._facts)
        self._diagnostics.watch(self._trouble)
        twice = "Each view is answered twice, and by samples of two encoders nothing is learned."
        watch_topics(self, [("features", FeatureVector, twice)])
        self._stream = self._new_stream()
        self._offer()
        self.make_timer(RIVALS_PERIOD, self._say_who_else)
        self._say_what_answers()

    def activate(self) -> None:
        """Begin to answer."""
        self._stream_of().start()
        self._publish_state()

    def deactivate(self) -> None:
        """Stop answering; a lesson that runs is stopped and its samples stay pending."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def cleanup(self) -> None:
        """Close the session."""
        self.deactivate()
        if self._arithmetic is not None:
            self._arithmetic.restore_original_limits()
            self._arithmetic = None
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def spin(self) -> None:
        """Run services and the action on a pool; answers have their own threads."""
        spin_pool(self, POOL_THREADS)

    # -- set-up --------------------------------------------------------------------------------

    def _folder(self) -> Path:
        if self.parameters.folder:
            return Path(self.parameters.folder).expanduser()
        return default_folder(self.get_namespace())

    def _offer(self) -> None:
        """Make the services and the action."""
        group = ReentrantCallbackGroup()
        peers = ModelPeers(self, self._session_of, self._folder())
        for kind, name, answer, fallback in (
            (AddSamples, "add_samples", self._add_samples, "STORAGE_FAILED"),
            (ListSamples, "list_samples", self._list_samples, ""),
            (ListVersions, "list_versions", self._list_versions, ""),
            (EditClass, "edit_class", self._edit_class, "STORAGE_FAILED"),
            (RollBack, "roll_back", self._roll_back, "BUSY"),
            (Undo, "undo", self._undo, "BUSY"),
            (SaveModel, "save_model", self._save_model, ""),
            (LoadModel, "load_model", self._load_model, ""),
            (MergeModel, "merge_model", peers.merge_model, "BAD_FILE"),
            (GetModelChunk, "get_model_chunk", peers.get_model_chunk, "NO_SUCH_SNAPSHOT"),
        ):
            self.make_service(kind, name, partial(self._serve, name, answer, fallback), group)
        server = ActionServer(
            self,
            TrainPhase,
            "train_phase",
            self._train_phase,
            callback_group=group,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        self.own(server, lambda action: action.destroy())
        declared = {self.parameters.method: self._method}
        MethodSwitch(self, self._session_of, declared, self._train_if_enough, group)

    def _say_what_answers(self) -> None:
        state = self._session_of().state()
        log = self.get_logger().info
        if not state.classes:
            log("Nothing has been taught yet: everything is unknown until the first lesson.")
        else:
            log(f"Version {state.version} of {state.method} answers: {len(state.classes)} classes.")
        if state.method != self.parameters.method:
            self.get_logger().warning(
                f"The journal was taught with {state.method!r}, which answers on; the parameter "
                f"`method` says {self.parameters.method!r}. To switch: "
                f"cil switch {self.parameters.method}{self._namespace_word()}"
            )

    def _namespace_word(self) -> str:
        """What a command of `cil` needs to find this graph; nothing where it is the usual one."""
        name = self.get_namespace().strip("/")
        return "" if name in ("", "cil") else f" namespace:={name}"

    def _session_of(self) -> Session:
        if self._session is None:
            raise TeachingError("The learner is not configured; activate it first.")
        return self._session

    def _stream_of(self) -> PredictionStream:
        """Return the stream; a new one after a deactivation."""
        if self._stream is None:
            self._stream = self._new_stream()
        return self._stream

    def _new_stream(self) -> PredictionStream:
        size = self.parameters.queue_size
        return PredictionStream(
            self, self._session_of(), size, self._diagnostics, self._publish_state
        )

    # -- state ---------------------------------------------------------------------------------

    def _publish_state(self) -> None:
        session = self._session
        if session is None or not self.is_active:
            return
        with self._state_lock:  # changes come from several threads; the last one sent must be true
            now = self.get_clock().now().to_msg()
            message = state_to_message(session.state(), now)
            if self._stream is not None and self._stream.refusal:
                message.message = clip(self._stream.refusal, 256)
            self._publisher.publish(message)

    def _facts(self) -> dict[str, object]:
        """What diagnostics tell beside counts and latencies."""
        session = self._session_of()
        state, memory = session.state(), memory_of(session.worker_pid)
        return {
            "method": state.method,
            "version": state.version,
            "classes": len(state.classes),
            "pending": state.pending,
            "phase": state.phase,
            "journal_mb": f"{state.journal_bytes / 2**20:.1f}",
            "worker": "alive" if memory else "gone",
            "worker_memory_mb": f"{memory / 2**20:.0f}",
        }

    def _trouble(self) -> str:
        """What keeps the learner from learning on, in words."""
        state = self._session_of().state()
        return rivals(self) or (state.message if state.phase == Phase.FAILED.value else "")

    def _say_who_else(self) -> None:
        """Say that another learner takes labels in this namespace, when one comes."""
        others = rivals(self)
        if others and others != self._others:
            self.get_logger().error(others)
        self._others = others

    # -- services ------------------------------------------------------------------------------

    def _serve(
        self,
        name: str,
        answer: Callable[[Any, Any], Any],
        fallback: str,
        request: Any,
        response: Any,
    ) -> Any:
        """Answer a call; what goes wrong goes into the response, never out of the callback."""
        try:
            return answer(request, response)
        except Exception as error:
            if not isinstance(error, (TeachingError, ValueError, OSError)):
                self.log_traceback(f"service {name}")
            else:
                self.get_logger().warning(f"{name} refused: {error}")
            if fallback:
                return refuse(response, error, fallback)
            if hasattr(response, "success"):
                response.success = False
                response.message = str(error)
            return response

    def _add_samples(self, request: Any, response: Any) -> Any:
        samples = [sample_from_message(message) for message in request.samples]
        receipt = self._session_of().add_samples(samples, request.source)
        response.accepted = receipt.accepted
        response.relabelled = receipt.relabelled
        response.pending = receipt.pending
        self._train_if_enough()
        return response

    def _train_if_enough(self) -> None:
        """Start a lesson that nobody waits for when so much is pending."""
        if self._enough(self._session_of().state().pending):
            threading.Thread(target=self._train_alone, name="auto-train", daemon=True).start()

    def _enough(self, pending: int) -> bool:
        """Whether so many pending samples start a lesson by themselves."""
        return 0 < self.parameters.auto_train <= pending

    def _list_samples(self, request: Any, response: Any) -> Any:
        response.total, samples = self._session_of().list_samples(
            label=request.label,
            sample_ids=tuple(request.sample_ids),
            nearest_to=request.nearest_to,
            offset=request.offset,
            limit=min(request.limit, 100),
            pictures=request.pictures,
        )
        response.samples = [sample_to_message(sample) for sample in samples]
        return response

    def _list_versions(self, request: Any, response: Any) -> Any:
        versions = self._session_of().list_versions(limit=request.limit)
        response.versions = [version_to_message(version) for version in versions]
        return response

    def _roll_back(self, request: Any, response: Any) -> Any:
        response.version = self._session_of().roll_back(request.version)
        response.message = f"Version {response.version} answers now."
        return response

    def _edit_class(self, request: Any, response: Any) -> Any:
        if request.operation not in EDITS:
            raise ValueError("Only RENAME, MERGE and FORGET are done here; nothing was changed.")
        session = self._session_of()
        edit = EDITS[request.operation]
        response.version = session.edit_class(edit, request.label, request.new_label)
        response.message = f"Version {response.version} answers now."
        return response

    def _undo(self, request: Any, response: Any) -> Any:
        response.message, response.version = self._session_of().undo()
        return response

    def _save_model(self, request: Any, response: Any) -> Any:
        session = self._session_of()
        state = session.state()
        path = (
            uri_to_path(request.uri)
            if request.uri
            else self._folder() / "saved" / f"{state.method}-v{state.version}.cil"
        )
        response.uri = Path(session.save_model(path)).absolute().as_uri()
        response.success = True
        response.message = f"Version {state.version} is saved."
        return response

    def _load_model(self, request: Any, response: Any) -> Any:
        session = self._session_of()
        response.version = session.load_model(uri_to_path(request.uri))
        response.labels = [summary.label for summary in session.state().classes]
        response.success = True
        response.message = f"Version {response.version} answers now."
        return response

    # -- lessons -------------------------------------------------------------------------------

    def _train_phase(self, goal: Any) -> TrainPhase.Result:
        """Learn what is pending; ends the goal in every case."""
        result = TrainPhase.Result()
        try:
            lesson = self._session_of().train(
                labels=tuple(goal.request.labels) or None,
                time_limit=duration_to_seconds(goal.request.time_limit) or None,
                progress=self._feedback_for(goal),
                should_stop=lambda: goal.is_cancel_requested or not self.is_active,
            )
        except Exception as error:
            return self._end_badly(goal, result, error)
        goal.succeed()
        self.get_logger().info(lesson.in_words(len(self._session_of().state().classes)))
        return lesson_to_result(lesson)

    def _end_badly(self, goal: Any, result: Any, error: Exception) -> Any:
        if isinstance(error, LessonStoppedError) and goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        if isinstance(error, TeachingError):
            self.get_logger().warning(f"train_phase: {error}")
        else:
            self.log_traceback("train_phase")
        return fail(result, error)

    def _feedback_for(self, goal: Any) -> Callable[[str, float, str], None]:
        """Return a progress callback that publishes feedback."""
        started = self.get_clock().now()

        def tell(stage: str, fraction: float, message: str) -> None:
            feedback = TrainPhase.Feedback(
                stage=STAGES[stage], progress=float(fraction), message=message, loss=float("nan")
            )
            feedback.elapsed = (self.get_clock().now() - started).to_msg()
            if goal.is_active:
                goal.publish_feedback(feedback)

        return tell

    def _train_alone(self) -> None:
        """Run lessons that nobody waits for, until too little is pending."""
        try:
            session = self._session_of()
            while self.is_active and self._enough(session.state().pending):
                lesson = session.train(should_stop=lambda: not self.is_active)
                self.get_logger().info(lesson.in_words(len(session.state().classes)))
        except TeachingError as error:
            if error.code not in ("ALREADY_TRAINING", "NOTHING_PENDING"):
                self.get_logger().warning(f"auto_train: {error}")
        except Exception:
            self.log_traceback("auto_train")


def main() -> int:
    """Run the learner."""
    return run(Learner)


if __name__ == "__main__":
    raise SystemExit(main())
