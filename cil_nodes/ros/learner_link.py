"""The labeler's line to the learner: asked without spinning, answered within a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from cil_msgs.action import TrainPhase
from cil_msgs.srv import AddSamples
from rclpy.callback_groups import ReentrantCallbackGroup

from cil_nodes.ros.action_client import ThreadedActionClient
from cil_nodes.ros.lifecycle import CilNode
from cil_nodes.ros.teaching_messages import code_name, lesson_from_result, sample_to_message
from cil_nodes.teaching.errors import LessonStoppedError, TeachingError
from cil_nodes.teaching.records import LessonResult, Receipt
from cil_nodes.teaching.samples import Sample

CALL_LIMIT = 256
"""Most samples that one call of ``add_samples`` carries."""

RETRY_SECONDS = 0.25
"""How often a lesson that has to wait for another one is asked for again."""


class LearnerSilentError(TeachingError):
    """The learner did not answer in time."""

    code = "LEARNER_SILENT"


class LearnerRefusedError(TeachingError):
    """The learner answered with an error; ``code`` is its name."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # an instance knows better than the class


class LearnerLink:
    """Calls to the learner, made from threads of the node's pool.

    Parameters
    ----------
    node : CilNode
        Its executor must have more than one thread: a caller waits while another thread takes the
        answer.
    deadline : callable
        Seconds after which the learner counts as silent.
    """

    def __init__(self, node: CilNode, deadline: Callable[[], float]) -> None:
        self._node = node
        self._deadline = deadline
        group = ReentrantCallbackGroup()
        self._add = node.make_client(AddSamples, "add_samples", group)
        self._train = ThreadedActionClient(node, TrainPhase, "train_phase", callback_group=group)
        node.own(self._train, lambda client: client.destroy())
        self._wanted = threading.Lock()

    def add_samples(self, samples: Sequence[Sample], source: str) -> Receipt:
        """Hand labelled samples over; they are on disk when it returns.

        Raises
        ------
        LearnerSilentError, LearnerRefusedError
        """
        accepted = relabelled = pending = 0
        for start in range(0, len(samples), CALL_LIMIT):
            part = samples[start : start + CALL_LIMIT]
            request = AddSamples.Request(
                samples=[sample_to_message(sample) for sample in part], source=source
            )
            response = self._call(request)
            accepted += response.accepted
            relabelled += response.relabelled
            pending = response.pending
        return Receipt(accepted, relabelled, pending)

    def train(
        self,
        labels: Sequence[str] = (),
        should_stop: Callable[[], bool] = lambda: False,
        tell: Callable[[float], None] = lambda _: None,
    ) -> LessonResult:
        """Have a lesson learned and return what it brought.

        While another lesson runs it is asked for again; when ``should_stop`` it is cancelled.

        Raises
        ------
        LearnerSilentError, LearnerRefusedError, LessonStoppedError
        """
        while True:
            result = self._lesson(labels, should_stop, tell)
            if result.error_code == TrainPhase.Result.NONE:
                return lesson_from_result(result)
            if result.error_code != TrainPhase.Result.ALREADY_TRAINING:
                raise LearnerRefusedError(result.error_msg, code_name(result))
            _pause(RETRY_SECONDS, should_stop)

    def start_lesson(self, on_end: Callable[[str], None]) -> bool:
        """Begin a lesson with everything pending, without waiting for its end.

        Parameters
        ----------
        on_end : callable
            Told in words how it went.

        Returns
        -------
        bool
            Whether the learner can be reached; one lesson is asked for however often this is
            called before it begins.
        """
        if not self._train.wait_for_server(timeout_sec=self._deadline()):
            return False
        if self._wanted.acquire(blocking=False):
            threading.Thread(target=self._learn_alone, args=(on_end,), daemon=True).start()
        return True

    def _learn_alone(self, on_end: Callable[[str], None]) -> None:
        try:
            lesson = self.train(should_stop=lambda: not self._node.is_active)
            on_end(f"Version {lesson.version} answers: {lesson.samples} samples learned.")
        except TeachingError as error:
            on_end(f"The lesson failed: {error}")
        except Exception:
            if self._node.context.ok():
                self._node.log_traceback("a lesson")
        finally:
            self._wanted.release()

    def _call(self, request: AddSamples.Request) -> AddSamples.Response:
        seconds = self._deadline()
        if not self._add.wait_for_service(timeout_sec=seconds):
            raise self._silent("nobody offers its service add_samples", seconds)
        future = self._add.call_async(request)
        try:
            response = _result(future, seconds)
        except TimeoutError:
            self._add.remove_pending_request(future)
            raise self._silent("add_samples was not answered", seconds) from None
        if response.error_code != AddSamples.Response.OK:
            raise LearnerRefusedError(response.message, code_name(response))
        return response

    def _lesson(
        self,
        labels: Sequence[str],
        should_stop: Callable[[], bool],
        tell: Callable[[float], None],
    ) -> TrainPhase.Result:
        """Send one goal and wait for its end, or cancel it."""
        seconds = self._deadline()
        if not self._train.wait_for_server(timeout_sec=seconds):
            raise self._silent("nobody offers its action train_phase", seconds)
        sent = self._train.send_goal_async(
            TrainPhase.Goal(labels=list(labels)),
            feedback_callback=lambda message: tell(message.feedback.progress),
        )
        try:
            handle = _result(sent, seconds)
        except TimeoutError:
            raise self._silent("train_phase did not take the goal", seconds) from None
        if not handle.accepted:
            raise LearnerRefusedError("The learner refused the goal.", "UNKNOWN")
        future = handle.get_result_async()
        done = _event_of(future)
        while not done.wait(0.1):
            if should_stop():
                handle.cancel_goal_async()
                raise LessonStoppedError("The lesson was stopped on request.")
            if not self._train.server_is_ready():
                raise self._silent("it went away during the lesson", seconds)
        return future.result().result

    def _silent(self, what: str, seconds: float) -> LearnerSilentError:
        name = self._node.resolve_service_name("add_samples")
        return LearnerSilentError(
            f"The learner is silent: {what} within {seconds:g} s ({name}). Nothing was stored as "
            "far as is known; say it again when the learner is active (saying it twice does no "
            "harm)."
        )


def _result(future: Any, seconds: float) -> Any:
    """Return what a future brings; another thread spins."""
    if not _event_of(future).wait(seconds):
        raise TimeoutError
    return future.result()


def _event_of(future: Any) -> threading.Event:
    """Return an event that is set when the future is done."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    return done


def _pause(seconds: float, should_stop: Callable[[], bool]) -> None:
    if should_stop():
        raise LessonStoppedError("The lesson was stopped before it began.")
    time.sleep(seconds)
