"""Readers of tables and characters, on small files made here and on real ones where they are."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections import Counter

import cv2
import numpy as np
import pytest

from cil_nodes.datasets import DatasetError, DatasetMissingError
from cil_nodes.datasets.characters import SIDE, cut_out, read_characters
from cil_nodes.datasets.tables import most_common_terms, read_table, words_of

real = pytest.mark.skipif(
    not os.environ.get("CIL_DATA"), reason="CIL_DATA does not name a folder with data sets"
)

PAGE = """Date: Tuesday, 21-Nov-96 00:00:00 GMT
Content-type: text/html

<html><head><title>Robot&nbsp;Course</title><script>var hidden = 1;</script></head>
<body>Robots, robots &amp; arms <!-- not this --> in CS101</body></html>"""


def test_words_of_a_page_are_those_a_reader_sees():
    assert Counter(words_of(PAGE)) == Counter(
        ["robot", "course", "robots", "robots", "arms", "in", "cs"]
    )


def test_terms_are_those_of_most_pages_without_stop_words():
    counts = [Counter(["the", "robot", "arm", "arm"]), Counter(["the", "robot", "cup"])]
    assert most_common_terms(counts, 2) == ["robot", "arm"]


def test_car_is_read_in_the_order_of_its_values(tmp_path):
    (tmp_path / "uci_car").mkdir()
    (tmp_path / "uci_car" / "car.data").write_text(
        "vhigh,low,2,more,big,high,unacc\nlow,med,5more,4,small,med,good\n"
    )
    table = read_table("car", tmp_path)
    assert table.X.tolist() == [[3, 0, 0, 2, 2, 2], [0, 1, 3, 1, 0, 1]]
    assert table.y.tolist() == ["unacc", "good"]


def test_a_value_that_car_does_not_have_is_refused(tmp_path):
    (tmp_path / "uci_car").mkdir()
    (tmp_path / "uci_car" / "car.data").write_text("cheap,low,2,more,big,high,unacc\n")
    with pytest.raises(DatasetError, match="is not Car Evaluation"):
        read_table("car", tmp_path)


def test_cnae9_has_its_classes_first(tmp_path):
    (tmp_path / "cnae9").mkdir()
    (tmp_path / "cnae9" / "CNAE-9.data").write_text("3,0,1,2\n1,4,0,0\n")
    table = read_table("cnae9", tmp_path)
    assert table.X.tolist() == [[0, 1, 2], [4, 0, 0]]
    assert (table.y.tolist(), table.classes) == (["3", "1"], ("1", "3"))


def test_webkb_counts_terms_of_the_four_classes(tmp_path):
    (tmp_path / "webkb4").mkdir()
    with tarfile.open(tmp_path / "webkb4" / "webkb4-raw-html.tar.xz", "w:xz") as archive:
        for name in ("course/cornell/a", "faculty/misc/b", "staff/misc/c"):
            member = tarfile.TarInfo(f"webkb/{name}")
            member.size = len(PAGE)
            archive.addfile(member, io.BytesIO(PAGE.encode()))
    table = read_table("webkb4", tmp_path)
    assert table.y.tolist() == ["course", "faculty"]
    assert sorted(table.X[0].tolist()) == [1.0, 1.0, 1.0, 1.0, 2.0]


@pytest.mark.parametrize("name", ["car", "cnae9", "webkb4"])
def test_a_missing_table_says_where_it_belongs(name, tmp_path):
    with pytest.raises(DatasetMissingError, match=r"is missing: expected .*--data or CIL_DATA"):
        read_table(name, tmp_path)


def test_another_name_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"no table 'cars'\. Known: car, cnae9, webkb4"):
        read_table("cars")


def test_a_character_is_cut_to_its_ink_whichever_tone_it_has():
    picture = np.full((40, 40), 200, np.uint8)
    picture[10:20, 5:35] = 30
    for tones in (picture, 255 - picture):
        assert cut_out(tones).tolist() == np.ones((SIDE, SIDE)).tolist()


def test_characters_come_from_fonts_and_photographs_of_the_same_classes(tmp_path):
    folder = tmp_path / "chars74k"
    folder.mkdir()
    picture = np.full((28, 28), 255, np.uint8)
    picture[8:20, 12:16] = 0
    code = cv2.imencode(".png", picture)[1].tobytes()
    with zipfile.ZipFile(folder / "English_Fnt_png.zip", "w") as archive:
        for number in (1, 11):
            for item in range(3):
                archive.writestr(f"Fnt/Sample0{number:02}/img0{number:02}-0000{item}.png", code)
    np.savez(
        folder / "English_Img_36cls_32gray.npz",
        x=np.repeat(cv2.resize(picture, (32, 32))[None], 4, axis=0),
        y=np.array([0, 0, 1, 10], np.uint8),
        good=np.array([True, False, True, True]),
    )
    table = read_characters(2, 2, tmp_path)
    assert Counter(table.y.tolist()) == {"0": 3, "A": 3}
    assert table.X.shape == (6, SIDE * SIDE)


@real
@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [("car", (1728, 6), 4), ("cnae9", (1080, 856), 9), ("webkb4", (4199, 3000), 4)],
)
def test_the_real_tables_have_their_published_sizes(name, shape, classes):
    table = read_table(name)
    assert table.X.shape == shape
    assert len(table.classes) == classes
