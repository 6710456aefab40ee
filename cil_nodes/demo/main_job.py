"""Starts the graph, lets the scripted teacher at it, and writes the run folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cil_nodes.client import Teacher
from cil_nodes.demo.options import DemoOptions
from cil_nodes.demo.recording import pictures_by_stamp
from cil_nodes.demo.script import Observation, ScriptedTeacher
from cil_nodes.demo.stage import Stage, grocery_stage, turntable_stage
from cil_nodes.evaluation.report.page import one_sentence
from cil_nodes.evaluation.run_folder import write_run_folder
from cil_nodes.evaluation.run_record import PredictionRow, RunRecord, Setting
from cil_nodes.evaluation.run_summary import summarise
from cil_nodes.ros.runner import GraphProcess
from cil_nodes.teaching.records import SessionState

ENCODER = "efficientnet_lite0"
RATE = 40
"""Most views shown in a second; the teacher waits for their answers before it goes on."""

TITLES = {
    "sim": "a simulated turntable, 16 objects taught and 8 never",
    "grocery": "grocery photographs, 81 classes taught",
}
TURNTABLE_GOALS = {
    "final_accuracy": ">= 97 %",
    "false_unknown_rate": "< 5 %",
    "unknown_caught_rate": ">= 90 %",
}
GROCERY_GOALS = {"final_accuracy": ">= joint ridge, same features"}
MARK = "run.log"
"""What the graph printed; a folder that holds it is an earlier run and may be replaced."""


class RunFolderError(ValueError):
    """The run folder holds something that is not an earlier run."""


@dataclass(frozen=True)
class Taught:
    """What came out of the running graph."""

    observations: tuple[Observation, ...]
    lost: int
    state: SessionState
    encoder_id: str
    summary: str


def run_demo(options: DemoOptions) -> Path:
    """Carry the demo out.

    Parameters
    ----------
    options : DemoOptions
        What to show, and where to write.

    Returns
    -------
    Path
        ``report.html`` in the run folder.

    Raises
    ------
    RunFolderError
        When the folder holds something else than an earlier run.
    DatasetMissingError
        When the photographs are not there.
    """
    stage = turntable_stage(options.seed)
    if options.stream == "grocery":
        stage = grocery_stage(options.seed, options.data)
    folder = empty_run_folder(options.folder)
    references = joint_references() if options.stream == "grocery" else {}
    taught = teach_graph(options, stage, folder)
    record = RunRecord(
        title=f"Demo: {TITLES[options.stream]}",
        method=options.method,
        seed=options.seed,
        phases=stage.plan.phases,
        predictions=with_pictures(taught.observations, pictures_by_stamp(folder / "bag")),
        unknown_threshold=taught.state.unknown_threshold,
        unknown_calibrated=taught.state.unknown_calibrated,
        configuration=_configuration(options, stage, taught),
        references=references,
        goals=GROCERY_GOALS if options.stream == "grocery" else TURNTABLE_GOALS,
        dropped={"camera to prediction": taught.lost},
        notes=_notes(stage, taught),
        command=f"./cil demo --stream {options.stream} --seed {options.seed}",
    )
    report = write_run_folder(folder, record)
    print(one_sentence(record, summarise(record)), flush=True)
    return report


def empty_run_folder(folder: Path) -> Path:
    """Make the run folder, or empty it where it holds an earlier run."""
    folder = folder.resolve()
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise RunFolderError(
                f"The folder {folder} is not empty and holds no earlier run ({MARK} is missing). "
                "Name another one with --folder, or empty it yourself."
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def teach_graph(options: DemoOptions, stage: Stage, folder: Path) -> Taught:
    """Start the graph, have the scripted teacher carry out its plan, and stop it again."""
    from cil_nodes.encoders import open_encoder

    encoder_id = open_encoder(ENCODER).encoder_id  # made here, where its progress can be seen
    with _graph(options, stage, folder) as graph, Teacher(graph.namespace, 30.0) as teacher:
        script = ScriptedTeacher(teacher, stage)
        script.run()
        state = teacher.state()
        one_more = next(iter(stage.plan.never), None)
        summary = script.teach_one_more(one_more) if one_more else ""
    return Taught(tuple(script.observations), script.lost, state, encoder_id, summary)


@contextmanager
def _graph(options: DemoOptions, stage: Stage, folder: Path) -> Iterator[GraphProcess]:
    """Run camera, extractor, learner, labeler and recorder; their output goes to the run's log."""
    os.environ.setdefault("ROS_DOMAIN_ID", str(10 + os.getpid() % 90))  # away from other graphs
    arguments = {
        "source": stage.source,
        "rate": str(RATE),
        "method": options.method,
        "folder": str(folder / "learner"),
        "record": str(folder / "bag"),
        "seed": str(options.seed),
    }
    overrides = {
        ("extractor", "queue_size"): "64",
        ("recorder", "image_rate"): "120.0",
    }
    if stage.source != "sim":
        overrides["camera", "on_request"] = "true"
    if options.data is not None:
        os.environ["CIL_DATA"] = str(options.data.resolve())
    print(f"Starting the graph; what it says goes to {folder / MARK}", flush=True)
    with (folder / MARK).open("w") as log, GraphProcess(arguments, overrides, echo=log) as graph:
        yield graph


def joint_references() -> dict[str, float]:
    """Accuracies, as fractions, of peers that learn all photographs at once on these features."""
    from cil_nodes.evaluation.bench import demo_grocery
    from cil_nodes.evaluation.bench.features import features_of

    splits = (features_of(demo_grocery.DATASET, split) for split in ("train", "test"))
    percent = demo_grocery.joint_references(*(labelled for labelled, _ in splits))
    return {name: value / 100 for name, value in percent.items()}


def with_pictures(
    observations: tuple[Observation, ...], pictures: Mapping[int, bytes]
) -> tuple[PredictionRow, ...]:
    """Put the recorded picture to each answer to a test picture."""
    return tuple(
        replace(one.row, picture=pictures.get(one.stamp_ns)) if one.row.test else one.row
        for one in observations
    )


def _configuration(options: DemoOptions, stage: Stage, taught: Taught) -> dict[str, Setting]:
    return {
        "stream": options.stream,
        "method": options.method,
        "encoder": taught.encoder_id,
        "phases": len(stage.plan.phases),
        "objects taught": len(stage.taught),
        "objects never taught": len(stage.plan.never),
        "pictures to teach": sum(stage.to_teach[label] for label in stage.taught),
        "pictures to test, after the last phase": sum(stage.to_test.values()),
        "pictures of an object to test, after earlier phases": stage.between,
    }


def _notes(stage: Stage, taught: Taught) -> tuple[str, ...]:
    notes = [
        "Every answer came through the running graph: camera, extractor, learner and labeler as "
        "separate processes over DDS.",
    ]
    if taught.summary:
        notes.append(
            f"After the test the {stage.plan.never[0]} was taught by the action teach. The robot "
            f"said: {taught.summary}"
        )
    return tuple(notes)
