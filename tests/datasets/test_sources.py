"""Every kind of frame source on real files, and what each says when it cannot."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from cil_nodes.datasets import sources
from cil_nodes.datasets.sources import (
    CannotShowError,
    LabelledSource,
    NoSuchObjectError,
    SourceError,
    accepted_options,
    open_source,
)

RED, GREEN, BLUE = (220, 20, 20), (20, 200, 20), (20, 20, 220)


def _write(path: Path, rgb: tuple[int, int, int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.full((24, 32, 3), rgb, dtype=np.uint8)
    assert cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return path


def _colours(source: sources.FrameSource) -> list[str]:
    """Name the strongest channel of each frame: a check of order and of channel order at once."""
    return ["RGB"[int(f.image.mean(axis=(0, 1)).argmax())] for f in source]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 12, (64, 48))
    assert writer.isOpened(), "this OpenCV cannot write MJPG"
    for rgb in (RED, GREEN, BLUE):
        writer.write(np.full((48, 64, 3), rgb[::-1], dtype=np.uint8))
    writer.release()
    return path


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    root = tmp_path / "things"
    _write(root / "mug" / "a.png", RED)
    _write(root / "mug" / "b.png", RED)
    _write(root / "bowl" / "a.jpg", BLUE)
    (root / "notes.txt").write_text("not a class")
    return root


# the simulator ------------------------------------------------------------------------------


def test_the_simulator_sends_what_show_asks_for_and_no_more() -> None:
    with open_source("sim", width=64, height=48) as source:
        assert source.can_show
        assert "mug" in source.objects
        assert source.next_frame() is None
        assert source.show("mug", views=2) == 2
        source.show("", views=1)
        frames = list(source)
        assert [f.label for f in frames] == ["mug", "mug", ""]
        assert frames[0].image.shape == (48, 64, 3)
        assert frames[0].name == "sim/mug/teach/0"
        source.show("mug", fresh_backdrop=True)
        assert next(iter(source)).name == "sim/mug/fresh/0"


def test_the_simulator_never_repeats_a_view_and_repeats_itself_exactly() -> None:
    def run() -> list[np.ndarray]:
        source = open_source("sim", seed=3, width=64, height=48)
        source.show("duck", 2)
        source.show("apple", 1)
        source.show("duck", 2)
        return [f.image for f in source]

    first, second = run(), run()
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert len({f.tobytes() for f in first}) == 5


def test_the_simulator_refuses_an_object_that_it_has_not() -> None:
    with pytest.raises(NoSuchObjectError, match=r"no object 'teapott'. Did you mean 'teapot'"):
        open_source("sim").show("teapott")


# files --------------------------------------------------------------------------------------


def test_a_video_plays_in_order(video: Path) -> None:
    with open_source(f"file:{video}") as source:
        assert isinstance(source, sources.VideoSource)
        assert source.fps == pytest.approx(12)
        assert _colours(source) == ["R", "G", "B"]
        assert source.next_frame() is None


def test_a_video_begins_again_when_asked(video: Path) -> None:
    with open_source(f"file:{video}", loop=True) as source:
        names = [source.next_frame().name for _ in range(7)]  # type: ignore[union-attr]
        assert names == [f"clip.avi#{k % 3}" for k in range(7)]


def test_a_broken_video_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"this is no video")
    with pytest.raises(SourceError, match=r"broken\.mp4 holds no video .* Remedy: check the file"):
        open_source(f"file:{path}")


def test_a_folder_plays_by_name_and_skips_broken_pictures(tmp_path: Path) -> None:
    _write(tmp_path / "2.png", GREEN)
    _write(tmp_path / "1.jpg", RED)
    _write(tmp_path / "3.BMP", BLUE)
    (tmp_path / "11.png").write_bytes(b"\x89PNG, torn")
    (tmp_path / "12.png").write_bytes(b"")
    (tmp_path / "readme.txt").write_text("no picture")
    with open_source(f"folder:{tmp_path}") as source:
        with pytest.warns(
            UserWarning, match=r"Skipped .*1[12]\.png: not a readable picture"
        ) as said:
            frames = list(source)
        assert len(said) == 2
    assert [f.name for f in frames] == ["1.jpg", "2.png", "3.BMP"]
    assert [f.label for f in frames] == [None] * 3
    assert frames[0].image[0, 0, 0] > 180


def test_a_folder_of_broken_pictures_ends(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"torn")
    with (
        pytest.warns(UserWarning, match="Skipped"),
        open_source(f"folder:{tmp_path}", loop=True) as source,
    ):
        assert source.next_frame() is None


def test_a_folder_begins_again_when_asked(tmp_path: Path) -> None:
    _write(tmp_path / "1.png", RED)
    _write(tmp_path / "2.png", BLUE)
    source = open_source(f"folder:{tmp_path}", loop=True)
    names = [source.next_frame().name for _ in range(5)]  # type: ignore[union-attr]
    assert names == ["1.png", "2.png", "1.png", "2.png", "1.png"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no pictures .*use classes:"):
        open_source(f"folder:{tmp_path}")


def test_classes_carry_their_folder_as_label(classes: Path) -> None:
    with open_source(f"classes:{classes}") as source:
        frames = list(source)
    assert [f.label for f in frames] == ["bowl", "mug", "mug"]
    assert [f.name for f in frames] == ["bowl/a.jpg", "mug/a.png", "mug/b.png"]
    assert source.objects == ("bowl", "mug")
    assert not source.can_show


def test_classes_shuffle_by_their_seed(classes: Path) -> None:
    for k in range(12):
        _write(classes / "bowl" / f"{k}.png", BLUE)
    orders = [
        [f.name for f in open_source(f"classes:{classes}", shuffle=True, seed=s)] for s in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])


def test_classes_are_shown_on_request(classes: Path) -> None:
    source = open_source(f"classes:{classes}", on_request=True)
    assert source.can_show
    assert source.next_frame() is None
    assert source.show("mug", views=1) == 1
    assert source.show("mug", views=5) == 2, "no picture comes twice in one call"
    assert [f.name for f in source] == ["mug/a.png", "mug/b.png", "mug/a.png"]
    with pytest.raises(NoSuchObjectError, match=r"^These pictures .* 'bow'. Did you mean 'bowl'"):
        source.show("bow")
    with pytest.raises(CannotShowError, match=r"no pictures of 'mug' for testing"):
        source.show("mug", fresh_backdrop=True)


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    _write(tmp_path / "1.png", RED)
    with pytest.raises(SourceError, match=r"no folders of pictures .*one folder for each class"):
        open_source(f"classes:{tmp_path}")


@pytest.mark.parametrize("spec", ["folder:nowhere", "classes:nowhere", "file:nowhere.mp4"])
def test_a_missing_path_is_named(spec: str) -> None:
    with pytest.raises(SourceError, match=r"There is no (folder|file) nowhere"):
        open_source(spec)


# data sets ----------------------------------------------------------------------------------


def test_a_dataset_plays_by_its_labels(classes: Path) -> None:
    with open_source(f"dataset:folder:{classes}:all") as source:
        assert sorted(f.label or "" for f in source) == ["bowl", "mug", "mug"]


def test_a_dataset_shows_train_to_teach_and_test_afterwards(tmp_path: Path) -> None:
    for split, rgb in (("train", RED), ("test", BLUE)):
        for k in range(2):
            _write(tmp_path / split / "mug" / f"{k}.png", rgb)
    source = open_source(f"dataset:folder:{tmp_path}", on_request=True)
    source.show("mug", views=2)
    source.show("mug", views=2, fresh_backdrop=True)
    assert _colours(source) == ["R", "R", "B", "B"]


def test_a_torn_picture_of_a_dataset_is_skipped_and_named(classes: Path) -> None:
    (classes / "mug" / "a.png").write_bytes(b"torn")
    source = open_source(f"dataset:folder:{classes}:all")
    with pytest.warns(UserWarning, match=r"a\.png"):
        assert [f.label for f in source] == ["bowl", "mug"]


# the rest -----------------------------------------------------------------------------------


def test_a_missing_device_lists_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glob.glob", lambda _: ["/dev/video4", "/dev/video2"])
    with pytest.raises(SourceError, match=r"Video devices here: /dev/video2, /dev/video4. Remedy"):
        open_source("device:93")


def test_a_device_needs_a_number() -> None:
    with pytest.raises(SourceError, match=r"takes a number such as device:0, got 'front'"):
        open_source("device:front")


@pytest.mark.parametrize("spec", ["", "sim:1", "webcam", "file:", "topic"])
def test_an_unknown_source_is_refused_with_the_kinds(spec: str) -> None:
    with pytest.raises(SourceError, match=r"There is no frame source .*device:N, file:VIDEO"):
        open_source(spec)


def test_an_unknown_option_is_refused_with_the_options() -> None:
    with pytest.raises(SourceError, match=r"'sim' takes no option 'widht'; it takes: seed, width"):
        open_source("sim", widht=320)


def test_options_are_listed_by_source() -> None:
    assert accepted_options("sim") == ("seed", "width", "height")
    assert accepted_options("file:x.mp4") == ("loop",)
    expected = {"data_dir", "on_request", "loop", "shuffle", "seed"}
    assert set(accepted_options("dataset:grocery")) == expected


def test_a_sequential_source_cannot_show() -> None:
    with pytest.raises(
        CannotShowError, match=r"cannot show 'mug' on request. Remedy: use the sour"
    ):
        LabelledSource([]).show("mug")


# stacks of pictures ---------------------------------------------------------------------------


def test_a_stack_of_pictures_plays_in_order_and_again(tmp_path: Path) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, np.array([[[RED]], [[GREEN]], [[BLUE]]], dtype=np.uint8))
    with open_source(f"file:{path}") as source:
        assert _colours(source) == ["R", "G", "B"]
    with open_source(f"file:{path}", loop=True) as source:
        names = [frame.name for frame, _ in zip(source, range(4), strict=False)]
    assert names == ["stack.npy#0", "stack.npy#1", "stack.npy#2", "stack.npy#0"]


@pytest.mark.parametrize(
    "array", [np.zeros((2, 4, 4, 3)), np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4, 4, 3), "u1")]
)
def test_a_stack_of_something_else_is_refused_with_what_it_holds(
    tmp_path: Path, array: np.ndarray
) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, array)
    with pytest.raises(SourceError, match=r"stack\.npy holds .*expected uint8"):
        open_source(f"file:{path}")
    path.write_bytes(b"no array")
    with pytest.raises(SourceError, match=r"numpy\.save"):
        open_source(f"file:{path}")
