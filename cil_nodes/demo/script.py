"""The scripted teacher: shows objects, says what they are, tests, and writes down every answer.

It does what a person could do from outside: it uses the public topics, services and actions alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tqdm import tqdm

from cil_nodes.client import Seen, Teacher, TeacherTimeout
from cil_nodes.demo.stage import Stage
from cil_nodes.evaluation.run_record import PredictionRow
from cil_nodes.teaching.records import LessonResult

VIEWS_BEFORE_TEACHING = 2
"""Views of each object shown before anything has been taught."""

SILENCE = 5.0
"""Seconds without an answer after which the remaining views count as lost."""

SETTLING_VIEWS = 5
SETTLING_TRIES = 10


@dataclass(frozen=True)
class Observation:
    """One answer and what was in the picture; ``row.picture`` is added after the run."""

    stamp_ns: int
    row: PredictionRow


class ScriptedTeacher:
    """Carries a plan out on a running graph.

    Parameters
    ----------
    teacher : Teacher
        Client of the graph.
    stage : Stage
        What there is to show, and what of it is taught when.
    """

    def __init__(self, teacher: Teacher, stage: Stage) -> None:
        self._teacher = teacher
        self._stage = stage
        self._phase = 0
        self.observations: list[Observation] = []
        self.lessons: list[LessonResult] = []
        self.lost = 0
        self._bar: tqdm = tqdm(disable=True)

    def run(self) -> None:
        """Show everything unknown, then teach and test phase by phase."""
        stage = self._stage
        self._settle()
        with tqdm(total=self._views(), unit="view", dynamic_ncols=True) as self._bar:
            self._test("before teaching", dict.fromkeys(stage.objects, VIEWS_BEFORE_TEACHING))
            for labels in stage.plan.phases:
                self._teach(labels)
                self._phase += 1
                self._test(f"test {self._phase}", stage.tested_after(self._phase))

    def teach_one_more(self, label: str) -> str:
        """Teach an object by the action ``teach``, as a person would; returns its summary."""
        answer: list[str] = []

        def teach() -> None:
            answer.append(self._teacher.teach(label, num_samples=10, min_diversity=0.01).summary)

        self._show_while(teach, label)
        return answer[0]

    # -- one phase ---------------------------------------------------------------------------------

    def _teach(self, labels: tuple[str, ...]) -> None:
        self._bar.set_description(f"teach {self._phase + 1}")
        for label in labels:
            seen = self._look(label, self._stage.to_teach[label], fresh=False)
            self._write_down(label, seen, test=False)
            self._teacher.label(label, [one.sample_id for one in seen])
        self._bar.set_description(f"learn {self._phase + 1}")
        self._show_while(lambda: self.lessons.append(self._teacher.train()), self._stage.pastime)

    def _test(self, title: str, views: Mapping[str, int]) -> None:
        self._bar.set_description(title)
        for label, count in views.items():
            self._write_down(label, self._look(label, count, fresh=True), test=True)

    def _show_while(self, work: Callable[[], None], label: str) -> None:
        """Keep pictures of ``label`` coming while ``work`` runs beside them."""
        failure: list[BaseException] = []

        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                failure.append(error)

        thread = threading.Thread(target=guarded, name="teacher-work", daemon=True)
        thread.start()
        while thread.is_alive():
            seen = self._look(label, 5, fresh=False, counted=False)
            self._write_down(label, seen, test=False, training=True)
        if failure:
            raise failure[0]

    def _settle(self) -> None:
        """Show something until answers come without a gap: the graph has found itself."""
        for _ in range(SETTLING_TRIES):
            if (
                len(self._answers(self._stage.pastime, SETTLING_VIEWS, silence=2.0))
                == SETTLING_VIEWS
            ):
                return
        raise TeacherTimeout(
            f"The graph lost views in {SETTLING_TRIES} tries: is the machine overloaded? "
            "The run's log says what the nodes complained of."
        )

    # -- watching ----------------------------------------------------------------------------------

    def _look(self, label: str, views: int, fresh: bool, counted: bool = True) -> list[Seen]:
        """Show views one after the other and return the answers that came."""
        if views == 0:
            return []
        seen = self._answers(label, views, fresh)
        self.lost += views - len(seen)
        if counted:
            self._bar.update(views)
        return seen

    def _answers(
        self, label: str, views: int, fresh: bool = False, silence: float = SILENCE
    ) -> list[Seen]:
        """Show views and wait for all answers, or until none has come for ``silence`` seconds."""
        mark, start = self._teacher.mark(), time.time_ns()

        def shown(one: Seen) -> bool:
            return one.stamp_ns >= start  # an answer that comes late belongs to an earlier picture

        self._teacher.show(label, views, fresh)
        came = 0
        while True:
            try:
                return self._teacher.wait_for_predictions(views, silence, shown, mark)
            except TeacherTimeout:
                seen = self._teacher.predictions(mark, shown)
                if len(seen) == came:
                    return seen
                came = len(seen)

    def _write_down(
        self, truth: str, seen: list[Seen], *, test: bool, training: bool = False
    ) -> None:
        taught = truth in self._stage.taught_after(self._phase)
        for one in seen:
            row = PredictionRow(
                phase=self._phase,
                truth=truth,
                label=one.top_k[0][0] if one.top_k else "",
                score=one.score,
                is_unknown=one.is_unknown,
                unknown_score=one.unknown_score,
                taught=taught,
                latency_ms=(one.received_ns - one.stamp_ns) * 1e-6,
                training=training,
                test=test,
            )
            self.observations.append(Observation(one.stamp_ns, row))

    def _views(self) -> int:
        """Views that the whole plan shows."""
        stage = self._stage
        count = VIEWS_BEFORE_TEACHING * len(stage.objects)
        count += sum(stage.to_teach[label] for label in stage.taught)
        for phase in range(1, len(stage.plan.phases) + 1):
            count += sum(stage.tested_after(phase).values())
        return count
