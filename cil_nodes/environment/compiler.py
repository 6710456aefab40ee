"""Finds a C++ compiler and Python's headers, or gets them without root.

The interfaces are the only thing that is compiled. Where the machine has no compiler, the one in
the ``ziglang`` wheel does it; where Python came without its headers (Debian's ``python3`` without
``python3-dev``), they are taken out of the distribution's own package, which needs no root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from cil_nodes.environment.errors import SetupError

ZIG_TARGET = "x86_64-linux-gnu.2.28"
_TRIAL = '#include <string>\nint main() { return std::string("x").empty(); }\n'

# Zig's linker refuses -rpath-link, which CMake writes and which only warns less; without a wish for
# optimisation zig adds traps for undefined behaviour, which need a runtime that is not there.
_ZIG_COMPILER = """\
for word; do
    shift
    case $word in -Wl,-rpath-link,*) ;; *) set -- "$@" "$word" ;; esac
done
exec "{zig}" {name} -target {target} -fno-sanitize=undefined "$@\""""


def find_compilers() -> tuple[str, str] | None:
    """Return commands of a C and a C++ compiler that work, or None.

    ``CC`` and ``CXX`` come first. That a compiler is there does not mean that it works (gcc without
    the C++ library's headers is common), so a trial program is compiled.
    """
    wanted = (os.environ.get("CC"), os.environ.get("CXX"))
    pairs = [wanted] if all(wanted) else []
    pairs += [("gcc", "g++"), ("clang", "clang++"), ("cc", "c++")]
    for c, cxx in pairs:
        found = shutil.which(c or ""), shutil.which(cxx or "")
        if found[0] and found[1] and _compiles(found[1]):
            return found[0], found[1]
    return None


def _compiles(compiler: str) -> bool:
    with tempfile.TemporaryDirectory(prefix="cil-") as folder:
        source = Path(folder, "trial.cpp")
        source.write_text(_TRIAL)
        command = [compiler, str(source), "-o", str(source.with_suffix(""))]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def zig_environment(site: Path, folder: Path) -> dict[str, str]:
    """Write wrappers that make zig look like a usual compiler; return the variables to build with.

    Parameters
    ----------
    site : Path
        Folder into which the ``ziglang`` wheel was installed.
    folder : Path
        Where wrappers and zig's own cache go.
    """
    zig = site / "ziglang" / "zig"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("cc", "c++"):
        _write_command(folder / name, _ZIG_COMPILER.format(zig=zig, name=name, target=ZIG_TARGET))
    for name in ("ar", "ranlib"):
        _write_command(folder / name, f'exec "{zig}" {name} "$@"')
    cache = str(folder / "cache")
    return {
        "CC": str(folder / "cc"),
        "CXX": str(folder / "c++"),
        "AR": str(folder / "ar"),
        "RANLIB": str(folder / "ranlib"),
        "ZIG_GLOBAL_CACHE_DIR": cache,
        "ZIG_LOCAL_CACHE_DIR": cache,
    }


def _write_command(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def find_headers() -> Path | None:
    """Return the folder of this interpreter's ``Python.h``, or None where it is not installed."""
    folder = Path(sysconfig.get_path("include"))
    return folder if (folder / "Python.h").is_file() else None


def fetch_headers(folder: Path) -> Path:
    """Take ``Python.h`` and its kin from the distribution's package, without root.

    Parameters
    ----------
    folder : Path
        Receives them, and stays; the package lists go into a temporary folder.

    Returns
    -------
    Path
        Include folder, to be used in place of the interpreter's own.

    Raises
    ------
    SetupError
        Where there is no apt, or it has no such package.
    """
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    package = f"libpython{version}-dev"
    remedy = (
        f"Debian, Ubuntu: sudo apt install python3-dev (or python{version}-dev); or name an\n"
        "interpreter that has them: CIL_PYTHON=/path/to/python3 ./cil"
    )
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise SetupError(f"Python {version} has no headers (Python.h) here.", remedy)
    with tempfile.TemporaryDirectory(prefix="cil-headers-") as scratch:
        output = _download(package, Path(scratch))
        for archive in Path(scratch).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(archive), f"{scratch}/root"], check=True)
        unpacked = Path(scratch, "root", "usr", "include")
        if not (unpacked / f"python{version}" / "Python.h").is_file():
            tail = "\n".join(output.strip().splitlines()[-4:])
            raise SetupError(
                f"Python {version} has no headers (Python.h) here, and apt has no {package}.",
                f"{remedy}\n{tail}",
            )
        shutil.copytree(unpacked, folder, dirs_exist_ok=True)
    return folder / f"python{version}"


def _download(package: str, folder: Path) -> str:
    """Let apt fetch `package` into `folder`, with lists of its own; return what it wrote."""
    options = ["-q", "-o", "APT::Sandbox::User="]
    for name, place in (("Dir::State::Lists", "lists"), ("Dir::Cache", "cache")):
        (folder / place / "partial").mkdir(parents=True)
        (folder / place / "archives" / "partial").mkdir(parents=True)
        options += ["-o", f"{name}={folder / place}"]
    output = ""
    for words in (["update"], ["download", package]):
        command = ["apt-get", *options, *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        output += done.stdout + done.stderr
    return output
