"""The Dockerfile, as far as it can be checked without building it."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
# Continued lines joined, comments gone.
STEPS = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.M)).splitlines()


def test_every_copied_source_exists():
    copies = [step.split()[1:] for step in STEPS if step.startswith("COPY ")]
    assert copies
    for *sources, _ in copies:
        for source in sources:
            assert (ROOT / source).exists(), f"COPY {source}: no such file"


def test_it_does_not_run_as_root():
    users = [step.split()[1] for step in STEPS if step.startswith("USER ")]
    assert users
    assert users[-1] != "root"


def test_extras_that_are_named_exist():
    project = (ROOT / "pyproject.toml").read_text()
    named = {*re.search(r"extras=([\w,]+)", TEXT)[1].split(","), "cpu", "gpu"}
    for file in ("docs/installation.md", "ros2_ws/src/cil_nodes/package.xml"):
        for extras in re.findall(r'"\.\[([\w,]+)\]"', (ROOT / file).read_text()):
            named |= set(extras.split(","))
    for extra in named:
        assert re.search(rf"^{extra} = \[", project, re.M), f"no extra {extra} in pyproject.toml"


def test_what_it_starts_is_there():
    command = json.loads(next(s for s in STEPS if s.startswith("CMD "))[4:])
    assert command[:3] == ["ros2", "launch", "cil_nodes"]
    assert (ROOT / "launch" / command[3]).is_file()
    assert json.loads(next(s for s in STEPS if s.startswith("ENTRYPOINT "))[11:])[0] == "/bin/bash"
