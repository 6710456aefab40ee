"""Writes the files of a release: ``./cil python -m tests.releases.make_release`` from the clone.

Into ``tests/releases/VERSION`` go a session's folder (journal and snapshots), a learner's file with
and without its statistics, a bag with one of every message, what was answered on them, and the
versions of all formats. ``test_releases.py`` opens those of every release. A folder is never made
again once its version is out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from ament_index_python.packages import get_package_share_directory

from cil_nodes import __version__
from cil_nodes.learners import Oracil, persistence
from cil_nodes.teaching import Sample, Session, schema

HERE = Path(__file__).resolve().parent
DIMENSION = 8
ENCODER = "release@0123456789ab"
THINGS = ("mug", "duck", "lamp", "boot")
STRANGER = "kite"
STAMP_NS = 1_700_000_000_000_000_000


def views(thing: str, count: int, first: int = 0) -> np.ndarray:
    """Return vectors that look like ``thing``; always the same ones."""
    place = [*THINGS, STRANGER].index(thing)
    centre = np.random.default_rng(place).normal(size=DIMENSION) * 3
    noise = np.random.default_rng([place, first]).normal(size=(count, DIMENSION)) * 0.2
    return (centre + noise).astype(np.float32)


def questions() -> np.ndarray:
    """Return fresh views of everything, the stranger's last."""
    return np.concatenate([views(thing, 2, first=99) for thing in (*THINGS, STRANGER)])


def sample(thing: str, number: int, features: np.ndarray, label: str = "") -> Sample:
    """Return a sample of the session."""
    return Sample(
        sample_id=f"{thing}-{number}",
        stamp_ns=STAMP_NS + number,
        frame_id="camera",
        roi=(1, 2, 3, 4),
        encoder_id=ENCODER,
        features=features,
        label=label,
        picture=b"jpeg",
    )


def lesson(thing: str) -> list[Sample]:
    """Return ten labelled samples of ``thing``."""
    return [sample(thing, n, row, thing) for n, row in enumerate(views(thing, 10))]


def write_session(folder: Path) -> dict[str, Any]:
    """Teach a session three things in two lessons, leave a fourth pending; return its answers."""
    with_parameters: dict[str, Any] = {"worker": "inline", "method": "oracil", "random_state": 0}
    session = Session(folder, **with_parameters)
    try:
        session.add_samples([*lesson("mug"), *lesson("duck")], "release")
        session.train()
        session.add_samples(lesson("lamp"), "release")
        session.train()
        session.add_samples(lesson("boot"), "release")
        return session_answers(session)
    finally:
        session.close()
        (folder / "lock").unlink(missing_ok=True)


def session_answers(session: Session) -> dict[str, Any]:
    """Return what a session answers to the questions, and what it says of itself."""
    rows = session.predict_batch([sample("ask", n, x) for n, x in enumerate(questions())])
    state = session.state()
    return {
        "labels": [row.label for row in rows],
        "unknown_scores": [row.unknown_score for row in rows],
        "version": rows[0].version,
        "pending": state.pending,
        "classes": {entry.label: entry.samples for entry in state.classes},
    }


def write_learner(folder: Path) -> dict[str, Any]:
    """Save a learner with and without statistics; return its answers."""
    learner = Oracil(random_state=0)
    for things in (THINGS[:2], THINGS[2:]):
        rows = np.concatenate([views(thing, 10) for thing in things])
        learner.partial_fit(rows, np.repeat(things, 10))
    learner.save(folder / "learner.safetensors")
    learner.save(folder / "learner-answers-only.safetensors", statistics=False)
    return learner_answers(learner)


def learner_answers(learner: Any) -> dict[str, Any]:
    """Return what a learner answers to the questions."""
    asked = questions()
    return {
        "labels": learner.predict(asked).tolist(),
        "scores": learner.predict_proba(asked).max(axis=1).tolist(),
        "unknown_scores": learner.unknown_score(asked).tolist(),
    }


def write_bag(folder: Path) -> dict[str, Any]:
    """Write a bag with one of every message, filled; return the content by type."""
    from rclpy.serialization import serialize_message

    from cil_nodes.ros.bag_writer import BagWriter, offered_qos

    kinds = sorted(kind for kind in type_hashes() if "/msg/" in kind)
    troubles: list[str] = []
    writer = BagWriter(folder, on_error=troubles.append)
    for kind in kinds:
        writer.add_topic(f"/{kind.rpartition('/')[2]}", kind, offered_qos(True))
    writer.start()
    content = {}
    for number, kind in enumerate(kinds):
        message = filled(message_class(kind))
        writer.put(f"/{kind.rpartition('/')[2]}", STAMP_NS + number, serialize_message(message))
        content[kind] = plain(message)
    writer.close()
    assert not troubles, troubles
    return content


def message_class(kind: str) -> type:
    """Return the class of ``package/msg/Name``."""
    package, _, name = kind.split("/")
    return getattr(import_module(f"{package}.msg"), name)


def filled(kind: type) -> Any:
    """Return a message in which no field has its default."""
    message = kind()
    written: dict[str, str] = kind.get_fields_and_field_types()  # type: ignore[attr-defined]
    for number, (name, field) in enumerate(written.items(), 1):
        many = re.fullmatch(r"sequence<(.+?)(?:, \d+)?>|(.+)\[(\d+)\]", field)
        if many:
            item, count = many[1] or many[2], int(many[3] or 2)
            setattr(message, name, [_value(item, number) for _ in range(count)])
        else:
            setattr(message, name, _value(field, number))
    return message


def _value(written: str, number: int) -> Any:
    """Return a value of a field's type, as its message writes the type."""
    if "/" in written:
        package, name = written.split("/")
        return filled(message_class(f"{package}/msg/{name}"))
    if written.startswith("string"):
        return f"text {number}"
    if written == "boolean":
        return True
    return number + 0.5 if written in ("float", "double") else number


def plain(message: Any) -> Any:
    """Return a message's content as JSON has it; whichever library made the message."""
    if hasattr(message, "get_fields_and_field_types"):
        names = list(message.get_fields_and_field_types())
    elif is_dataclass(message):
        # Constants are among these, in capitals; ROS has field names in lower case.
        names = [f.name for f in fields(message) if f.name.islower() and f.name[0] != "_"]
    elif hasattr(message, "tolist"):
        return message.tolist()
    elif isinstance(message, list | tuple):
        return [plain(one) for one in message]
    else:
        return message
    return {name: plain(getattr(message, name)) for name in names}


def type_hashes() -> dict[str, str]:
    """Return the RIHS hash of every interface of the installed cil_msgs, by type."""
    share = Path(get_package_share_directory("cil_msgs"))
    found = {}
    for file in sorted(share.glob("*/*.json")):
        for entry in json.loads(file.read_text())["type_hashes"]:
            name = entry["type_name"]
            if name.startswith("cil_msgs/") and name.rpartition("/")[2] == file.stem:
                found[name] = entry["hash_string"]
    return found


def formats() -> dict[str, Any]:
    """Return the versions of everything that outlives a program: files, messages."""
    steps = [hashlib.sha256(step.encode()).hexdigest() for step in schema.MIGRATIONS]
    return {
        "journal": schema.SCHEMA_VERSION,
        "journal_steps": steps,
        "learner_file": persistence.FORMAT_VERSION,
        "interfaces": type_hashes(),
    }


def write_json(path: Path, content: Any) -> None:
    """Write JSON that a person can read and git can compare."""
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Write the folder of this version."""
    parser = argparse.ArgumentParser(description="Write tests/releases for this version.")
    parser.add_argument("--again", action="store_true", help="replace it; never once it is out")
    options = parser.parse_args(arguments)
    folder = HERE / __version__
    if folder.exists():
        if not options.again:
            parser.exit(1, f"{folder} exists; only before its release may it be made --again.\n")
        shutil.rmtree(folder)
    folder.mkdir()
    answers = {
        "session": write_session(folder / "session"),
        "learner": write_learner(folder),
        "bag": write_bag(folder / "bag"),
    }
    write_json(folder / "answers.json", answers)
    write_json(folder / "formats.json", formats())
    print(folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
