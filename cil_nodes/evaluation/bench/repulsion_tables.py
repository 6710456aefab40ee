"""Records and tables of the RR+RA benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cil_nodes.evaluation.bench.records import Record, measured, missing
from cil_nodes.evaluation.bench.repulsion_plan import (
    FORMS,
    FRAME,
    LITE,
    MAIN,
    OTHERS,
    OWN,
    STEPS,
    STRENGTHS,
    WEIGHTS,
    Found,
    Plan,
    parts,
)
from cil_nodes.evaluation.bench.tables import Cell, Curves, Table
from cil_nodes.evaluation.metrics.paired import paired_interval
from cil_nodes.evaluation.published import published

PARTS = {"first20": "first 20 %", "first50": "first 50 %", "overall": "all"}
BASELINE = "BI-R + SI"
NAMES = {
    "bir": "BI-R",
    "bir_si": BASELINE,
    **{f"f{factor}": f"RR+RA, f = {factor}" for factor in (5, 10, 20, 50, 100)},
    "nof": "RR+RA without f",
    "confidence": "RR+RA, f = 20, by confidence",
    "rr": "RR alone, f = 20",
    "ra": "RA alone",
}
GOALS = {
    ("f20", "overall"): 1.48,
    ("f20", "first50"): 4.86,
    ("f20", "first20"): 4.80,
    ("f10", "first20"): 5.80,
}
"""Published gains in points that we hope to reach."""


WHY = (
    " Strong synaptic intelligence holds the encoder, so that RR and RA act through the generator "
    "and the head alone, and a scaled network takes a fiftieth of the published steps; RA alone "
    "gains as much."
)
"""What is known about gains at the scaled size that stay below the published ones."""


def values(found: Found, line: str, part: str, what: str = "classes") -> dict[int, float]:
    """Return the figure of a line by class order."""
    return {run.order: parts(result[what])[part] for run, result in found.of(line)}


def gain(found: Found, line: str, part: str) -> tuple[float, float | None, float | None]:
    """Return the gain over the baseline in points, and its 95 % interval where there is one."""
    ours, base = values(found, line, part), values(found, "bir_si", part)
    orders = sorted(set(ours) & set(base))
    pairs = np.array([(ours[order], base[order]) for order in orders])
    if len(orders) < 2:
        return float(np.mean(pairs[:, 0] - pairs[:, 1])), None, None
    interval = paired_interval(pairs[:, 0], pairs[:, 1])
    return interval.value, interval.low, interval.high


def gain_text(found: Found, line: str, part: str) -> str:
    """Spell the gain and its interval."""
    value, low, high = gain(found, line, part)
    within = "" if low is None else f" ({low:+.2f} to {high:+.2f})"
    return f"{value:+.2f}{within}"


# ---- records -------------------------------------------------------------------------------------


def records(found: Found, size: str) -> list[Record]:
    """Return a record of each line and part; what was not run has no value."""
    lines = (*MAIN, *OTHERS) if size == "scaled" else ("bir", "bir_si", "f20")
    kept = [_record(found, line, part, size) for line in lines if line not in OWN for part in PARTS]
    generated = [_generator_record(found, part, size) for part in PARTS]
    return [*kept, *generated]


def _record(found: Found, line: str, part: str, size: str) -> Record:
    id_ = f"repulsion_replay.cifar100.{size}.{line}.{part}"
    own = values(found, line, part)
    if not own:
        return missing(id_)
    base = values(found, "bir_si", part)
    mean = float(np.mean([base[order] for order in own if order in base]))
    more: dict[str, Any] = {"unit": "%"}
    if line not in ("bir", "bir_si"):
        more["reference"] = {BASELINE: round(mean, 4)}
        more["note"] = f"Gain over {BASELINE} in points: {gain_text(found, line, part)}."
    hoped = GOALS.get((line, part))
    if hoped is not None:
        name = f"{BASELINE} + {hoped:.2f}"
        more["reference"] = {name: round(mean + hoped, 4), **more["reference"]}
        more["goal"] = f">= {name}"
        more["note"] += WHY if size == "scaled" else ""
    return measured(id_, list(own.values()), **more)


def _generator_record(found: Found, part: str, size: str) -> Record:
    id_ = f"repulsion_replay.cifar100.{size}.generator.{part}"
    own = values(found, "f20", part, "generator")
    if not own:
        return missing(id_)
    softmax = float(np.mean(list(values(found, "f20", part).values())))
    note = "The network of f = 20, classified by the generator; every tenth test picture."
    reference = {"softmax of the same network": round(softmax, 4)}
    return measured(id_, list(own.values()), unit="%", reference=reference, note=note)


# ---- tables --------------------------------------------------------------------------------------


def lines_table(found: Found, minutes: float) -> Table:
    """Return accuracies of every line that was run."""
    rows: list[tuple[Cell, ...]] = []
    for line, name in NAMES.items():
        own = {part: list(values(found, line, part).values()) for part in PARTS}
        if own["overall"]:
            cells = [_spread(own[part]) for part in PARTS]
            rows.append((name, len(own["overall"]), *cells))
    return Table(
        f"Accuracy, {found.plan.size} size, internal features",
        ("line", "orders", *PARTS.values()),
        tuple(rows),
        minutes,
        "Percent, mean ± standard deviation over class orders, after the tenth phase.",
    )


def _spread(figures: list[float]) -> str:
    """Spell mean and standard deviation."""
    more = f" ± {np.std(figures, ddof=1):.2f}" if len(figures) > 1 else ""
    return f"{np.mean(figures):.2f}{more}"


def gains_table(found: Found, minutes: float) -> Table:
    """Return gains over BI-R + SI beside the published ones (Table 1)."""
    table1 = published("repulsion_replay", "1")
    rows: list[tuple[Cell, ...]] = []
    for line, name in NAMES.items():
        if line in ("bir", "bir_si") or not found.of(line):
            continue
        theirs = table1.rows.get(line.removeprefix("f"), (None,) * 6)
        cells: list[Cell] = []
        for number, part in enumerate(PARTS):
            known = values(found, "bir_si", part)
            base = np.mean([known[order] for order in values(found, line, part) if order in known])
            relative = 100 * gain(found, line, part)[0] / base if base else float("inf")
            paper = theirs[2 * number]
            cells += [gain_text(found, line, part), f"{relative:+.1f}", paper]
        rows.append((name, len(found.of(line)), *cells))
    columns = [x for part in PARTS.values() for x in (part, "relative, %", "paper")]
    return Table(
        f"Gain over {BASELINE}, {found.plan.size} size",
        ("line", "orders", *columns),
        tuple(rows),
        minutes,
        "Points, with the 95 % interval over class orders (Student, paired); then percent of the "
        "baseline, and the paper's points.",
    )


def frame_table(found: Found, frame: Mapping[tuple[str, str], dict[str, Any]]) -> Table:
    """Return what frames the method: generator, peers and joint training on the same features."""
    rows: list[tuple[Cell, ...]] = []
    for features, spelled in (("internal", "internal"), (LITE, "extractor, Lite0")):
        for line in ("bir", "bir_si", "f20"):
            for what, how in (("classes", "softmax"), ("generator", "generator")):
                results = [result for _, result in found.of(line, features=features)]
                if results:
                    own = [parts(result[what]) for result in results]
                    cells = (_spread([each[part] for each in own]) for part in PARTS)
                    rows.append((f"{NAMES[line]}, {how}", spelled, *cells))
        if features == "internal":
            for _, result in found.of("joint"):
                own_parts = parts(result["classes"])
                cells = (_spread([own_parts[part]]) for part in PARTS)
                rows.append(("same network, all classes at once", spelled, *cells))
        for name in FRAME:
            if (name, features) in frame:
                own_parts = parts(frame[name, features]["classes"])
                rows.append((name, spelled, *(_spread([own_parts[part]]) for part in PARTS)))
    return Table(
        "What frames it: the generator as classifier, peers and joint training",
        ("learner", "features", *PARTS.values()),
        tuple(rows),
        20.0,
        "Peers and joint training in the first class order. The generator answers every tenth "
        "test picture.",
    )


def settings_tables(found: Found, plan: Plan) -> list[Table]:
    """Return what was tried on the validation order."""
    if "settings" in plan.left_out:
        return []
    held, pushed = plan.settings[: len(STRENGTHS)], plan.settings[len(STRENGTHS) :]
    note = (
        "Percent on a fifth of the training pictures that is kept out, one class order that is "
        "not among those reported, 100 iterations a phase."
    )
    first = [
        (f"c = {c:g}", *_row(found.exactly(run))) for c, run in zip(STRENGTHS, held, strict=True)
    ]
    names = [f"{form}, lambda = {weight:g}" for form in FORMS for weight in WEIGHTS]
    second = [(name, *_row(found.exactly(run))) for name, run in zip(names, pushed, strict=True)]
    columns = (
        *PARTS.values(),
        "drawn samples kept, %",
        "hidden layer, apart",
        "generated, apart",
    )
    return [
        Table(
            "Strength of synaptic intelligence, validation",
            ("BI-R + SI", *columns),
            tuple(first),
            8.0,
            note,
        ),
        Table(
            "Form and weight of RR and RA, f = 20, validation",
            ("RR+RA", *columns),
            tuple(second),
            10.0,
            note,
        ),
    ]


def _row(result: dict[str, Any] | None) -> tuple[Cell, ...]:
    """Return accuracies and the look inside of one run; dashes where it was left out."""
    if result is None:
        return (None,) * 6
    own = parts(result["classes"])
    inner = (result["kept_class"], result["hidden_apart"], result["generated_apart"])
    return (*(own[part] for part in PARTS), *inner)


def inside_table(found: Found) -> Table:
    """Return the look inside: what RR does to classes that compete."""
    rows: list[tuple[Cell, ...]] = []
    for line, name in NAMES.items():
        results = [result for _, result in found.of(line)]
        if results:
            means = (
                float(np.mean([result[key] for result in results]))
                for key in ("hidden_apart", "generated_apart", "kept_class", "competitors")
            )
            rows.append((name, *means))
    return Table(
        "Inside: classes that compete, and what is replayed",
        ("line", "hidden layer", "generated", "keep their class, %", "competitors"),
        tuple(rows),
        1.0,
        "Distance between the means of competing classes over the mean distance of all classes, "
        "in the last hidden layer and in x'; share of drawn samples to which the softmax gives "
        "the class they were drawn for; competitors of a drawn sample at f = 20.",
    )


def drawings(found: Found, plan: Plan) -> list[Curves]:
    """Return accuracy over iterations (Figure 3), and over the weight of RR and RA."""
    if "iterations" in plan.left_out or plan.size != "scaled":
        return []
    first = plan.orders[0]
    whole = plan.runs()[-1][1].settings["iterations"]
    series: dict[str, list[tuple[float, float]]] = {}
    for line in ("bir_si", "f20"):
        runs = [run for run in plan.steps if run.line == line]
        points = [
            (float(steps), found.exactly(run)) for steps, run in zip(STEPS, runs, strict=True)
        ]
        last = next((result for run, result in found.of(line) if run.order == first), None)
        for part in ("overall", "first20"):
            series[f"{NAMES[line]}, {PARTS[part]}"] = sorted(
                (at, parts(result["classes"])[part])
                for at, result in [*points, (float(whole), last)]
                if result is not None
            )
    return [Curves("Accuracy by iterations a phase", "iterations", "accuracy", series, log_x=True)]
