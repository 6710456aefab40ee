"""The triangle shapes that things are built from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cil_nodes.datasets.turntable import shapes
from cil_nodes.datasets.turntable.model import Model, Part, corner_normals
from cil_nodes.datasets.turntable.paint import checks, linear, noise, plain, stripes

CLOSED = {
    "box": (shapes.box(1, 2, 3), 6.0),
    "cylinder": (shapes.cylinder(1, 2, sections=200), 2 * np.pi),
    "cone": (shapes.cylinder(1, 3, top=0, sections=200), np.pi),
    "ball": (shapes.ellipsoid(1, sections=160), 4 / 3 * np.pi),
    "torus": (shapes.torus(2, 0.5), 2 * np.pi**2 * 2 * 0.25),
    "tube": (shapes.tube([(0, 0, 0), (0, 0, 1), (0, 0, 2)], 0.5, sections=100), 0.5 * np.pi),
    "extrusion": (shapes.extrude([(0, 0), (2, 0), (2, 2), (1, 0.5), (0, 2)], 2), 5.0),
    "sharp rounded box": (shapes.rounded_box(1, 2, 3, 1e-4), 6.0),
}


def _volume(shape: shapes.Shape) -> float:
    """Signed volume of a closed mesh: the tetrahedra from the origin to each triangle."""
    a, b, c = (shape.vertices[shape.faces[:, k]].astype(float) for k in range(3))
    return float(np.einsum("ni,ni->n", a, np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize("name", CLOSED)
def test_a_closed_shape_has_its_volume(name: str) -> None:
    """True only if no triangle is missing and all turn the same way."""
    shape, volume = CLOSED[name]
    assert abs(_volume(shape)) == pytest.approx(volume, rel=0.04)


@settings(max_examples=30)
@given(st.lists(st.floats(0.2, 2.0), min_size=3, max_size=24))
def test_any_star_outline_is_filled_exactly(radii: list[float]) -> None:
    angle = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    outline = np.array(radii)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x, y = outline.T
    area = abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2
    assert _volume(shapes.extrude(outline, 1.0)) == pytest.approx(area, rel=1e-4)
    assert _volume(shapes.extrude(outline[::-1], 1.0)) == pytest.approx(area, rel=1e-4)


@given(st.sampled_from("xyz"), st.floats(-360, 360))
def test_a_turn_is_a_rotation(axis: str, degrees: float) -> None:
    matrix = shapes.axis_rotation(axis, degrees)
    assert np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(matrix) == pytest.approx(1, abs=1e-5)


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    point = shapes.make_shape([(1, 0, 0), (0, 1, 0), (0, 0, 1)], [(0, 1, 2)]).turn("z", 90)
    assert np.allclose(point.vertices[0], (0, 1, 0), atol=1e-6)


def test_a_ball_is_smooth_and_a_box_has_edges() -> None:
    ball = shapes.ellipsoid(1.0)
    outward = ball.vertices[ball.faces]
    cosine = np.einsum("fci,fci->fc", corner_normals(ball), outward)
    assert np.abs(cosine).min() > 0.98
    normals = corner_normals(shapes.box(1, 1, 1))
    assert np.allclose(np.sort(np.abs(normals), axis=-1)[..., -1], 1)


def test_moving_leaves_the_original_alone() -> None:
    cube = shapes.box(1, 1, 1)
    before = cube.vertices.copy()
    moved = cube.move(x=1).scale(2, 2, 2).turn("x", 30)
    assert np.array_equal(cube.vertices, before)
    assert np.array_equal(moved.rest, cube.rest)


def test_a_ray_meets_the_model_where_it_stands() -> None:
    model = Model([Part(shapes.ellipsoid(3.0, sections=96), plain("#ff0000"))])
    height = model.points[:, 2].max()
    eye = np.array([[0.02, 0.01, 5.0]], dtype=np.float32)  # beside the pole: no ray hits a corner
    hits = model.trace(eye, np.array([[0, 0, -1.0]], dtype=np.float32))
    assert model.points[:, 2].min() == pytest.approx(0, abs=1e-6)
    assert hits.distance[0] == pytest.approx(5 - height, abs=2e-3)
    assert abs(hits.normal[0, 2]) > 0.99
    assert np.allclose(model.colours(hits)[0], (1, 0, 0))
    aside = np.array([[3, 0, 5.0]], dtype=np.float32)
    assert len(model.trace(aside, np.array([[0, 0, -1.0]], dtype=np.float32)).ray) == 0
    assert not model.blocks(aside, np.array([[0, 0, -1.0]], dtype=np.float32))[0]


def test_patterns_have_both_colours() -> None:
    points = np.random.default_rng(0).uniform(-2, 2, (500, 3)).astype(np.float32)
    for paint in (stripes("x", 0.5, "#000000", "#ffffff"), checks(0.5, "#000000", "#ffffff")):
        share = paint(points)[:, 0].mean()
        assert 0.4 < share < 0.6
    values = noise(points)
    assert values.min() >= 0
    assert values.max() <= 1
    assert values.std() > 0.1


def test_a_colour_is_the_same_by_name_and_by_number() -> None:
    assert np.allclose(linear("#ff8000"), linear((1.0, 128 / 255, 0.0)))
