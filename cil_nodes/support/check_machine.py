"""Checks of the doctor: shared memory, cameras, disks and folders, the clock, the processor."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cil_nodes.places import existing_parent, without_user
from cil_nodes.support.finding import NOTE, OK, PROBLEM, Finding, Machine

MEGABYTE = 2**20
SHM_NEEDED = 256 * MEGABYTE
"""Free shared memory for a whole graph: each of its processes takes a segment of 16 MB or two."""

DISK_NEEDED, DISK_WANTED = 200 * MEGABYTE, 2000 * MEGABYTE
"""Free disk below which work fails soon, and below which it is good to know."""

SETTLED = 60.0
"""Seconds after which a segment that nobody has mapped is a leftover."""


def shared_memory(machine: Machine) -> Iterator[Finding]:
    """Whether images can travel by shared memory, and what dead processes left in it."""
    place = machine.memory
    if not (place.is_dir() and os.access(place, os.W_OK)):
        yield Finding(
            "shared memory",
            PROBLEM,
            f"{place} is missing or cannot be written.",
            "In a container mount it: docker run --ipc=host, or --shm-size=1g",
        )
        return
    usage = shutil.disk_usage(place)
    text = f"{place}: {usage.free // MEGABYTE} of {usage.total // MEGABYTE} MB free"
    if usage.free < SHM_NEEDED:
        remedy = "Remove leftovers; in a container: docker run --ipc=host, or --shm-size=1g"
        yield Finding("shared memory", PROBLEM, f"{text}; {SHM_NEEDED // MEGABYTE} needed.", remedy)
    else:
        yield Finding("shared memory", OK, text)
    yield from _leftovers(place)


def _leftovers(place: Path) -> Iterator[Finding]:
    mapped = _mapped_files()
    left = [path for path in _own_old_segments(place) if str(path) not in mapped]
    if left:
        size = sum(path.stat().st_blocks * 512 for path in left if path.exists())
        yield Finding(
            "shared memory",
            NOTE,
            f"{len(left)} segments of ended ROS processes take {size // MEGABYTE} MB.",
            f"While no ROS process runs: rm {place}/fastrtps_* {place}/sem.fastrtps_*",
        )


def _own_old_segments(place: Path) -> Iterator[Path]:
    for path in place.iterdir():
        if not path.name.startswith(("fastrtps_", "fastdds_")) or path.name.endswith("_el"):
            continue
        try:
            status = path.stat()
        except OSError:  # it went while we looked
            continue
        if status.st_uid == os.getuid() and time.time() - status.st_mtime > SETTLED:
            yield path


def _mapped_files() -> set[str]:
    """Files in shared memory that processes of this user have mapped."""
    found: set[str] = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            lines = maps.read_text(errors="replace").splitlines()
        except OSError:
            continue
        found.update(line.split(None, 5)[5] for line in lines if "fastrtps_" in line)
    return found


def cameras(machine: Machine) -> Iterator[Finding]:
    """Which cameras are there and may be opened."""
    found = sorted(machine.devices.glob("video[0-9]*"))
    if not found:
        yield Finding(
            "camera",
            NOTE,
            f"no {machine.devices}/video* is there.",
            "Plug one in (container: docker run --device /dev/video0), or use source:=topic, "
            "sim, file:VIDEO or folder:PICTURES.",
        )
    for device in found:
        title = Path("/sys/class/video4linux") / device.name / "name"
        name = title.read_text().strip() if title.is_file() else "camera"
        if os.access(device, os.R_OK | os.W_OK):
            yield Finding("camera", OK, f"{device}: {name} (source:=device:{device.name[5:]})")
            continue
        yield Finding(
            "camera",
            PROBLEM,
            f"{device} ({name}) may not be opened by this user.",
            "sudo usermod -aG video $USER, then log in again",
        )


def folder(machine: Machine) -> Iterator[Finding]:
    """Whether the learner can keep what it is taught, and who else can read it."""
    place, shown = machine.folder, without_user(str(machine.folder))
    if problem := unwritable(place):
        remedy = "Give another by folder:=PATH, or make it writable: chown, chmod u+rwx"
        yield Finding("learner's folder", PROBLEM, f"{shown}: {problem}", remedy)
        return
    state = f"{shown} can be written" if place.is_dir() else f"{shown} will be made"
    yield Finding("learner's folder", OK, state)
    if place.is_dir() and stat.S_IMODE(place.stat().st_mode) & 0o077:
        text = f"{shown} can be read by others; it holds labels and pictures."
        yield Finding("learner's folder", NOTE, text, f"chmod 700 {shown}")
    if holder := _holder(place):
        text = f"process {holder} has it in use."
        yield Finding("learner's folder", NOTE, text, "A second learner needs a folder of its own.")


def unwritable(place: Path) -> str:
    """Return why no file can be made in a folder, or in the nearest one above; empty if it can."""
    try:
        with tempfile.TemporaryFile(dir=existing_parent(place)):
            return ""
    except OSError as error:
        return str(error.strerror or error)


def _holder(place: Path) -> int:
    """Process id in the lock of a folder whose process lives; 0 for none."""
    try:
        pid = int(json.loads((place / "lock").read_text() or "{}").get("pid", 0))
    except (OSError, ValueError, AttributeError):
        return 0
    return pid if pid and Path(f"/proc/{pid}").exists() else 0


def disks(machine: Machine) -> Iterator[Finding]:
    """Whether journal and cache have room."""
    for words, place in (("learner's folder", machine.folder), ("cache", machine.cache)):
        free = shutil.disk_usage(existing_parent(place)).free
        text = f"{free / 1e9:.1f} GB free for the {words} ({without_user(str(place))})"
        if free < DISK_NEEDED:
            yield Finding("disk", PROBLEM, text, "Free some space; what is taught cannot be kept.")
        elif free < DISK_WANTED:
            yield Finding("disk", NOTE, text, "Free some space before a long run.")
        else:
            yield Finding("disk", OK, text)
    if problem := unwritable(machine.cache):
        shown = without_user(str(machine.cache))
        remedy = "Name another: CIL_CACHE=/writable/folder"
        yield Finding("cache", PROBLEM, f"{shown}: {problem}", remedy)


def clock(machine: Machine) -> Iterator[Finding]:
    """Whether the clock can be right: stamps and the order of events hang on it."""
    here = Path(__file__).stat().st_mtime
    now = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    if time.time() < here - 86_400:
        yield Finding(
            "clock",
            PROBLEM,
            f"{now}, which is before this program was installed.",
            "Set it: sudo timedatectl set-ntp true. Set later, it would jump while nodes run.",
        )
        return
    synchronised = Path("/run/systemd/timesync")
    if synchronised.is_dir() and not (synchronised / "synchronized").exists():
        remedy = "sudo timedatectl set-ntp true; machines that share a graph need the same time."
        yield Finding("clock", NOTE, f"{now}, not synchronised yet.", remedy)
        return
    yield Finding("clock", OK, now)


def processor(machine: Machine) -> Iterator[Finding]:
    """Whether there is room for a learner beside the stream."""
    cores = len(os.sched_getaffinity(0))
    memory = _available_memory()
    text = f"{cores} cores, {memory / 1e9:.1f} GB of memory free"
    if memory and memory < 1e9:
        remedy = "A lesson may need more: end other programs, or add swap."
        yield Finding("processor", NOTE, text, remedy)
    elif cores < 2:
        remedy = "Lessons and predictions share one core: predictions wait during a lesson."
        yield Finding("processor", NOTE, text, remedy)
    else:
        yield Finding("processor", OK, text)


def _available_memory() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0
