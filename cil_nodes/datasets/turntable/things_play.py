"""Toys, sports and music."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .catalogue import Maker, thing
from .model import Part
from .paint import bands, mottled, patches, plain, stripes, wood
from .shapes import (
    box,
    cylinder,
    ellipsoid,
    extrude,
    join,
    lathe,
    rounded_box,
    smooth_profile,
    torus,
    tube,
)


@thing("toy car", size=0.95)
def _toy_car(m: Maker) -> Sequence[Part]:
    side = [
        (-0.8, 0.0),
        (0.8, 0.0),
        (0.82, 0.24),
        (0.48, 0.32),
        (0.26, 0.6),
        (-0.42, 0.6),
        (-0.66, 0.32),
        (-0.82, 0.28),
    ]
    window = [(0.4, 0.33), (0.22, 0.55), (-0.38, 0.55), (-0.55, 0.33)]
    paint = plain(m.shade("#e01f26", 0.05))
    tyre, hub = [], []
    for x in (-0.48, 0.48):
        for y in (-0.36, 0.36):
            tyre.append(cylinder(0.19, 0.16, sections=28).move(z=-0.08).turn("x", 90).move(x, y, 0))
            hub.append(cylinder(0.1, 0.18, sections=20).move(z=-0.09).turn("x", 90).move(x, y, 0))
    lights = [ellipsoid(0.03, 0.08, 0.08).move(0.81, y, 0.14) for y in (-0.24, 0.24)]
    glass = [
        extrude(window, 0.71).turn("x", 90).move(y=0.355),
        box(0.34, 0.56, 0.02).turn("y", 51).move(0.38, 0, 0.47),
    ]
    return [
        Part(extrude(side, 0.7).turn("x", 90).move(y=0.35), paint, 0.9, 60),
        Part(join(glass), plain("#9fc7dc"), 1.0, 60),
        Part(join(tyre), plain("#16161a"), 0.2),
        Part(join(hub), plain("#d3d6da"), 0.9),
        Part(join(lights), plain("#fff5b8"), 0.8),
        Part(
            join([box(0.5, 0.16, 0.01).move(0, y, 0.6) for y in (-0.14, 0.14)]),
            plain("#ffffff"),
            0.5,
        ),
    ]


@thing("die", size=0.72)
def _die(m: Maker) -> Sequence[Part]:
    cube = rounded_box(1, 1, 1, 0.13).move(z=-0.5)
    pips = []
    faces = {1: ("x", 0), 6: ("x", 180), 2: ("x", 90), 5: ("x", -90), 3: ("y", 90), 4: ("y", -90)}
    for count, (axis, degrees) in faces.items():
        for x, y in _pip_places(count):
            pips.append(ellipsoid(0.1, 0.1, 0.03, 16).move(x, y, 0.49).turn(axis, degrees))
    return [
        Part(cube, plain(m.shade("#1c9a4c")), 0.6, 50),
        Part(join(pips), plain("#fbfbf6"), 0.3),
    ]


def _pip_places(count: int) -> list[tuple[float, float]]:
    d = 0.25
    pairs = [[(-d, -d), (d, d)], [(-d, d), (d, -d)], [(-d, 0.0), (d, 0.0)]]
    centre = [(0.0, 0.0)] if count % 2 else []
    return centre + [place for pair in pairs[: count // 2] for place in pair]


@thing("football", size=0.8)
def _football(m: Maker) -> Sequence[Part]:
    golden = (1 + 5**0.5) / 2
    corners = [np.roll((0, a, b * golden), k) for k in range(3) for a in (-1, 1) for b in (-1, 1)]
    leather = patches(np.array(corners, dtype=float), 19, "#f6f6f6", m.shade("#111214", 0.02))
    return [Part(ellipsoid(0.6, sections=48), leather, 0.4, 30)]


@thing("dumbbell", size=0.95)
def _dumbbell(m: Maker) -> Sequence[Part]:
    bar = lathe([(0.07, -0.9), (0.07, -0.3), (0.09, 0), (0.07, 0.3), (0.07, 0.9)])
    plates, rims = [], []
    for z, r in ((0.42, 0.46), (0.58, 0.36), (0.72, 0.26)):
        for side in (-1, 1):
            plates.append(cylinder(r, 0.12, sections=40).move(z=side * z - 0.06))
            rims.append(torus(r * 0.7, 0.025).move(z=side * (z + 0.06)))
    return [
        Part(bar.turn("x", 90), plain("#b9bfc7"), 1.0, 60),
        Part(join(plates).turn("x", 90), plain(m.shade("#23262b", 0.03)), 0.5, 25),
        Part(join(rims).turn("x", 90), plain(m.shade("#d8d02a")), 0.4),
    ]


@thing("robot")
def _robot(m: Maker) -> Sequence[Part]:
    shell, dark, red = plain(m.shade("#55b9b0")), plain("#2c3138"), plain(m.shade("#e0392f"))
    arms = [
        tube(
            smooth_profile([(s * 0.36, 0, 0.98), (s * 0.56, -0.02, 0.8), (s * 0.6, -0.1, 0.5)], 8),
            0.075,
        )
        for s in (-1, 1)
    ]
    hands = [
        torus(0.1, 0.045, start=-60, end=240).turn("x", 90).move(s * 0.6, -0.12, 0.36)
        for s in (-1, 1)
    ]
    legs = [cylinder(0.11, 0.34).move(s * 0.18, 0, 0.08) for s in (-1, 1)]
    feet = [rounded_box(0.26, 0.4, 0.14, 0.05).move(s * 0.18, -0.05) for s in (-1, 1)]
    eyes = [ellipsoid(0.085, 0.05, 0.085).move(s * 0.13, -0.24, 1.4) for s in (-1, 1)]
    dials = [cylinder(0.06, 0.03).turn("x", 90).move(x, -0.21, 0.85) for x in (-0.16, 0, 0.16)]
    return [
        Part(
            join(
                [
                    rounded_box(0.68, 0.42, 0.66, 0.06).move(z=0.42),
                    rounded_box(0.56, 0.46, 0.44, 0.07).move(z=1.16),
                ]
            ),
            shell,
            0.8,
            40,
        ),
        Part(join([*arms, *legs, cylinder(0.1, 0.1).move(z=1.08)]), dark, 0.5),
        Part(join([*feet, *hands]), red, 0.5),
        Part(join(eyes), plain("#ffe23a"), 0.8),
        Part(join(dials), plain("#3ad06a"), 0.6),
        Part(box(0.34, 0.02, 0.06).move(0, -0.235, 1.24), plain("#1a1a1a"), 0.1),
        Part(join([cylinder(0.02, 0.2).move(z=1.58), ellipsoid(0.065).move(z=1.8)]), red, 0.6),
    ]


@thing("aeroplane")
def _aeroplane(m: Maker) -> Sequence[Part]:
    hull = smooth_profile(
        [(0.001, -1.0), (0.12, -0.86), (0.18, -0.5), (0.18, 0.2), (0.1, 0.75), (0.02, 1.0)], 30
    )
    wing = extrude([(-0.12, 0), (0.25, 0), (0.5, 1.0), (0.3, 1.0)], 0.035)
    wings = [wing.move(z=-0.06), wing.scale(1, -1, 1).move(z=-0.06)]
    tail = extrude([(0.68, 0), (0.92, 0), (1.04, 0.38), (0.9, 0.38)], 0.03)
    fins = [tail, tail.scale(1, -1, 1), tail.turn("x", 90).move(y=0.015)]
    engines = [
        cylinder(0.09, 0.32, sections=20).turn("y", 90).move(0.0, s * 0.45, -0.13) for s in (-1, 1)
    ]
    blue = m.shade("#1556b8")
    body = lathe(hull).turn("y", 90)
    windows = [box(0.05, 0.37, 0.05).move(x, 0, 0.02) for x in np.linspace(-0.6, 0.5, 10)]
    parts = [
        Part(body, bands("x", [-0.03, 0.03], ["#f4f5f7", blue, "#f4f5f7"]), 0.7, 50),
        Part(join(wings), plain("#c3c9d1"), 0.6),
        Part(join(fins), plain(m.shade("#e8a01c")), 0.5),
        Part(join(engines), plain("#3a3f46"), 0.7),
        Part(join(windows).scale(1, 0.96, 1), plain("#16304f"), 0.5),
    ]
    lift = [cylinder(0.05, 0.45).move(0, 0, -0.55), cylinder(0.3, 0.05).move(0, 0, -0.6)]
    return [*parts, Part(join(lift), plain("#222428"), 0.3)]


@thing("duck", size=0.85)
def _duck(m: Maker) -> Sequence[Part]:
    yellow = plain(m.shade("#fbd21f", 0.04))
    body = ellipsoid(0.62, 0.45, 0.36).move(z=0.34)
    tail = tube(
        smooth_profile([(-0.42, 0, 0.4), (-0.62, 0, 0.52), (-0.74, 0, 0.72)], 9),
        np.linspace(0.24, 0.03, 9),
    )
    wings = [ellipsoid(0.32, 0.08, 0.2).turn("y", 12).move(-0.1, s * 0.43, 0.42) for s in (-1, 1)]
    eyes = [ellipsoid(0.06).move(0.56, s * 0.2, 0.98) for s in (-1, 1)]
    bill = [
        ellipsoid(0.19, 0.15, 0.045).move(0.72, 0, 0.84),
        ellipsoid(0.15, 0.12, 0.04).move(0.7, 0, 0.78),
    ]
    return [
        Part(join([body, tail, *wings, ellipsoid(0.32).move(0.36, 0, 0.88)]), yellow, 0.6, 40),
        Part(join(bill), plain(m.shade("#f07818")), 0.5),
        Part(join(eyes), plain("#101010"), 0.9, 90),
    ]


@thing("guitar")
def _guitar(m: Maker) -> Sequence[Part]:
    half = smooth_profile(
        [(0, 0), (0.36, 0.06), (0.46, 0.32), (0.28, 0.6), (0.34, 0.84), (0.12, 1.0), (0, 1.0)], 34
    )
    outline = np.vstack([half, (half * [-1, 1])[-2:0:-1]])
    red = m.shade("#c4541c")
    frets = stripes("y", 0.075, "#4a2a14", "#d8d2c0", 0.15)
    pegs = [
        ellipsoid(0.035, 0.035, 0.035, 10).move(s * 0.13, 1.78 + 0.1 * k, 0.27)
        for s in (-1, 1)
        for k in range(3)
    ]
    strings = [box(0.008, 1.55, 0.01).move(x, 1.0, 0.285) for x in (-0.045, -0.015, 0.015, 0.045)]
    parts = [
        Part(extrude(outline, 0.22), wood(0.5, red, "#8f3510", axis="y"), 0.8, 50),
        Part(torus(0.15, 0.02).move(0, 0.66, 0.222), plain("#f2e3b0"), 0.4),
        Part(cylinder(0.14, 0.005).move(0, 0.66, 0.221), plain("#140b06"), 0.0),
        Part(box(0.13, 0.95, 0.06).move(0, 1.2, 0.215), frets, 0.3),
        Part(
            join(
                [box(0.2, 0.32, 0.06).move(0, 1.88, 0.2), box(0.3, 0.06, 0.04).move(0, 0.3, 0.22)]
            ),
            plain("#2a160a"),
            0.4,
        ),
        Part(join([*pegs, *strings]), plain("#e6e3da"), 0.8),
    ]
    return [Part(p.shape.turn("x", 78), p.paint, p.gloss, p.shininess) for p in parts]


@thing("drum", size=0.85)
def _drum(m: Maker) -> Sequence[Part]:
    red = m.shade("#b81d28")
    zigzag = []
    for k in range(10):
        a, b, c = (np.radians(36 * k + d) for d in (0, 18, 36))
        zigzag.append(
            tube(
                [
                    (0.61 * np.cos(t), 0.61 * np.sin(t), z)
                    for t, z in ((a, 0.08), (b, 0.62), (c, 0.08))
                ],
                0.02,
                8,
            )
        )
    rims = [torus(0.61, 0.05).move(z=z) for z in (0.05, 0.66)]
    sticks = [
        tube([(-0.5, -0.1 * s, 0.78), (0.55, 0.28 * s, 0.74)], np.array([0.035, 0.025]))
        for s in (-1, 1)
    ]
    return [
        Part(cylinder(0.6, 0.7, sections=48), bands("z", [0.69], [red, "#f6f0dc"]), 0.5, 40),
        Part(join(rims), plain(m.shade("#f1e4bd")), 0.6),
        Part(join(zigzag), plain("#f4d23a"), 0.3),
        Part(join(sticks), plain("#c69152"), 0.3),
    ]


@thing("rubber ring", size=0.9)
def _rubber_ring(m: Maker) -> Sequence[Part]:
    ring = torus(0.58, 0.2)
    segments = [torus(0.58, 0.205, start=a, end=a + 30) for a in range(0, 360, 60)]
    return [
        Part(ring, plain("#fcfcfa"), 0.7, 40),
        Part(join(segments), plain(m.shade("#ee3b80")), 0.7, 40),
    ]


@thing("teddy bear")
def _teddy_bear(m: Maker) -> Sequence[Part]:
    fur = mottled(0.06, m.shade("#a8703a"), "#8a5528")
    arms = [
        ellipsoid(0.13, 0.14, 0.3).turn("y", s * -40).turn("x", 25).move(s * 0.42, -0.14, 0.66)
        for s in (-1, 1)
    ]
    legs = [
        ellipsoid(0.17, 0.34, 0.17).turn("z", s * 22).move(s * 0.3, -0.34, 0.17) for s in (-1, 1)
    ]
    ears = [ellipsoid(0.14, 0.08, 0.14).move(s * 0.27, 0, 1.43) for s in (-1, 1)]
    pale = [
        ellipsoid(0.17, 0.14, 0.13).move(0, -0.29, 1.1),
        ellipsoid(0.28, 0.1, 0.3).move(0, -0.3, 0.48),
    ]
    pale += [ellipsoid(0.12, 0.04, 0.12).move(s * 0.42, -0.64, 0.18) for s in (-1, 1)]
    eyes = [ellipsoid(0.045).move(s * 0.13, -0.32, 1.26) for s in (-1, 1)]
    bow = [
        cylinder(0.13, 0.2, top=0.02).turn("y", 90 * s).move(-0.2 * s, -0.3, 0.86) for s in (-1, 1)
    ]
    return [
        Part(
            join(
                [
                    ellipsoid(0.42, 0.36, 0.46).move(z=0.5),
                    ellipsoid(0.37, 0.33, 0.34).move(z=1.16),
                    *arms,
                    *legs,
                    *ears,
                ]
            ),
            fur,
            0.05,
        ),
        Part(join(pale), plain("#e2bf8c"), 0.05),
        Part(
            join([*eyes, ellipsoid(0.06, 0.05, 0.04).move(0, -0.42, 1.14)]),
            plain("#0d0a08"),
            0.9,
            80,
        ),
        Part(join(bow), plain(m.shade("#c4202c")), 0.3),
    ]
