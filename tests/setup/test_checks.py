"""What is asked of the machine, and what is said when something is missing."""

import importlib.util
import os
import subprocess

import pytest

from cil_nodes.environment import checks, compiler, interfaces
from cil_nodes.environment.errors import SetupError, explain


def test_a_machine_without_wheels_is_told_of_the_other_way():
    with pytest.raises(SetupError, match="aarch64") as caught:
        checks.check_processor("Linux", "aarch64")
    assert "colcon build" in caught.value.remedy
    checks.check_processor("Linux", "x86_64")


@pytest.mark.parametrize(("name", "version"), [("glibc", "2.27"), ("", ""), ("musl", "1.2")])
def test_an_old_or_other_c_library(name, version):
    with pytest.raises(SetupError, match=r"glibc 2\.28"):
        checks.check_c_library(name, version)


def test_a_new_c_library():
    checks.check_c_library("glibc", "2.36")


def test_no_venv_module(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ensurepip" else real(name)
    )
    with pytest.raises(SetupError, match="ensurepip") as caught:
        checks.check_venv_module()
    assert "apt install python3-venv" in caught.value.remedy


def test_no_space(tmp_path):
    with pytest.raises(SetupError, match="needs about 1e") as caught:
        checks.check_space(tmp_path, needed=1e9)
    assert "CIL_VENV" in caught.value.remedy


def test_a_colon_in_the_path(tmp_path):
    with pytest.raises(SetupError, match="colon"):
        checks.check_place(tmp_path / "a:b" / ".venv")


@pytest.mark.parametrize(
    ("output", "problem", "remedy"),
    [
        ("OSError: [Errno 28] No space left on device", "disk is full", "3 GB"),
        ("NameResolutionError(...): Temporary failure in name resolution", "no network", "proxy"),
        ("SSLError(SSLCertVerificationError(... CERTIFICATE_VERIFY_FAILED", "not trusted", "CERT"),
        ("ERROR: No matching distribution found for x==1", "no build for this machine", "x86-64"),
        ("something nobody knows\nlast words", "failed", "last words"),
    ],
)
def test_what_went_wrong_is_recognised(output, problem, remedy):
    error = explain("installing", output, "/there/setup.log", 3.0)
    assert problem in error.problem
    assert remedy in error.remedy
    assert "/there/setup.log" in error.remedy


def test_a_compiler_that_does_not_work_is_not_taken(tmp_path, monkeypatch):
    for name in ("gcc", "g++"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("CXX", raising=False)
    assert compiler.find_compilers() is None


def test_without_a_compiler_ziglang_is_taken_and_named(tmp_path, monkeypatch):
    monkeypatch.setattr(compiler, "find_compilers", lambda: None)
    said, fetched, environment = [], [], {}
    options = interfaces._use_compiler(environment, tmp_path, said.append, fetched.append)
    assert fetched == [tmp_path / "ziglang"]
    assert any("ziglang" in remark for remark in said)
    assert environment["CXX"] == str(tmp_path / "zig" / "c++")
    assert any(option.startswith("-DCMAKE_AR=") for option in options)


def test_the_zig_wrapper_passes_all_but_what_zig_refuses(tmp_path):
    site = tmp_path / "site folder"
    (site / "ziglang").mkdir(parents=True)
    (site / "ziglang" / "zig").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (site / "ziglang" / "zig").chmod(0o755)
    tools = compiler.zig_environment(site, tmp_path / "tools")
    command = [tools["CXX"], "-o", "a b.o", "-Wl,-rpath-link,/x", "-Wl,-rpath,/y", "*"]
    words = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert words[:3] == ["c++", "-target", compiler.ZIG_TARGET]
    assert words[-4:] == ["-o", "a b.o", "-Wl,-rpath,/y", "*"]


def test_headers_without_apt(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match=r"Python\.h") as caught:
        compiler.fetch_headers(tmp_path / "headers")
    assert "python3-dev" in caught.value.remedy


def test_interfaces_are_kept_by_what_they_are_made_of(clone):
    before = interfaces.interface_key(clone)
    assert interfaces.interface_key(clone) == before
    (clone / "srv" / "Trial.srv").write_text("---\nfloat64 x\n")
    assert interfaces.interface_key(clone) != before


def test_what_is_in_the_cache_is_copied_and_replaces_the_old(clone, tmp_path, monkeypatch):
    monkeypatch.setenv("CIL_CACHE", str(tmp_path / "cache"))
    built = tmp_path / "cache" / "interfaces" / interfaces.interface_key(clone)
    (built / "lib").mkdir(parents=True)
    (built / "lib" / "libcil_msgs__new.so").write_text("new")
    venv = tmp_path / "venv"
    (venv / "lib").mkdir(parents=True)
    (venv / "lib" / "libcil_msgs__old.so").write_text("old")
    (venv / "lib" / "libothers.so").write_text("kept")
    said = []

    def no_compiler_needed(folder):
        raise AssertionError("the cache holds it; nothing has to be compiled")

    interfaces.install_interfaces(clone, venv, tmp_path / "log", said.append, no_compiler_needed)
    assert sorted(os.listdir(venv / "lib")) == ["libcil_msgs__new.so", "libothers.so"]
    assert "cache" in said[0]


def test_cmake_files_of_the_wheels_are_repaired_once(tmp_path):
    share = tmp_path / "share" / "x"
    share.mkdir(parents=True)
    numpy = tmp_path / "lib" / "python3.12" / "site-packages" / "numpy" / "_core" / "include"
    numpy.mkdir(parents=True)
    text = 'set(a "/opt/python/cp312/lib/numpy/_core/include;/opt/python/cp312/include/python3.12")'
    (share / "x.cmake").write_text(text)
    headers = tmp_path / "headers" / "python3.12"
    assert interfaces.repair_cmake_files(tmp_path, headers) == 1
    assert (share / "x.cmake").read_text() == f'set(a "{numpy};{headers}")'
    assert interfaces.repair_cmake_files(tmp_path, headers) == 0
