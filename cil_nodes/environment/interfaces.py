"""Builds the ROS 2 interfaces (msg, srv, action) once and puts them into the environment.

What was built is kept in the cache under a key made from everything that went into it, so that a
second clone, or a new environment, copies in a second what takes a compiler a minute.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

from cil_nodes.environment import compiler
from cil_nodes.environment.checks import NEEDED_GIGABYTES, wheelhouse
from cil_nodes.environment.errors import explain

PACKAGE = "cil_msgs"
Say = Callable[[str], None]
InstallZig = Callable[[Path], None]


def cache_folder() -> Path:
    """Return ``$CIL_CACHE``, by default ``~/.cache/cil``."""
    return Path(os.environ.get("CIL_CACHE") or Path.home() / ".cache" / "cil").absolute()


def interface_files(root: Path) -> list[Path]:
    """Return every file that decides what is built, in a fixed order."""
    package = root / "ros2_ws" / "src" / PACKAGE
    texts = [p for kind in ("msg", "srv", "action") for p in sorted((root / kind).iterdir())]
    return [package / "package.xml", package / "CMakeLists.txt", *texts]


def interface_key(root: Path) -> str:
    """Return the cache key: interface texts, pinned ROS packages, kind of Python."""
    digest = hashlib.sha256()
    for path in [*interface_files(root), root / "requirements-ros.txt"]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(sysconfig.get_config_var("SOABI").encode())
    return digest.hexdigest()[:20]


def built_interfaces(root: Path) -> Path | None:
    """Return the folder of interfaces built earlier, in the wheelhouse or the cache, or None."""
    for place in (wheelhouse(), cache_folder()):
        built = place / "interfaces" / interface_key(root) if place else None
        if built and built.is_dir():
            return built
    return None


def install_interfaces(root: Path, venv: Path, log: Path, say: Say, get_zig: InstallZig) -> None:
    """Put the interfaces into `venv`, from the cache or freshly built.

    Parameters
    ----------
    root, venv : Path
        The clone, and its environment, in which the ROS packages are installed.
    log : Path
        Receives what the build writes.
    say : callable
        Told in a few words how they are had.
    get_zig : callable
        Installs the ``ziglang`` wheel into the folder given; called where no compiler works.
    """
    built = built_interfaces(root)
    if built:
        say(f"ROS 2 interfaces: found in {built.parents[1]}")
        _copy_into(built, venv)
        return
    headers = compiler.find_headers() or compiler.fetch_headers(venv / ".cil" / "headers")
    repair_cmake_files(venv, headers)
    with tempfile.TemporaryDirectory(prefix="cil-interfaces-") as scratch:
        made = _build(root, venv, headers, Path(scratch), log, say, get_zig)
        _copy_into(made, venv)
        _keep(made, cache_folder() / "interfaces" / interface_key(root))


def repair_cmake_files(venv: Path, headers: Path) -> int:
    """Point exported CMake files at `headers` and this NumPy; they carry their builder's paths.

    Returns
    -------
    int
        Number of files changed; none the second time.
    """
    # Beside the builder's path stands, after an earlier repair, the one that was there then.
    earlier = re.escape(sysconfig.get_path("include"))
    include = rf'(?:/opt/python/[^;"\s]*/include/python3\.\d+|{earlier}(?=[;"\s]))'
    numpy = next(venv.glob("lib/python3.*/site-packages/numpy/_core/include"), None)
    changed = 0
    for path in (venv / "share").rglob("*.cmake"):
        old = path.read_text()
        new = re.sub(r'/opt/python/[^;"\s]*/numpy/_?core/include', lambda _: str(numpy), old)
        new = re.sub(include, lambda _: str(headers), new)
        if new != old:
            path.write_text(new)
            changed += 1
    return changed


def _build(
    root: Path, venv: Path, headers: Path, scratch: Path, log: Path, say: Say, get_zig: InstallZig
) -> Path:
    """Configure, compile and install into a folder below `scratch`; return that folder."""
    # No blank may be in a path that CMake's generators see, hence the link and the scratch folder.
    prefix = scratch / "venv"
    prefix.symlink_to(venv, target_is_directory=True)
    staged = scratch / "staged"
    environment = {k: v for k, v in os.environ.items() if k not in ("CC", "CXX")}
    environment.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)
    environment.pop("PYTHONPATH", None)
    environment["PATH"] = f"{prefix}/bin{os.pathsep}{environment.get('PATH', os.defpath)}"
    environment["AMENT_PREFIX_PATH"] = environment["CMAKE_PREFIX_PATH"] = str(prefix)
    options = _use_compiler(environment, scratch, say, get_zig) + _use_headers(environment, headers)
    package = root / "ros2_ws" / "src" / PACKAGE
    source = scratch / "source"
    shutil.copytree(package, source)
    steps = (
        [
            *(f"{prefix}/bin/cmake", "-S", str(source), "-B", str(scratch / "build"), "-GNinja"),
            *("-DBUILD_TESTING=OFF", "-DCIL_MSGS_C_ONLY=ON", f"-DCMAKE_INSTALL_PREFIX={staged}"),
            *("-DPython3_FIND_VIRTUALENV=ONLY", f"-DPython3_EXECUTABLE={prefix}/bin/python"),
            *options,
        ],
        ["nice", f"{prefix}/bin/cmake", "--build", str(scratch / "build")],
        [f"{prefix}/bin/cmake", "--install", str(scratch / "build")],
    )
    for command in steps:
        _run_logged(command, environment, log)
    return staged


def _run_logged(command: list[str], environment: dict[str, str], log: Path) -> None:
    done = subprocess.run(
        command,
        env=environment,
        close_fds=False,  # the lock is inherited
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    with log.open("a") as file:
        file.write(f"$ {' '.join(command)}\n{done.stdout}\n")
    if done.returncode:
        raise explain("building the ROS 2 interfaces", done.stdout, log, NEEDED_GIGABYTES)


def _use_compiler(
    environment: dict[str, str], scratch: Path, say: Say, get_zig: InstallZig
) -> list[str]:
    """Set CC and CXX in `environment`; return CMake options that the choice needs."""
    found = compiler.find_compilers()
    if found:
        environment["CC"], environment["CXX"] = found
        return []
    say("no C++ compiler here: taking the one of PyPI's ziglang, to build the interfaces only")
    get_zig(scratch / "ziglang")
    environment.update(compiler.zig_environment(scratch / "ziglang", scratch / "zig"))
    return [f"-DCMAKE_{tool}={environment[tool]}" for tool in ("AR", "RANLIB")]


def _use_headers(environment: dict[str, str], headers: Path) -> list[str]:
    """Name Python's headers where they are not the interpreter's own; return CMake options."""
    if headers == compiler.find_headers():
        return []
    # Debian's pyconfig.h includes the one of its architecture, by a path from usr/include.
    for name in ("CFLAGS", "CXXFLAGS"):
        environment[name] = f"{environment.get(name, '')} -I{headers.parent}".strip()
    return [f"-DPython3_INCLUDE_DIR={headers}"]


def _copy_into(built: Path, venv: Path) -> None:
    """Replace what `venv` holds of the interfaces by `built`."""
    for pattern in (
        f"include/{PACKAGE}",
        f"share/{PACKAGE}",
        f"share/ament_index/resource_index/*/{PACKAGE}",
        f"lib/lib{PACKAGE}__*.so",
        f"lib/python*/site-packages/{PACKAGE}",
        f"lib/python*/site-packages/{PACKAGE}-*.egg-info",
    ):
        for old in venv.glob(pattern):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    shutil.copytree(built, venv, dirs_exist_ok=True)


def _keep(made: Path, built: Path) -> None:
    """Move `made` into the cache; a cache that cannot be written only costs time later."""
    try:
        built.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=built.parent, prefix="new-") as half:
            whole = shutil.copytree(made, Path(half) / "tree")
            whole.rename(built)
    except OSError as error:
        print(f"cil: note: the interfaces were not cached ({error})", file=sys.stderr)
