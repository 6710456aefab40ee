"""The simulated turntable: determinism, visibility, disjoint backdrops, errors."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cil_nodes.datasets.turntable import NoSuchObjectError, Turntable, backdrops
from cil_nodes.datasets.turntable.renderer import object_mask
from cil_nodes.datasets.turntable.scene import Camera, draw_view
from cil_nodes.datasets.turntable.sheet import contact_sheet

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def turntable() -> Turntable:
    return Turntable(seed=0)


def _digest(picture: np.ndarray) -> str:
    return hashlib.sha256(picture.tobytes()).hexdigest()


def test_there_are_enough_objects(turntable: Turntable) -> None:
    assert len(turntable.objects) >= 24
    assert list(turntable.objects) == sorted(set(turntable.objects))


def test_a_picture_is_rgb_of_the_size_asked_for() -> None:
    small = Turntable(width=160, height=120)
    picture = small.render("mug", rng=np.random.default_rng(1))
    assert picture.shape == (120, 160, 3)
    assert picture.dtype == np.uint8
    apple = small.render("apple", rng=np.random.default_rng(2))
    red, _, blue = apple[small.mask("apple", rng=np.random.default_rng(2))].mean(axis=0)
    assert red > 2 * blue, "an apple is red: channels are in the order RGB"


def test_the_mask_is_where_the_object_is(turntable: Turntable) -> None:
    """Outside the mask, but for shadow, the picture is that of the empty table."""
    with_bottle = turntable.render("bottle", rng=np.random.default_rng(5))
    mask = turntable.mask("bottle", rng=np.random.default_rng(5))
    assert 0.02 < mask.mean() < 0.5
    rows, columns = np.nonzero(mask)
    body = with_bottle[int(np.median(rows)), int(np.median(columns))]
    assert body.max() < 255


def test_every_object_is_seen_in_every_pose(turntable: Turntable) -> None:
    for label in turntable.objects:
        model = turntable._model(label)
        for k in range(4):
            view = draw_view(np.random.default_rng([k, 7]), "teach")
            share = object_mask(model, view, 120, 90).mean()
            assert 0.008 < share < 0.6, f"{label}: {share:.1%} of the picture in view {k}"


def test_objects_stay_inside_the_picture(turntable: Turntable) -> None:
    """Hardly any of an object may fall outside: compare with a picture twice as wide and high."""
    for label in turntable.objects:
        for k in range(3):
            view = draw_view(np.random.default_rng(k), "teach")
            wide = _mask_with_margin(turntable, label, view)
            inside = wide[30:90, 40:120].sum() / wide.sum()
            assert inside > 0.9, f"{label}: only {inside:.0%} inside in view {k}"


def _mask_with_margin(table: Turntable, label: str, view) -> np.ndarray:
    """The object's mask in a picture whose middle half is the usual picture at 80 x 60."""
    original = Camera.FIELD_OF_VIEW
    try:
        doubled = 2 * np.degrees(np.arctan(2 * np.tan(np.radians(original / 2))))
        Camera.FIELD_OF_VIEW = float(doubled)
        return object_mask(table._model(label), view, 160, 120)
    finally:
        Camera.FIELD_OF_VIEW = original


def test_views_depend_on_their_arguments_alone(turntable: Turntable) -> None:
    forward = [_digest(p) for p in turntable.views("duck", 3)]
    turntable.render("robot", rng=np.random.default_rng(9))
    alone = _digest(Turntable(seed=0).view("duck", 2))
    assert forward[2] == alone
    assert len(set(forward)) == 3
    assert _digest(turntable.view("duck", 0, split="fresh")) not in forward
    assert _digest(turntable.view("duck", 0, seed=1)) not in forward
    assert _digest(turntable.view("robot", 0)) not in forward


def test_another_process_draws_the_same(turntable: Turntable) -> None:
    code = (
        "import hashlib; from cil_nodes.datasets.turntable import Turntable\n"
        "for s in ('fresh', 'teach'):\n"
        "    p = Turntable(seed=0).view('house', 4, split=s, seed=3)\n"
        "    print(hashlib.sha256(p.tobytes()).hexdigest())\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "77"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    here = [_digest(turntable.view("house", 4, split=s, seed=3)) for s in ("fresh", "teach")]
    assert done.stdout.split() == here


def test_a_seed_makes_other_instances_of_the_same_things() -> None:
    rng = [np.random.default_rng(4) for _ in range(2)]
    first, second = (
        Turntable(seed=s).render("mug", rng=r) for s, r in zip((0, 1), rng, strict=True)
    )
    assert not np.array_equal(first, second)
    difference = np.abs(first.astype(int) - second).mean()
    assert difference < 25, "a shade or a proportion changes, not the whole picture"


def test_the_empty_table_shows_no_object(turntable: Turntable) -> None:
    for label in (None, ""):
        rng = np.random.default_rng(6)
        assert turntable.render(label, rng=rng).shape == (240, 320, 3)
    one, two = (turntable.render(x, rng=np.random.default_rng(6)) for x in (None, ""))
    assert np.array_equal(one, two)


def test_fresh_backdrops_are_never_used_in_teaching() -> None:
    for surface in ("wall", "table"):
        kinds = [set(backdrops.FAMILIES[f][surface]) for f in ("teach", "fresh")]
        assert not kinds[0] & kinds[1], "the families share a kind of surface"
        drawn = [
            {_digest(backdrops.texture(f, surface, i)) for i in range(backdrops.POOL)}
            for f in ("teach", "fresh")
        ]
        assert all(len(pool) == backdrops.POOL for pool in drawn)
        assert not drawn[0] & drawn[1]


def test_the_fresh_split_draws_from_the_fresh_family(
    turntable: Turntable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cil_nodes.datasets.turntable import renderer

    asked: list[str] = []

    def listen(family: str, surface: str, number: int) -> backdrops.Texture:
        asked.append(family)
        return backdrops.texture(family, surface, number)

    monkeypatch.setattr(renderer, "texture", listen)
    for split in ("teach", "fresh"):
        asked.clear()
        list(turntable.views("apple", 2, split=split))
        turntable.render("apple", fresh_backdrop=split == "fresh")
        assert set(asked) == {split}


def test_a_contact_sheet_has_a_tile_for_each_thing() -> None:
    small = Turntable(width=64, height=48)
    sheet = contact_sheet(small, ["mug", "apple", "duck"], columns=2, scale=1.0)
    assert sheet.shape == (96, 128, 3)
    assert sheet[48:, :64].any()
    assert not sheet[48:, 64:].any(), "the fourth place is empty"


def test_the_distinct_objects_are_24_of_those_there_are(turntable: Turntable) -> None:
    assert len(set(turntable.distinct_objects)) == 24
    assert set(turntable.distinct_objects) <= set(turntable.objects)


def test_an_unknown_object_is_refused_with_those_there_are(turntable: Turntable) -> None:
    with pytest.raises(NoSuchObjectError) as caught:
        turntable.render("mugg")
    assert "The turntable has no object 'mugg'. Did you mean 'mug'" in str(caught.value)
    assert all(name in str(caught.value) for name in turntable.objects)


def test_an_unknown_split_is_refused(turntable: Turntable) -> None:
    with pytest.raises(
        ValueError, match=r"There is no split 'test'; the splits are teach and fresh"
    ):
        turntable.view("mug", 0, split="test")


def test_a_tiny_picture_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 16 x 16 pixels, got 0 x 240"):
        Turntable(width=0)
