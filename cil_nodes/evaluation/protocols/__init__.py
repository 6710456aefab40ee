"""Protocols: which classes come when, what is taught step by step, and what is shown after it."""

from cil_nodes.evaluation.protocols.borderless import blurry, chunks, object_after_object
from cil_nodes.evaluation.protocols.budget import ROBOT_BYTES, largest_within
from cil_nodes.evaluation.protocols.drift import CHEAP_CAMERA, LAMP, Change, drifting
from cil_nodes.evaluation.protocols.labelled import (
    Labelled,
    few_of_each,
    held_out_split,
    joined,
    unit_rows,
)
from cil_nodes.evaluation.protocols.orders import (
    PAPER_SEED,
    ObjectPlan,
    base_and_increments,
    class_means,
    class_order,
    dealt_out,
    look_alike_chain,
    plan_objects,
    side_by_side,
    split_phases,
)
from cil_nodes.evaluation.protocols.running import (
    OverBudgetError,
    Shown,
    StepOutcome,
    joint_accuracy,
    rows_of,
    run_phases,
    run_stream,
    show,
)
from cil_nodes.evaluation.protocols.streams import Step, Stream, class_phases, steps

__all__ = [
    "CHEAP_CAMERA",
    "LAMP",
    "PAPER_SEED",
    "ROBOT_BYTES",
    "Change",
    "Labelled",
    "ObjectPlan",
    "OverBudgetError",
    "Shown",
    "Step",
    "StepOutcome",
    "Stream",
    "base_and_increments",
    "blurry",
    "chunks",
    "class_means",
    "class_order",
    "class_phases",
    "dealt_out",
    "drifting",
    "few_of_each",
    "held_out_split",
    "joined",
    "joint_accuracy",
    "largest_within",
    "look_alike_chain",
    "object_after_object",
    "plan_objects",
    "rows_of",
    "run_phases",
    "run_stream",
    "show",
    "side_by_side",
    "split_phases",
    "steps",
    "unit_rows",
]
