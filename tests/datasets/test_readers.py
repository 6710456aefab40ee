"""Readers on small files made here, and on the real ones where CIL_DATA names them."""

import gzip
import json
import struct
import zipfile
from collections import Counter

import cv2
import numpy as np
import pytest

from cil_nodes.datasets import (
    DatasetError,
    DatasetMissingError,
    available_datasets,
    data_folder,
    open_dataset,
)
from cil_nodes.datasets.cifar import SUPERCLASSES
from cil_nodes.datasets.images import LazyImages

RED, BLUE = (250, 5, 5), (5, 5, 250)


def coded(colour, ending=".png", size=(6, 8)):
    image = np.empty((*size, 3), np.uint8)
    image[:] = colour[::-1]
    return cv2.imencode(ending, image)[1].tobytes()


@pytest.fixture
def grocery(tmp_path):
    classes = (
        "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int)\r\n"
        "Pear,1,Fruit,0\r\nApple,0,Fruit,0\r\n"
    )
    (tmp_path / "grocery").mkdir()
    with zipfile.ZipFile(tmp_path / "grocery" / "any.zip", "w") as file:
        file.writestr("dataset/classes.csv", classes)
        file.writestr("dataset/train.txt", "train/a.jpg, 0, 0\ntrain/b.jpg, 1, 0\n")
        file.writestr("dataset/test.txt", "test/c.jpg, 1, 0\n")
        file.writestr("dataset/train/a.jpg", coded(RED, ".jpg"))
        file.writestr("dataset/train/b.jpg", coded(BLUE, ".jpg"))
        file.writestr("dataset/test/c.jpg", b"no picture")
    return tmp_path


def test_grocery_is_read_in_place_with_its_official_splits(grocery):
    train = open_dataset("grocery", "train", grocery)
    assert train.labels == ["Apple", "Pear"]
    assert train.classes == ("Apple", "Pear")
    assert train.coarse == {"Apple": "Fruit", "Pear": "Fruit"}
    assert np.abs(train.images[0].astype(int) - RED).max() < 12
    assert np.abs(train.images[1].astype(int) - BLUE).max() < 12
    assert open_dataset("grocery", "test", grocery).data_hash != train.data_hash
    assert open_dataset("grocery", "train", grocery).data_hash == train.data_hash


def test_a_broken_picture_in_a_zip_file_is_named(grocery):
    test = open_dataset("grocery", "test", grocery)
    with pytest.raises(DatasetError, match=r"any\.zip:dataset/test/c\.jpg is not a picture"):
        test.images[0]


def test_a_file_that_is_no_zip_file_is_named(tmp_path):
    (tmp_path / "grocery").mkdir()
    (tmp_path / "grocery" / "torn.zip").write_bytes(b"PK\3\4 and then nothing")
    with pytest.raises(DatasetError, match=r"torn\.zip is no whole zip file"):
        open_dataset("grocery", "train", tmp_path)


@pytest.fixture
def cifar(tmp_path):
    folder = tmp_path / "cifar100" / "webp"
    for split, count in (("train", 5), ("test", 2)):
        (folder / split).mkdir(parents=True)
        for number, label in enumerate(("ant", "bee")):
            rows = -(-count // 3)
            sprite = np.zeros((rows * 4, 12, 3), np.uint8)
            for tile in range(count):
                row, column = divmod(tile, 3)
                sprite[row * 4 : row * 4 + 4, column * 4 : column * 4 + 4] = (tile, number, 200)
            data = cv2.imencode(".webp", sprite[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 101])[1]
            (folder / split / f"{label}.webp").write_bytes(data.tobytes())
    counts = {"train": {"ant": 5, "bee": 5}, "test": {"ant": 2, "bee": 2}}
    index = {"tile": 4, "columns": 3, "classes": ["ant", "bee"], "counts": counts}
    (folder / "index.json").write_text(json.dumps(index))
    return tmp_path


def test_tiles_are_cut_from_sprites_row_by_row(cifar):
    train = open_dataset("cifar100", "train", cifar)
    assert train.labels == ["ant"] * 5 + ["bee"] * 5
    values = [tuple(image[2, 2]) for image in train.images]
    assert values == [(tile, number, 200) for number in range(2) for tile in range(5)]
    assert {image.shape for image in train.images} == {(4, 4, 3)}
    assert len(open_dataset("cifar100", "test", cifar)) == 4


def test_a_sprite_that_lacks_a_tile_is_named(cifar):
    index = cifar / "cifar100" / "webp" / "index.json"
    index.write_text(index.read_text().replace('"ant": 5', '"ant": 50'))
    with pytest.raises(DatasetError, match=r"ant\.webp has no tile 49"):
        open_dataset("cifar100", "train", cifar).images[49]


def idx(values):
    head = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    return gzip.compress(head + values.tobytes())


@pytest.fixture
def mnist(tmp_path):
    folder = tmp_path / "mnist"
    folder.mkdir()
    pictures = np.arange(3 * 28 * 28).reshape(3, 28, 28).astype(np.uint8)
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(idx(pictures))
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(idx(np.array([7, 2, 1], np.uint8)))
    return tmp_path


def test_mnist_becomes_grey_pictures_with_three_channels(mnist):
    test = open_dataset("mnist", "test", mnist)
    assert test.labels == ["7", "2", "1"]
    assert test.images[1].shape == (28, 28, 3)
    assert test.images[1][0, 5].tolist() == [(784 + 5) % 256] * 3


def test_a_cut_idx_file_is_named(mnist):
    path = mnist / "mnist" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DatasetError, match=r"t10k-images-idx3-ubyte\.gz is no whole gzipped IDX"):
        open_dataset("mnist", "test", mnist)


@pytest.fixture
def folders(tmp_path):
    for label, colour in (("mug", RED), ("bowl", BLUE)):
        (tmp_path / label).mkdir()
        for number in range(2):
            (tmp_path / label / f"{number}.PNG").write_bytes(coded(colour))
        (tmp_path / label / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def test_a_folder_per_class_is_read_in_order(folders):
    read = open_dataset(f"folder:{folders}", "all")
    assert read.labels == ["bowl", "bowl", "mug", "mug"]
    assert read.images[0][0, 0].tolist() == list(BLUE)
    assert read.images[-1][0, 0].tolist() == list(RED)
    assert read.stack().shape == (4, 6, 8, 3)


def test_folders_in_splits_are_read_by_split(folders, tmp_path):
    split = tmp_path / "sorted"
    for name in ("bowl", "mug"):
        (split / "train").mkdir(parents=True, exist_ok=True)
        (folders / name).rename(split / "train" / name)
    assert len(open_dataset(f"folder:{split}", "train")) == 4
    with pytest.raises(DatasetError, match=r"no folder 'val'.*split='all'"):
        open_dataset(f"folder:{split}", "val")
    with pytest.raises(DatasetError, match=r"name the split to read"):
        open_dataset(f"folder:{split}", "all")


def test_the_hash_follows_what_is_in_the_files_and_not_when_it_was_written(folders):
    name = f"folder:{folders}"
    before = open_dataset(name, "all").data_hash
    picture = folders / "mug" / "0.PNG"
    picture.write_bytes(picture.read_bytes())
    assert open_dataset(name, "all").data_hash == before
    picture.write_bytes(coded((9, 9, 9)))
    assert open_dataset(name, "all").data_hash != before


def test_a_choice_of_pictures_is_a_dataset_with_its_own_hash(folders):
    read = open_dataset(f"folder:{folders}", "all")
    chosen = read.take([3, 0])
    assert chosen.labels == ["mug", "bowl"]
    assert chosen.images[0][0, 0].tolist() == list(RED)
    assert chosen.data_hash != read.data_hash
    assert chosen.data_hash != read.take([0, 3]).data_hash
    assert chosen.classes == read.classes


def test_pictures_are_read_only_when_asked_for():
    asked = []
    images = LazyImages(5, lambda i: asked.append(i) or np.full((1, 1, 3), i, np.uint8))
    assert asked == []
    assert [int(i[0, 0, 0]) for i in images[1:-1]] == [1, 2, 3]
    assert images[-1][0, 0, 0] == 4
    assert asked == [1, 2, 3, 4]
    with pytest.raises(IndexError, match="There is no picture 5; there are 5"):
        images[5]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("grocery", r"Grocery Store dataset is missing: expected a zip file.*--data or CIL_DATA"),
        ("cifar100", r"cifar100 is missing: expected .*index\.json.*--data or CIL_DATA"),
        ("cifar10", r"cifar10 is missing"),
        ("mnist", r"MNIST is missing: expected .*train-images-idx3-ubyte\.gz.*--data or CIL_DATA"),
    ],
)
def test_missing_files_are_named_with_what_to_get(tmp_path, name, words):
    with pytest.raises(DatasetMissingError, match=words):
        open_dataset(name, "train", tmp_path)


def test_no_folder_of_data_is_said_with_both_ways_to_name_one(monkeypatch, tmp_path):
    monkeypatch.delenv("CIL_DATA", raising=False)
    with pytest.raises(DatasetMissingError, match="--data DIR or the variable CIL_DATA"):
        open_dataset("mnist")
    with pytest.raises(DatasetMissingError, match="nowhere does not exist"):
        data_folder(tmp_path / "nowhere")
    monkeypatch.setenv("CIL_DATA", str(tmp_path))
    assert data_folder() == tmp_path


def test_an_unknown_name_is_answered_with_the_closest():
    with pytest.raises(ValueError, match=r"Did you mean grocery\? Known: .*folder:PATH"):
        open_dataset("grocry")


@pytest.mark.parametrize(
    ("fixture", "name"), [("grocery", "grocery"), ("cifar", "cifar100"), ("mnist", "mnist")]
)
def test_a_split_that_does_not_exist_is_refused_with_those_that_do(request, fixture, name):
    root = request.getfixturevalue(fixture)
    with pytest.raises(DatasetError, match=r"has the splits .*test.*there is no 'dev'"):
        open_dataset(name, "dev", root)


def test_superclasses_share_out_a_hundred_classes():
    names = [name for group in SUPERCLASSES.values() for name in group.split()]
    assert len(SUPERCLASSES) == 20
    assert set(Counter(names).values()) == {1}
    assert {len(group.split()) for group in SUPERCLASSES.values()} == {5}


@pytest.mark.parametrize(
    ("name", "split", "count", "classes"),
    [
        ("grocery", "train", 2640, 81),
        ("grocery", "val", 296, 81),
        ("grocery", "test", 2485, 81),
        ("cifar100", "train", 50000, 100),
        ("cifar100", "test", 10000, 100),
        ("cifar10", "test", 10000, 10),
        ("mnist", "test", 10000, 10),
    ],
)
def test_the_real_ones_are_whole(name, split, count, classes):
    try:
        real = open_dataset(name, split)
    except DatasetMissingError as missing:
        pytest.skip(str(missing))
    assert len(real) == count
    assert len(real.classes) == classes
    assert set(real.labels) <= set(real.classes)
    assert split == "val" or set(real.labels) == set(real.classes)
    assert real.coarse is None or set(real.coarse) == set(real.classes)
    for position in (0, count // 2, -1):
        assert real.images[position].ndim == 3
    assert name in available_datasets()
