"""The base of every node of the graph: lifecycle, parameters, autostart, handles that come and go.

A node subclasses :class:`CilNode`, names its parameter model and fills four hooks::

    class Extractor(CilNode):
        Parameters = ExtractorParameters

        def configure(self) -> None:      # load, make publishers and subscriptions
        def activate(self) -> None:       # start threads
        def deactivate(self) -> None:     # stop them
        def cleanup(self) -> None:        # free what was loaded

Publishers, subscriptions, services and timers made with the ``make_*`` methods are destroyed on
cleanup by the base, so configuring again starts afresh.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

from rclpy.callback_groups import CallbackGroup
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSProfile

from cil_nodes.ros import qos
from cil_nodes.ros.clock_watch import STEADY, ClockWatch
from cil_nodes.ros.diagnostics import Diagnostics
from cil_nodes.ros.node_log import NodeLogger
from cil_nodes.ros.parameters import NodeParameters, declare, parameter
from cil_nodes.ros.troubles import BadInputError, Troubles
from cil_nodes.teaching.errors import TeachingError

try:
    from rclpy.exceptions import RCLError  # type: ignore[attr-defined]
except ImportError:  # Jazzy keeps it with its C extension
    from rclpy.impl.implementation_singleton import rclpy_implementation

    RCLError = rclpy_implementation.RCLError

SHUTDOWN_ERRORS: tuple[type[Exception], ...] = (RCLError, ExternalShutdownException)
"""What rclpy raises from a spin when the context was shut down by a signal."""

P = TypeVar("P", bound="BaseParameters")


class StartFailed(RuntimeError):  # noqa: N818 - says what happened
    """A node that was to start by itself could not configure or activate."""


class BaseParameters(NodeParameters):
    """Parameters that every node has."""

    autostart: bool = parameter(
        True,
        "Configure and activate without being told to; false waits for a lifecycle manager.",
        read_only=True,
    )


class CilNode(LifecycleNode, Generic[P]):
    """Lifecycle node with declared parameters, autostart and logged failures.

    Attributes
    ----------
    parameters : NodeParameters
        Current values; follows live updates, after which :meth:`parameters_changed` is called.
    is_active : bool
        Whether subscriptions and timers call back and publishers send.
    troubles : Troubles
        Where a node says what is wrong with what comes in.
    """

    Parameters: ClassVar[type[BaseParameters]] = BaseParameters
    parameters: P

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        self.is_active = False
        self._log = NodeLogger(super().get_logger().name)
        self._handles: list[tuple[Callable[[Any], Any], Any]] = []
        self.troubles = Troubles(self._warn)
        self.parameters = declare(  # type: ignore[assignment]
            self, self.Parameters, on_change=self.parameters_changed
        )
        self._clock_watch = ClockWatch(self)
        self._starter = (
            self.create_timer(0.0, self._start, clock=STEADY) if self.parameters.autostart else None
        )

    def get_logger(self) -> Any:
        """Return the node's logger; its ``last`` is what diagnostics tell as the last error."""
        return getattr(self, "_log", None) or super().get_logger()

    # -- hooks ---------------------------------------------------------------------------------

    def configure(self) -> None:
        """Load what is heavy and make the handles."""

    def activate(self) -> None:
        """Begin work; publishers send from here on."""

    def deactivate(self) -> None:
        """Stop work; must not fail when :meth:`activate` did half of its own."""

    def cleanup(self) -> None:
        """Free what :meth:`configure` made; must not fail when it did half of its own."""

    def parameters_changed(self, changed: dict[str, Any]) -> None:
        """React to parameters set on the running node, by name and value."""

    # -- handles -------------------------------------------------------------------------------

    def make_publisher(self, kind: type, topic: str, profile: QoSProfile = qos.RESULT) -> Any:
        """Create a lifecycle publisher that logs incompatible subscriptions."""
        handle = self.create_lifecycle_publisher(
            kind, topic, profile, event_callbacks=qos.publisher_events(self, topic)
        )
        self._handles.append((self.destroy_lifecycle_publisher, handle))
        return handle

    def make_subscription(
        self,
        kind: type,
        topic: str,
        callback: Callable[[Any], None],
        profile: QoSProfile = qos.RESULT,
        group: CallbackGroup | None = None,
        raw: bool = False,
    ) -> Any:
        """Create a subscription whose callback runs while the node is active.

        With ``raw`` the callback gets the serialised bytes.

        An exception in ``callback`` is logged and the node lives on: a sentence for bad input, a
        traceback for anything else.
        """
        handle = self.create_subscription(
            kind,
            topic,
            self._guarded(callback, self.resolve_topic_name(topic)),
            profile,
            callback_group=group,
            raw=raw,
            event_callbacks=qos.subscription_events(self, topic),
        )
        self._handles.append((self.destroy_subscription, handle))
        return handle

    def make_timer(
        self, period: float, callback: Callable[[], None], group: CallbackGroup | None = None
    ) -> Any:
        """Create a timer (seconds of the steady clock) that calls back while the node is active."""
        guarded = self._guarded(lambda _: callback(), f"timer {getattr(callback, '__name__', '')}")
        handle = self.create_timer(
            period, lambda: guarded(None), callback_group=group, clock=STEADY
        )
        self._handles.append((self.destroy_timer, handle))
        return handle

    def make_service(
        self,
        kind: type,
        name: str,
        callback: Callable[[Any, Any], Any],
        group: CallbackGroup | None = None,
    ) -> Any:
        """Create a service that lives until cleanup."""
        handle = self.create_service(kind, name, callback, callback_group=group)
        self._handles.append((self.destroy_service, handle))
        return handle

    def make_client(self, kind: type, name: str, group: CallbackGroup | None = None) -> Any:
        """Create a service client that lives until cleanup."""
        handle = self.create_client(kind, name, callback_group=group)
        self._handles.append((self.destroy_client, handle))
        return handle

    def own(self, handle: Any, destroy: Callable[[Any], Any]) -> Any:
        """Have ``destroy(handle)`` called on cleanup, for handles of other kinds (actions)."""
        self._handles.append((destroy, handle))
        return handle

    # -- transitions ---------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run :meth:`configure`; on failure free what it made and stay unconfigured."""
        if self._attempt("configure", self._configure) and self._managed(
            super().on_configure, state
        ):
            return TransitionCallbackReturn.SUCCESS
        self._free()
        return TransitionCallbackReturn.FAILURE

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the publishers and run :meth:`activate`; on failure stay inactive."""
        managed = self._managed(super().on_activate, state)
        self.is_active = managed
        if managed and self._attempt("activate", self.activate):
            return TransitionCallbackReturn.SUCCESS
        self.is_active = False
        self._attempt("deactivate", self.deactivate)
        self._managed(super().on_deactivate, state)
        return TransitionCallbackReturn.FAILURE

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run :meth:`deactivate` and close the publishers."""
        self._halt()
        self._managed(super().on_deactivate, state)
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run :meth:`cleanup` and destroy the handles."""
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free everything."""
        self._halt()
        self._free()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and free everything; the node can then be configured again."""
        return self.on_shutdown(state)

    def close(self) -> None:
        """End the node after its spin: stop, free, destroy. Safe without a valid context."""
        self._halt()
        self._free()
        with contextlib.suppress(*SHUTDOWN_ERRORS):
            self._clock_watch.close()
            self.destroy_node()
        # rclpy leaves the lifecycle services in the graph until the state machine is collected,
        # where they would answer for a node that is gone
        machine = getattr(self, "_state_machine", None)
        if machine is not None:
            with contextlib.suppress(*SHUTDOWN_ERRORS):
                machine.destroy_when_not_in_use()

    # -- running -------------------------------------------------------------------------------

    def spin(self) -> None:
        """Run callbacks until shut down; override where a node needs more than one executor."""
        executor = SingleThreadedExecutor(context=self.context)
        executor.add_node(self)
        try:
            executor.spin()
        finally:
            with contextlib.suppress(*SHUTDOWN_ERRORS):
                executor.remove_node(self)

    def log_traceback(self, what: str) -> None:
        """Log the exception being handled, its type and its traceback, as an error."""
        error = sys.exc_info()[1]
        self._say(f"{what} failed: {type(error).__name__}: {error}\n{traceback.format_exc()}")

    def log_failure(self, what: str) -> None:
        """Log the exception being handled: one line where that says all, else a traceback.

        It does where the exception is written for the user; see :func:`is_for_the_user`. The
        traceback is then logged at the level ``debug``.
        """
        error = sys.exc_info()[1]
        if not is_for_the_user(error):
            self.log_traceback(what)
            return
        self._say(f"{what} failed: {error}")
        if self.context.ok():
            self.get_logger().debug(traceback.format_exc())

    def _say(self, text: str) -> None:
        if self.context.ok():
            self.get_logger().error(text)
        else:  # the logger's topic is gone; standard error is not
            print(text, file=sys.stderr, flush=True)

    def _start(self) -> None:
        if self._starter is not None:
            self.destroy_timer(self._starter)
            self._starter = None
        for step in (self.trigger_configure, self.trigger_activate):
            if step() != TransitionCallbackReturn.SUCCESS:
                raise StartFailed(
                    f"{self.get_fully_qualified_name()} did not start; the reason is logged above"
                )
        self.get_logger().info("active")

    def _configure(self) -> None:
        self._diagnostics = Diagnostics(self)  # first, so that the hook can name what it counts
        self.configure()

    def _attempt(self, what: str, hook: Callable[[], None]) -> bool:
        try:
            hook()
        except Exception:
            self.log_failure(what)
            return False
        return True

    def _managed(self, forward: Callable[[Any], TransitionCallbackReturn], state: Any) -> bool:
        return forward(state) == TransitionCallbackReturn.SUCCESS

    def _halt(self) -> None:
        if self.is_active:
            self.is_active = False
            self._attempt("deactivate", self.deactivate)

    def _free(self) -> None:
        self._attempt("cleanup", self.cleanup)
        while self._handles:
            destroy, handle = self._handles.pop()
            with contextlib.suppress(*SHUTDOWN_ERRORS):
                destroy(handle)

    def _guarded(self, callback: Callable[[Any], None], what: str) -> Callable[[Any], None]:
        """Wrap a callback of a topic: nothing while inactive; what fails is logged seldom."""

        def run(message: Any) -> None:
            if not self.is_active:
                return
            try:
                callback(message)
            except SHUTDOWN_ERRORS:
                if self.context.ok():
                    raise
            except (BadInputError, TeachingError) as error:
                self.troubles.tell(what, f"Refused from {what}: {error}")
            except Exception:
                if self.context.ok() and self.is_active:  # else its handles are going away
                    self._log_seldom(what)

        return run

    def _log_seldom(self, what: str) -> None:
        """Log the exception being handled with its traceback, each place once in 5 s."""
        error = sys.exc_info()[1]
        text = f"callback of {what} failed: {type(error).__name__}: {error}"
        self.troubles.tell(
            f"failed {what}", f"{text}\n{traceback.format_exc()}", log=self.get_logger().error
        )

    def _warn(self, text: str) -> None:
        if self.context.ok():
            self.get_logger().warning(text)


def is_for_the_user(error: BaseException | None) -> bool:
    """Whether an exception's own words say what is wrong and what to do.

    So do all that this package defines, and what the operating system says of a file or device;
    anything else is a defect, of which the traceback tells more.
    """
    return isinstance(error, OSError) or type(error).__module__.startswith("cil_nodes.")
