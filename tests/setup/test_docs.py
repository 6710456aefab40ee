"""What the pages say can be followed: links resolve, commands and their arguments exist."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from cil_nodes import live_bench  # noqa: F401 - makes its benchmarks known
from cil_nodes.cli import build_parser
from cil_nodes.evaluation import bench
from cil_nodes.ros import graph
from cil_nodes.ros.runner import split_words

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
PARAMETERS = {
    place.rpartition("/")[2]: values["ros__parameters"]
    for place, values in yaml.safe_load((ROOT / "config" / "cil.yaml").read_text()).items()
}
"""Every parameter by its node; another test keeps the file in step with the nodes."""

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?<![\w./-])(?:\./)?cil ((?:--?)?[a-z][^`\n]*)")

on_every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


def anchors(page):
    """The names that headings get: lower case, no punctuation, hyphens for blanks."""
    for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@on_every_page
def test_relative_links_resolve(page):
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{page.name} links to {target}, which does not exist"
        assert place.is_relative_to(ROOT), f"{page.name} links to {target}, outside the repository"
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place), f"{page.name}: {path} has no heading #{anchor}"


def code_of(text):
    """Lines of fenced and indented blocks, and what stands between backticks elsewhere.

    Blocks of the kind ``text`` hold what was printed, not what is to be typed.
    """
    for block in FENCE.findall(text):
        yield from [] if block.startswith("```text") else block.splitlines()[1:-1]
    for line in FENCE.sub("", text).splitlines():
        yield from [line] if line.startswith("    ") else re.findall(r"`([^`]+)`", line)


def commands_of(text):
    """Words after `cil` of each command, without remarks and what a shell does next."""
    for line in code_of(text):
        for found in COMMAND.findall(line):
            yield shlex.split(re.split(r" && |\s+#|; |\|", found)[0])


def check(words):
    """Raise where the command line would refuse these words."""
    if words in (["--help"], ["--version"]):
        return
    if words[0] == "up":
        arguments, own = split_words([word for word in words[1:] if word != "--show-args"])
        graph.parse(arguments)
        for (node, name), value in own.items():
            if name not in PARAMETERS.get(node, ()):
                raise graph.ArgumentError(f"{node} has no parameter {name}, set to {value}.")
        return
    if words == ["bench"]:
        return
    if words[0] in ("test", "python"):  # these pass on what follows
        build_parser().parse_args(words[:1])
        return
    for name in getattr(build_parser().parse_args(words), "names", ()):
        bench.find(name)


@on_every_page
def test_commands_and_their_arguments_exist(page, capsys):
    for words in commands_of(page.read_text(encoding="utf-8")):
        try:
            check(words)
        except (SystemExit, ValueError) as error:
            reason = capsys.readouterr().err or error
            pytest.fail(f"{page.name}: `cil {' '.join(words)}`: {reason}")


@on_every_page
def test_parameters_written_with_their_node_exist(page):
    names = "|".join(PARAMETERS)
    for node, name in re.findall(rf"\b({names})\.(\w+):=", page.read_text(encoding="utf-8")):
        assert name in PARAMETERS[node], f"{page.name}: {node} has no parameter {name}"


def test_commands_are_found_and_wrong_ones_refused():
    text = "`./cil demo --seed 1`\n\n    cil up camera.lop:=true   # why\n\n```sh\ncil bnch\n```\n"
    found = list(commands_of(text))
    assert sorted(found) == [["bnch"], ["demo", "--seed", "1"], ["up", "camera.lop:=true"]]
    check(["demo", "--seed", "1"])
    with pytest.raises(graph.ArgumentError, match="camera has no parameter lop"):
        check(["up", "camera.lop:=true"])
    for words in (["bnch"], ["demo", "--sed", "1"]):
        with pytest.raises(SystemExit):
            check(words)
    with pytest.raises(ValueError, match="demo-sim"):
        check(["bench", "run", "demo-smi"])
