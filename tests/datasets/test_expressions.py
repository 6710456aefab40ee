"""Readers of facial expressions, on small folders of the documented layouts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cil_nodes.datasets import DatasetError, DatasetMissingError, data_folder
from cil_nodes.datasets.expressions import chunk_frames, middle_frames, read_expressions
from cil_nodes.datasets.ict_faces import face_of, middle, read_ict_faces


def frame(value: int) -> np.ndarray:
    """Return a flat frame whose brightness is its number."""
    return np.full((24, 32, 3), value, np.uint8)


def write_video(path, count: int) -> None:
    """Write frames whose brightness is eight times their number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    spare = path.with_suffix(".avi")
    video = cv2.VideoWriter(str(spare), cv2.VideoWriter_fourcc(*"MJPG"), 30, (32, 24))
    assert video.isOpened()
    for number in range(count):
        video.write(frame(8 * number))
    video.release()
    spare.rename(path)


def write_frames(folder, count: int) -> None:
    """Write the same as single pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        cv2.imwrite(str(folder / f"{number:03d}.png"), frame(8 * number))


def numbers(faces) -> list[int]:
    """Return the number of the frame that each picture is."""
    return np.round(faces.pictures.mean(axis=(1, 2, 3)) / 8).astype(int).tolist()


def told(faces) -> list[tuple[str, str, int]]:
    return [(face.subject, face.expression, face.view) for face in faces.faces]


def test_ravdess_takes_the_two_frames_before_the_last_of_each_chunk(tmp_path):
    write_video(tmp_path / "Actor_07" / "01-01-03-02-01-01-07.mp4", 31)
    write_video(tmp_path / "Actor_07" / "01-01-02-02-01-01-07.mp4", 31)  # calm
    write_video(tmp_path / "Actor_07" / "03-01-03-02-01-01-07.mp4", 31)  # sound alone
    faces = read_expressions("ravdess", tmp_path, 16)
    assert told(faces) == [("Actor_07", "happy", view) for view in range(4)]
    assert numbers(faces) == [12, 13, 27, 28]
    assert faces.pictures.shape == (4, 16, 16, 3)


def test_mmi_takes_the_middle_and_the_first_frame_as_neutral(tmp_path):
    write_frames(tmp_path / "S001" / "Surprise" / "clip1", 9)
    write_video(tmp_path / "S001" / "surprise" / "clip2.avi", 11)
    write_frames(tmp_path / "S001" / "disgust" / "clip3", 9)
    faces = read_expressions("mmi", tmp_path, 8)
    expected = [("neutral", 0), ("surprised", 3), ("surprised", 4), ("surprised", 5)]
    assert list(zip([f.expression for f in faces.faces], numbers(faces), strict=True))[:4] == (
        expected
    )
    assert numbers(faces)[4:] == [0, 4, 5, 6]
    assert [f.view for f in faces.faces if f.expression == "surprised"] == list(range(6))


def test_baum1_is_read_in_chunks(tmp_path):
    write_frames(tmp_path / "p1" / "fear" / "a", 15)
    write_frames(tmp_path / "p2" / "anger" / "b", 14)
    faces = read_expressions("baum1", tmp_path, 8)
    assert told(faces) == [("p1", "fearful", 0), ("p1", "fearful", 1)]


def test_icv_mefed_goes_by_the_dominant_expression(tmp_path):
    for folder in ("happiness_surprise", "contempt_anger", "sadness"):
        write_frames(tmp_path / "007" / folder, 2)
    faces = read_expressions("icv_mefed", tmp_path, 8)
    assert {(f.subject, f.expression) for f in faces.faces} == {("007", "happy"), ("007", "sad")}
    assert len(faces.faces) == 4


def test_a_face_can_be_cut_out(tmp_path):
    write_frames(tmp_path / "1" / "anger", 1)
    seen = []
    read_expressions("icv_mefed", tmp_path, 8, cut=lambda f: seen.append(f.shape) or f[:10, :10])
    assert seen == [(24, 32, 3)]


def test_frames_of_clips_of_any_length():
    assert chunk_frames(15) == [12, 13]
    assert chunk_frames(14) == []
    assert chunk_frames(9, 4) == [1, 2, 5, 6]
    assert middle_frames(9) == [3, 4, 5]
    assert middle_frames(2) == [0, 1]
    assert middle_frames(0) == []


def test_what_is_missing_or_wrong_is_named(tmp_path):
    with pytest.raises(DatasetMissingError, match=r"nowhere with the collection mmi"):
        read_expressions("mmi", tmp_path / "nowhere", 8)
    with pytest.raises(DatasetError, match=r"nothing of ravdess: expected Actor_07"):
        read_expressions("ravdess", tmp_path, 8)
    with pytest.raises(ValueError, match="'ravdess', 'mmi', 'baum1', 'icv_mefed'"):
        read_expressions("affectnet", tmp_path, 8)
    bad = tmp_path / "Actor_01" / "01-01-03-01-01-01-01.mp4"
    bad.parent.mkdir()
    bad.write_bytes(b"no video")
    with pytest.raises(DatasetError, match="not a video that OpenCV can read"):
        read_expressions("ravdess", tmp_path, 8)
    write_frames(tmp_path / "p" / "fear" / "short", 3)
    with pytest.raises(DatasetError, match="too short"):
        read_expressions("baum1", tmp_path, 8)


def test_rendered_faces_by_person_and_expression():
    try:
        faces = read_ict_faces(data_folder(), 24)
    except DatasetMissingError as missing:
        pytest.skip(str(missing))
    assert len(faces.subjects) == 20
    few = faces.of(("s03",), ("sad", "happy"))
    assert len(few.faces) == 24
    assert few.pictures.shape == (24, 24, 24, 3)
    assert sorted(set(few.labels(("happy", "sad")).tolist())) == [0, 1]
    assert few.data_hash != faces.of(("s04",), ("sad", "happy")).data_hash


def test_without_rendered_faces_it_says_what_belongs_where(tmp_path):
    with pytest.raises(DatasetMissingError, match=r"ict_faces_\*\.zip in .*labels\.csv"):
        read_ict_faces(tmp_path, 8)
    folder = tmp_path / "ict_faces"
    folder.mkdir()
    (folder / "ict_faces_1.zip").write_bytes(b"no zip")
    with pytest.raises(DatasetError, match="not a zip file of rendered faces"):
        read_ict_faces(tmp_path, 8)


def test_the_middle_of_a_picture():
    picture = np.zeros((10, 20, 3), np.uint8)
    picture[2:8, 7:13] = 255
    assert (middle(picture, 0.6, 6) == 255).all()


def test_a_face_is_cut_out_wherever_it_is():
    yy, xx = np.mgrid[:96, :96]
    cuts = []
    for across, down in ((40, 50), (56, 60)):
        picture = np.full((96, 96, 3), (20, 90, 200), np.uint8)
        picture[(xx - across) ** 2 / 30**2 + (yy - down) ** 2 / 40**2 < 1] = (120, 90, 70)
        picture[down - 4 : down + 4, across - 4 : across + 4] = 255
        cuts.append(face_of(picture))
    assert cuts[0].shape == cuts[1].shape == (50, 50, 3)
    mark = [np.argwhere(cut.min(axis=2) > 200).mean(axis=0) for cut in cuts]
    assert mark[0] == pytest.approx(mark[1], abs=1.5)
    assert mark[0] == pytest.approx([33, 25], abs=3)
