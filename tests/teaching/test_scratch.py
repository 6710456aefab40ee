"""The private folder between a session and its worker."""

import os
import subprocess
import sys

from cil_nodes.teaching.scratch import make_scratch, remove_scratch


def ended_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait(30)
    return child.pid


def test_a_folder_is_private_and_goes_when_told():
    folder = make_scratch()
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "file").write_text("x")
    remove_scratch(folder)
    remove_scratch(folder)
    assert not folder.exists()


def test_what_a_dead_process_left_is_swept_away_and_nothing_else():
    mine = make_scratch()
    dead = mine.with_name(f"cil-lesson-{ended_process()}-old")
    fresh = mine.with_name(f"cil-lesson-{ended_process()}-new")
    alive = mine.with_name(f"cil-lesson-{os.getppid()}-old")
    for folder in (dead, fresh, alive):
        folder.mkdir()
    for folder in (dead, alive):
        os.utime(folder, (1.0, 1.0))
    try:
        remove_scratch(make_scratch())
        assert [folder.exists() for folder in (dead, fresh, alive, mine)] == [
            False,
            True,
            True,
            True,
        ]
    finally:
        for folder in (dead, fresh, alive, mine):
            remove_scratch(folder)
