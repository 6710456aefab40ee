"""The `cil` command: help, refusals, exit codes; heavy imports wait."""

import subprocess
import sys

import pytest

from cil_nodes import cli


def outcome(arguments, capsys):
    """Exit code and what was printed; argparse exits by itself."""
    try:
        code = cli.main(arguments)
    except SystemExit as stop:
        code = int(stop.code or 0)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["demo"],
        ["up"],
        ["test"],
        ["bench"],
        ["bench", "list"],
        ["bench", "run"],
        ["bench", "report"],
    ],
)
def test_help_of_every_command_shows_a_line_to_copy(arguments, capsys):
    if arguments == ["test"]:  # Everything after it belongs to pytest.
        text = next(iter(_commands()["test"])).format_help()
    else:
        code, text, _ = outcome([*arguments, "--help"], capsys)
        assert code == 0
    example = text[text.index("example") :].splitlines()[1].strip()
    assert example.startswith("cil ")
    cli.parse(example.split("&&")[0].split()[1:])


def _commands():
    parser = cli.build_parser()
    actions = [action for action in parser._actions if action.dest == "command"]
    return {name: (sub,) for name, sub in actions[0].choices.items()}


def test_help_does_not_load_the_heavy_libraries():
    code = (
        "import sys, cil_nodes.cli as cli\n"
        "cli.build_parser().format_help()\n"
        "heavy = {'numpy', 'sklearn', 'scipy', 'cv2', 'onnxruntime', 'rclpy', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.strip() == "[]"


def test_wrong_usage_ends_with_2(capsys):
    code, _, err = outcome(["demo", "--stream", "simm"], capsys)
    assert code == 2
    assert "invalid choice: 'simm'" in err
    assert outcome([], capsys)[0] == 2
    assert outcome(["bench", "list", "--wat"], capsys)[0] == 2


def test_an_unknown_benchmark_is_refused_with_close_matches(capsys):
    code, _, err = outcome(["bench", "run", "demo-simm"], capsys)
    assert code == 1
    assert err.startswith("cil: error: No benchmark is called 'demo-simm'. Did you mean 'demo-sim'")
    assert "Traceback" not in err


def test_debug_shows_where_an_error_came_from(capsys):
    code, _, err = outcome(["--debug", "bench", "run", "nope"], capsys)
    assert code == 1
    assert "Traceback" in err


def test_a_missing_data_folder_is_named(capsys, tmp_path):
    gone = str(tmp_path / "gone")
    code, _, err = outcome(["bench", "run", "demo-sim", "--data", gone], capsys)
    assert code == 1
    assert err == f"cil: error: --data {gone}: there is no such folder.\n"


def test_interruption_ends_with_130(capsys, monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("cil_nodes.cli.bench.list_bench", interrupted)
    assert outcome(["bench", "list"], capsys)[0] == 130


def test_bench_list_names_every_benchmark(capsys):
    code, out, _ = outcome(["bench", "list"], capsys)
    assert code == 0
    assert "demo-sim" in out
    assert "demo-grocery" in out


def test_test_hands_its_arguments_and_exit_code_on(capsys):
    options = cli.parse(["test", "-k", "nothing", "--maxfail=1", "-q"])
    assert options.arguments == ["-k", "nothing", "--maxfail=1", "-q"]
    # 5 is pytest's own code for "no tests ran".
    assert cli.main(["test", "tests/evaluation/conftest.py", "-q", "-p", "no:cacheprovider"]) == 5
