"""The steps from an empty folder to an environment, each done once and only when it is due."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from cil_nodes.environment import torch_build
from cil_nodes.environment.checks import NEEDED_GIGABYTES, check_machine, wheelhouse
from cil_nodes.environment.errors import SetupError, explain
from cil_nodes.environment.interfaces import (
    install_interfaces,
    interface_key,
)
from cil_nodes.environment.progress import Progress

LIBRARY_PINS = "requirements.txt"
ROS_PINS = "requirements-ros.txt"
TEST_PINS = "requirements-dev.txt"
COMPILER_PINS = "requirements-compiler.txt"
# Read by Python at every start. What the user or a sourced ROS 2 has set stays.
DEFAULTS = """\
import os, sys; os.environ.setdefault("AMENT_PREFIX_PATH", sys.prefix)
import os; os.environ.setdefault("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")
import os; os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
import os; os.environ.setdefault("ROS_DISTRO", "jazzy")
"""


class Maker:
    """Makes or refreshes one environment.

    Parameters
    ----------
    root : Path
        The clone.
    venv : Path
        The environment's folder; its subfolder ``.cil`` holds stamps and the log.
    """

    def __init__(self, root: Path, venv: Path) -> None:
        self.root = root
        self.venv = venv
        self.notes = venv / ".cil"
        self.log = self.notes / "setup.log"
        self.python = venv / "bin" / "python"
        self.progress = Progress()

    def make(self) -> None:
        """Do every step that is due; raise ``SetupError`` where one cannot be done."""
        started = time.monotonic()
        if self._due("packages"):
            check_machine(self.venv)
        (self.notes / "stamp").unlink(missing_ok=True)
        if self._due("packages"):
            self._make_afresh()
        elif self._due("torch") and not self._tried_in_vain():
            self._try_torch()
        if self._due("interfaces"):
            self._step("interfaces", "ROS 2 interfaces", self._install_interfaces)
        if self._due("project"):
            self._step("project", "the cil command", self._install_project)
        lend_openmp(self.venv)
        self._set_defaults()
        self.progress.close(time.monotonic() - started)

    def try_again(self) -> None:
        """Try once more what could not be had when the environment was made."""
        if self._due("torch"):
            self._try_torch()

    # -- which steps are due -------------------------------------------------------------------

    def _key(self, step: str) -> str:
        """Return what the result of `step` depends on."""
        if step == "packages":
            pins = [self.root / name for name in (LIBRARY_PINS, ROS_PINS, TEST_PINS)]
            return _hash([*(p.read_bytes() for p in pins), _interpreter(), str(self.venv)])
        if step == "interfaces":
            return interface_key(self.root)
        if step == "torch":
            return _hash([(self.root / torch_build.PINS).read_bytes()])
        return _hash([(self.root / "pyproject.toml").read_bytes(), str(self.root)])

    def _due(self, step: str) -> bool:
        stamp = self.notes / step
        return not (
            self.python.exists() and stamp.is_file() and stamp.read_text() == self._key(step)
        )

    def _tried_in_vain(self) -> bool:
        """Whether these pins of torch could not be had; asking again takes time, and a wish."""
        stamp = self.notes / "torch"
        return stamp.is_file() and stamp.read_text() == torch_build.MISSING + self._key("torch")

    def _step(self, step: str, title: str, action: Callable[[], None]) -> None:
        key = self._key(step)
        (self.notes / step).unlink(missing_ok=True)
        with self.progress.step(title):
            action()
        (self.notes / step).write_text(key)

    # -- the steps -----------------------------------------------------------------------------

    def _make_afresh(self) -> None:
        """Make the environment from nothing; one left half-way by an interruption is removed.

        Fetching waits for the network and compiling for the processor, so the interfaces are built
        while the libraries and torch arrive.
        """
        if self.venv.exists():
            shutil.rmtree(self.venv)
        self.notes.mkdir(parents=True)
        with self.progress.step("virtual environment"):
            self._run("making the environment", [sys.executable, "-m", "venv", str(self.venv)])
        packages, interfaces = self._key("packages"), self._key("interfaces")
        with self.progress.step("ROS 2 packages"):
            self._install_ros()
        with ThreadPoolExecutor(1) as beside:
            building = beside.submit(self._install_interfaces)
            with self.progress.step("libraries"):
                self._install_libraries()
            (self.notes / "packages").write_text(packages)
            self._try_torch()
            with self.progress.step("ROS 2 interfaces, begun meanwhile"):
                building.result()
            (self.notes / "interfaces").write_text(interfaces)

    def _install_ros(self) -> None:
        """Install all of ROS in one call: names resolved apart would mix distributions."""
        names = _pinned(self.root / ROS_PINS)
        # NumPy's headers are needed to build the interfaces; its pin stands with the libraries.
        arguments = ["--no-compile", "-r", ROS_PINS, "numpy", "-c", LIBRARY_PINS]
        self._pip("installing ROS 2", ["install", *arguments], len(names))

    def _install_libraries(self) -> None:
        """Install the rest as pinned, and have pip say whether all fits together."""
        names = _pinned(self.root / LIBRARY_PINS) | _pinned(self.root / TEST_PINS)
        files = ["-r", LIBRARY_PINS, "-r", TEST_PINS]
        arguments = ["install", "--no-compile", "--no-deps", *files]
        self._pip("installing the libraries", arguments, len(names))
        self._run("checking the packages", [str(self.python), "-m", "pip", "check"])
        self.progress.update("compiling")
        library = str(next(self.venv.glob("lib/python3.*")))
        # Some packages carry files for other Pythons, which cannot be compiled: no failure.
        compiling = [str(self.python), "-m", "compileall", "-q", "-j", "0", library]
        subprocess.run(compiling, capture_output=True, check=False)

    def _try_torch(self) -> None:
        """Install torch if it can be had; if not, say so once and go on without."""
        try:
            self._step("torch", torch_build.TITLE, self._install_torch)
        except SetupError as error:
            self.progress.say(torch_build.notice(error, "./cil setup", self.log))
            (self.notes / "torch").write_text(torch_build.MISSING + self._key("torch"))

    def _install_torch(self) -> None:
        """Install what torch stands on, then torch, and see whether it can be imported."""
        install = ["install", "--no-compile", "--no-deps"]
        others = torch_build.dependencies(self.root)
        self._pip("installing what torch needs", [*install, *others])
        arguments = [*install, *torch_build.wheel(self.root)]
        self._pip("installing torch", arguments, patience=torch_build.PATIENCE)
        self.progress.update("trying it")
        self._run("importing torch", [str(self.python), "-c", torch_build.IMPORT])

    def _install_interfaces(self) -> None:
        install_interfaces(self.root, self.venv, self.log, self.progress.say, self._install_zig)

    def _set_defaults(self) -> None:
        """Let the environment's Python know its ROS prefix, whichever way it is started."""
        for packages in self.venv.glob("lib/python3.*/site-packages"):
            (packages / "cil_environment.pth").write_text(DEFAULTS)

    def _install_zig(self, folder: Path) -> None:
        self._pip("fetching a compiler", ["install", "-r", COMPILER_PINS, "--target", str(folder)])

    def _install_project(self) -> None:
        self._pip(
            "installing the cil command",
            ["install", "--no-deps", "--no-build-isolation", "--editable", "."],
        )

    # -- running things ------------------------------------------------------------------------

    def _pip(
        self, doing: str, arguments: list[str], expected: int = 0, patience: float | None = None
    ) -> None:
        command = [str(self.python), "-m", "pip", "--no-input", "--disable-pip-version-check"]
        command += [*arguments, "--progress-bar", "off"]
        self._run(doing, command, expected, patience)

    def _run(
        self, doing: str, command: list[str], expected: int = 0, patience: float | None = None
    ) -> str:
        """Run `command` in the clone, log it, count what pip collects; return what it wrote.

        With `patience`, it is ended when pip has found no file after that many seconds.
        """
        environment = dict(os.environ, PIP_CONSTRAINT=ROS_PINS)
        wheels = wheelhouse()
        if wheels:
            environment.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheels))
        for name in ("_ROS_WHEELS_BOOTSTRAP_COMPLETE", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
            environment.pop(name, None)
        process = subprocess.Popen(
            command,
            cwd=self.root,
            env=environment,
            close_fds=False,  # the lock is inherited
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        with _ended_after(patience, process) as found:
            output = self._follow(process.stdout, expected, found)
            code = process.wait()
        with self.log.open("a") as file:
            file.write(f"$ {' '.join(command)}\n{output}\n")
        if patience is not None and code == -signal.SIGTERM:
            problem = f"{doing}: no index answered within {patience:g} s."
            raise SetupError(problem, f"Whole output: {self.log}")
        if code:
            raise explain(doing, output, self.log, NEEDED_GIGABYTES)
        return output

    def _follow(self, lines: Iterable[str], expected: int, found: Callable[[], None]) -> str:
        collected, written = 0, []
        for line in lines:
            written.append(line)
            if line.lstrip().startswith(torch_build.FOUND):
                found()
            if expected and line.startswith("Collecting "):
                collected += 1
                self.progress.update(f"{min(collected, expected)} of {expected} fetched")
            elif expected and line.startswith("Installing collected"):
                self.progress.update(f"unpacking {expected}")
        return "".join(written)


@contextmanager
def _ended_after(
    patience: float | None, process: subprocess.Popen[str]
) -> Iterator[Callable[[], None]]:
    """End `process` after `patience` seconds unless the function that is yielded was called."""
    timer = threading.Timer(patience or 0.0, process.terminate)
    if patience is not None:
        timer.start()
    try:
        yield timer.cancel
    finally:
        timer.cancel()


def lend_openmp(venv: Path, library: str = "libgomp.so.1") -> bool:
    """Where the system has no OpenMP runtime, let LightGBM find the one in scikit-learn's wheel.

    Returns
    -------
    bool
        Whether it was lent; False where the system has its own.
    """
    try:
        ctypes.CDLL(library)
        return False
    except OSError:
        bundled = next(venv.glob("lib/python3.*/site-packages/scikit_learn.libs/libgomp-*"), None)
    if bundled is None:
        return False
    # The environment's Python has this folder in its LD_LIBRARY_PATH.
    link = venv / "lib" / library
    link.unlink(missing_ok=True)
    link.symlink_to(bundled.relative_to(venv / "lib"))
    return True


def _pinned(path: Path) -> set[str]:
    """Return the names of the packages that a requirements file pins."""
    return {line.split("==")[0] for line in path.read_text().splitlines() if "==" in line}


def _interpreter() -> str:
    return f"{os.path.realpath(sys.executable)} {sys.version}"


def _hash(parts: Iterable[bytes | str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.encode())
        digest.update(b"\0")
    return digest.hexdigest()
