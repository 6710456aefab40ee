"""Checks of the doctor: middleware, its transports, the domain, and who is there already."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from cil_nodes.places import config_folder, without_user
from cil_nodes.support.finding import NOTE, OK, PROBLEM, Finding, Machine
from cil_nodes.support.trial import run

SEGMENT = 16 * 2**20
"""Bytes of shared memory for one publisher, below which raw images get lost."""

PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
RANGES = ("SUBNET", "LOCALHOST", "OFF", "SYSTEM_DEFAULT")
LOOK = 3.0
"""Seconds that are looked for other nodes."""

Element = ElementTree.Element


def profile(machine: Machine) -> Iterator[Finding]:
    """Whether Fast DDS gets a segment in which raw images fit."""
    middleware = machine.environment.get("RMW_IMPLEMENTATION", "")
    if middleware and "fastrtps" not in middleware:
        text = f"{middleware} has settings of its own."
        remedy = "For raw images give it room too, or use the compressed topic (docs/launch.md)."
        yield Finding("transport", NOTE, text, remedy)
        return
    given = [machine.environment[n] for n in PROFILE_VARIABLES if machine.environment.get(n)]
    ours = config_folder() / "fastdds.xml"
    path = Path(given[0]) if given else ours
    shown = without_user(str(path))
    if problem := profile_problem(path):
        remedy = f"export {PROFILE_VARIABLES[0]}={without_user(str(ours))}"
        yield Finding("transport", PROBLEM, f"{shown}: {problem}", remedy)
    elif given:
        yield Finding("transport", OK, f"{shown} gives images 16 MB or more of shared memory")
    else:
        yield Finding(
            "transport",
            NOTE,
            f"{PROFILE_VARIABLES[0]} is not set here; the graph sets it for its own nodes.",
            f"For nodes started in another way: export {PROFILE_VARIABLES[0]}={shown}",
        )


def profile_problem(path: Path) -> str:
    """Return why a profile of Fast DDS will lose raw images; empty when it will not."""
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        return f"cannot be read ({error.strerror}); Fast DDS then takes its defaults."
    except ElementTree.ParseError as error:
        return f"is not XML ({error}); Fast DDS then takes its defaults."
    participants = [p for p in _all(root, "participant") if p.get("is_default_profile") == "true"]
    if not participants:
        return 'has no participant with is_default_profile="true", so nothing in it is used.'
    named = {_text(e) for e in _all(participants[0], "transport_id")}
    sizes = [
        int(_text(size))
        for transport in _all(root, "transport_descriptor")
        if any(_text(e) in named for e in _all(transport, "transport_id"))
        for size in _all(transport, "segment_size")
        if _text(size).isdigit()
    ]
    if not sizes:
        return "names no shared-memory transport with a segment_size; the default is 512 KB."
    if max(sizes) < SEGMENT:
        return f"gives {max(sizes)} bytes of shared memory; raw images need {SEGMENT}."
    return ""


def _all(element: Element, name: str) -> list[Element]:
    """Elements of a name at any depth, whatever their XML namespace."""
    return [e for e in element.iter() if e.tag.rpartition("}")[2] == name]


def _text(element: Element) -> str:
    return (element.text or "").strip()


def domain(machine: Machine) -> Iterator[Finding]:
    """Which domain is used, and how far it reaches."""
    number = machine.environment.get("ROS_DOMAIN_ID") or "0"
    if not (number.isdecimal() and int(number) <= 232):
        text = f"ROS_DOMAIN_ID is {number!r}, which is not a number from 0 to 232."
        yield Finding("domain", PROBLEM, text, "export ROS_DOMAIN_ID=0 (0 to 101 always work)")
        return
    reach = machine.environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "")
    if reach == "OFF":
        text = "ROS_AUTOMATIC_DISCOVERY_RANGE is OFF: no node finds another."
        yield Finding("domain", PROBLEM, text, "export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST")
    elif reach and reach not in RANGES:
        text = f"ROS_AUTOMATIC_DISCOVERY_RANGE is {reach!r}, which is none of {', '.join(RANGES)}."
        yield Finding("domain", PROBLEM, text, "export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST")
    elif machine.environment.get("ROS_LOCALHOST_ONLY"):
        text = f"domain {number}; ROS_LOCALHOST_ONLY is set, which newer ROS ignores."
        remedy = "unset ROS_LOCALHOST_ONLY; export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST"
        yield Finding("domain", NOTE, text, remedy)
    else:
        reach = reach or "not set: cil up stays on this machine, other nodes reach the network"
        yield Finding("domain", OK, f"domain {number}, discovery range {reach}")


def graph(machine: Machine) -> Iterator[Finding]:
    """Which middleware answers, and which nodes are on this domain already."""
    answer = run("graph", str(LOOK), environment=machine.environment)
    if answer.end or not answer.lines:
        yield Finding(
            "middleware",
            PROBLEM,
            f"no node could be made: {answer.end or 'no answer'}",
            "Mend what stands above first. If RMW_IMPLEMENTATION names a middleware that is not "
            "installed: export RMW_IMPLEMENTATION=rmw_fastrtps_cpp",
        )
        return
    yield Finding("middleware", OK, str(answer.lines[-1]["rmw"]))
    names = [str(line["name"]) for line in answer.lines[:-1]]
    shown = sorted(name for name in set(names) if not name.rpartition("/")[2].startswith("_"))
    ours = [name for name in shown if name.startswith(f"/{machine.namespace}/")]
    twice = sorted({name for name in ours if names.count(name) > 1})
    if twice:
        text = f"{', '.join(twice)} runs more than once: two graphs in one namespace."
        remedy = "End one of them, or give it a namespace of its own: cil up namespace:=robot2"
        yield Finding("other nodes", PROBLEM, text, remedy)
    elif ours:
        text = f"a graph runs in /{machine.namespace}: {', '.join(ours)}"
        remedy = "cil status tells how it fares. A second one needs namespace:=robot2"
        yield Finding("other nodes", NOTE, text, remedy)
    else:
        yield Finding("other nodes", OK, f"{len(shown)} on this domain, none in our namespace")
