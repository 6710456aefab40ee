"""Things from the kitchen and the living room."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .catalogue import Maker, thing
from .model import Part
from .paint import bands, checks, gradient, mottled, plain, sectors, spots, stripes, wood
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

STEEL = "#b9bec4"


@thing("mug", size=0.85)
def _mug(m: Maker) -> Sequence[Part]:
    r, h = m.about(0.5), m.about(1.1)
    wall = lathe(
        [(0, 0), (r * 0.94, 0), (r, 0.06), (r, h), (r - 0.05, h), (r - 0.06, 0.08), (0, 0.08)]
    )
    handle = torus(0.3, 0.065, start=-100, end=100).turn("x", 90).scale(1.05, 1, 1.15)
    blue = m.shade("#1d4fb8")
    glaze = bands("z", [0.42 * h, 0.62 * h], [blue, "#f4f4ee", blue])
    coffee = cylinder(r - 0.06, 0.01).move(z=0.82 * h)
    return [
        Part(wall, glaze, 0.6, 60),
        Part(handle.move(r - 0.02, 0, h / 2), plain(blue), 0.6, 60),
        Part(coffee, plain("#2b1408"), 0.5, 80),
    ]


@thing("bowl", size=0.95)
def _bowl(m: Maker) -> Sequence[Part]:
    h = m.about(0.5)
    outside = smooth_profile([(0.3, 0.06), (0.55, 0.12), (0.85, 0.35), (0.98, h)], 14)
    inside = smooth_profile([(0.94, h), (0.8, 0.36), (0.5, 0.17), (0, 0.12)], 14)
    profile = np.vstack([[(0, 0), (0.32, 0)], outside, inside])
    orange = m.shade("#e07a1e")
    cereal = [
        ellipsoid(0.1, 0.1, 0.06, 14)
        .turn("x", 40 * k)
        .move(
            0.45 * np.cos(2.4 * k) * (k / 14) ** 0.5, 0.45 * np.sin(2.4 * k) * (k / 14) ** 0.5, 0.3
        )
        for k in range(14)
    ]
    return [
        Part(lathe(profile, 56), spots(0.3, 0.3, "#f3e7cf", orange), 0.5, 50),
        Part(cylinder(0.7, 0.01).move(z=0.29), plain("#fbfaf2"), 0.2),
        Part(join(cereal), plain(m.shade("#b86b1b")), 0.1),
    ]


@thing("bottle")
def _bottle(m: Maker) -> Sequence[Part]:
    neck = m.about(0.13)
    body = [
        (0, 0),
        (0.36, 0),
        (0.38, 0.05),
        (0.38, 0.95),
        (0.34, 1.1),
        (neck + 0.04, 1.28),
        (neck, 1.4),
        (neck, 1.62),
        (neck + 0.03, 1.63),
        (neck + 0.03, 1.7),
        (0, 1.7),
    ]
    label = bands(
        "z", [0.3, 0.36, 0.72, 0.78], ["#f1e6c8", "#8c1a20", "#f1e6c8", "#8c1a20", "#f1e6c8"]
    )
    return [
        Part(lathe(body), plain(m.shade("#10522a")), 0.9, 90),
        Part(lathe([(0.386, 0.22), (0.386, 0.85)]), label, 0.1),
        Part(
            lathe([(neck + 0.012, 1.45), (neck + 0.036, 1.63), (neck + 0.036, 1.71), (0, 1.71)]),
            plain(m.shade("#b8902c")),
            0.5,
        ),
    ]


@thing("teapot")
def _teapot(m: Maker) -> Sequence[Part]:
    profile = [(0.3, 0), (0.55, 0.12), (0.68, 0.4), (0.55, 0.72), (0.3, 0.85)]
    body = np.vstack([[(0, 0)], smooth_profile(profile, 24)])
    lid = np.vstack([smooth_profile([(0.32, 0.84), (0.26, 0.92), (0.06, 0.98)], 10), [(0, 0.98)]])
    spout = smooth_profile([(0.5, 0, 0.3), (0.85, 0, 0.42), (0.95, 0, 0.68), (1.15, 0, 0.8)], 16)
    handle = torus(0.34, 0.06, start=75, end=285).turn("x", 90).scale(1.1, 1, 1)
    ground, petals = m.shade("#8c3b1f"), m.shade("#ecdcb4")
    glaze = bands("z", [0.34, 0.4, 0.5, 0.56], [ground, petals, ground, petals, ground])
    return [
        Part(lathe(body), glaze, 0.7, 70),
        Part(lathe(lid), plain(petals), 0.7, 70),
        Part(ellipsoid(0.09).move(z=1.03), plain(ground), 0.7, 70),
        Part(tube(spout, np.linspace(0.17, 0.07, 16)), plain(ground), 0.7, 70),
        Part(handle.move(-0.58, 0, 0.45), plain(petals), 0.7, 70),
    ]


@thing("spoon", size=1.12)
def _spoon(m: Maker) -> Sequence[Part]:
    shaft = smooth_profile([(0.1, 0, 0.06), (0.5, 0, 0.2), (1.1, 0, 0.16), (1.5, 0, 0.1)], 20)
    handle = tube(shaft, np.linspace(0.07, 0.1, 20)).scale(1, 1.3, 0.7)
    hollow = [
        (0, 0),
        (0.2, 0.03),
        (0.32, 0.12),
        (0.36, 0.24),
        (0.33, 0.24),
        (0.28, 0.14),
        (0, 0.06),
    ]
    grain = wood(0.5, m.shade("#c9914f"), "#9a6630", axis="x")
    head = lathe(hollow).scale(1.25, 1, 0.8).move(x=-0.3)
    return [Part(handle, grain, 0.15), Part(head, grain, 0.15)]


@thing("candle", size=0.95)
def _candle(m: Maker) -> Sequence[Part]:
    r = m.about(0.24)
    wax = lathe(
        np.vstack([[(r, 0.15), (r, 1.22)], smooth_profile([(r, 1.22), (0.16, 1.26), (0, 1.2)], 8)])
    )
    flame = smooth_profile([(0.001, 0), (0.09, 0.12), (0.06, 0.28), (0.001, 0.42)], 14)
    dish = lathe([(0, 0), (0.5, 0), (0.62, 0.1), (0.6, 0.13), (0.45, 0.05), (0, 0.05)])
    ring = torus(0.14, 0.035).turn("x", 90).move(0.74, 0, 0.12)
    brass = plain(m.shade("#b98a2b"))
    return [
        Part(wax, plain(m.shade("#c9302c")), 0.35, 20),
        Part(lathe(flame).move(z=1.3), gradient("z", 0.05, 0.3, (1, 0.75, 0.1), (1, 1, 0.75)), 0),
        Part(cylinder(0.015, 0.14).move(z=1.2), plain("#111111"), 0),
        Part(join([dish, ring, cylinder(r + 0.05, 0.12).move(z=0.05)]), brass, 0.9, 40),
    ]


@thing("lamp")
def _lamp(m: Maker) -> Sequence[Part]:
    shade = lathe([(0.2, 1.55), (0.22, 1.55), (0.56, 1.0), (0.54, 1.0), (0.2, 1.55)], 48)
    foot = lathe(
        np.vstack(
            [
                [(0, 0), (0.34, 0)],
                smooth_profile(
                    [(0.36, 0.06), (0.14, 0.16), (0.24, 0.42), (0.06, 0.7), (0.05, 1.1)], 24
                ),
            ]
        )
    )
    pleats = stripes("x", 0.16, m.shade("#f6e7b8"), m.shade("#e2bb62"))
    return [
        Part(shade, pleats, 0.05),
        Part(foot, plain(m.shade("#1f7a74")), 0.8, 60),
        Part(ellipsoid(0.13).move(z=1.2), plain((1, 0.97, 0.8)), 0),
    ]


@thing("chair")
def _chair(m: Maker) -> Sequence[Part]:
    legs = [box(0.1, 0.1, 0.72).move(x, y) for x in (-0.4, 0.4) for y in (-0.4, 0.4)]
    posts = [box(0.1, 0.1, 0.9).move(x, 0.4, 0.78) for x in (-0.4, 0.4)]
    rungs = [box(0.72, 0.06, 0.09).move(0, 0.4, z) for z in (1.0, 1.22)]
    stretchers = [box(0.06, 0.72, 0.06).move(x, 0, 0.3) for x in (-0.4, 0.4)]
    lacquer = plain(m.shade("#c3262b"))
    return [
        Part(join([*legs, *posts, *stretchers]), lacquer, 0.5),
        Part(join([*rungs, box(0.9, 0.1, 0.2).move(0, 0.4, 1.5)]), lacquer, 0.5),
        Part(
            rounded_box(0.98, 0.98, 0.14, 0.05).move(z=0.7),
            checks(0.12, m.shade("#ecd9a4"), "#b98f4c"),
            0.05,
        ),
    ]


@thing("clock", size=0.9)
def _clock(m: Maker) -> Sequence[Part]:
    case = cylinder(0.62, 0.4, sections=48).move(z=-0.2)
    face = cylinder(0.53, 0.02, sections=48).move(z=0.2)
    ticks = [
        box(0.04, 0.12 if k % 3 == 0 else 0.06, 0.02).move(y=0.44).turn("z", 30 * k).move(z=0.22)
        for k in range(12)
    ]
    hands = [
        box(0.05, 0.3, 0.03).move(y=0.13).turn("z", -60),
        box(0.035, 0.4, 0.03).move(y=0.18).turn("z", 50),
    ]
    dial = join([*ticks, *(hand.move(z=0.225) for hand in hands)])
    bells = [ellipsoid(0.22, 0.22, 0.16).turn("y", s * 35).move(s * 0.36, 0, 0.68) for s in (-1, 1)]
    feet = [cylinder(0.05, 0.3).turn("y", s * -30).move(s * 0.5, 0, -0.74) for s in (-1, 1)]
    navy = m.shade("#27408b")
    return [
        Part(case.turn("x", 90), plain(navy), 0.6, 40),
        Part(face.turn("x", 90), plain("#fbfbf4"), 0.2),
        Part(dial.turn("x", 90), plain("#161616"), 0.1),
        Part(
            join([*bells, *feet, tube([(-0.2, 0, 0.85), (0, 0, 0.98), (0.2, 0, 0.85)], 0.035)]),
            plain(STEEL),
            0.9,
            50,
        ),
    ]


@thing("banana", size=1.12)
def _banana(m: Maker) -> Sequence[Part]:
    bend = np.radians(np.linspace(-62, 62, 26))
    path = np.stack([np.sin(bend), 0.9 - np.cos(bend), 0 * bend], axis=1) * m.about(1.0)
    thick = 0.19 * np.sqrt(np.clip(1 - (np.linspace(-1, 1, 26) * 0.97) ** 4, 0.06, 1))
    skin = gradient("x", -0.5, 0.5, m.shade("#f3cf2a", 0.05), m.shade("#f6dd4a", 0.05))
    tips = [path[:3], path[-3:] + (path[-1] - path[-2]) * 1.2]
    fruit = join([tube(path, thick, sections=6)])
    return [
        Part(fruit, skin, 0.3, 20),
        Part(join([tube(t, 0.065) for t in tips]), plain("#5a4413"), 0.1),
    ]


@thing("apple", size=0.8)
def _apple(m: Maker) -> Sequence[Part]:
    side = smooth_profile(
        [(0.02, 0.09), (0.2, 0), (0.48, 0.16), (0.6, 0.55), (0.45, 0.9), (0.18, 0.95), (0.01, 0.8)],
        34,
    )
    leaf = ellipsoid(0.2, 0.1, 0.02).turn("y", -25).move(0.2, 0, 1.08)
    stem = tube([(0, 0, 0.78), (0.02, 0, 0.95), (0.07, 0, 1.12)], 0.03)
    red = gradient("z", 0.0, 0.9, m.shade("#d3222a", 0.05), m.shade("#b3101c", 0.05))
    return [
        Part(lathe(side, 48), red, 0.6, 50),
        Part(stem, plain("#4a2f17"), 0.1),
        Part(leaf, plain(m.shade("#3f9a30")), 0.2),
    ]


@thing("pineapple")
def _pineapple(m: Maker) -> Sequence[Part]:
    side = smooth_profile([(0.15, 0), (0.4, 0.15), (0.47, 0.5), (0.4, 0.9), (0.15, 1.05)], 20)
    knobs = []
    for ring, (r, z) in enumerate(side[2:-2:2]):
        for k in range(12):
            turn = 30 * k + 15 * (ring % 2)
            knobs.append(ellipsoid(0.06, 0.1, 0.07, 8).move(r, 0, z).turn("z", turn))
    leaves = []
    for k in range(22):
        out, up = 0.12 + 0.4 * (k % 4) / 3, 0.75 - 0.13 * (k % 4)
        path = smooth_profile(
            [(0.05, 0, 1.0), (0.1 + out * 0.3, 0, 1.05 + up * 0.6), (out, 0, 1.0 + up)], 7
        )
        leaves.append(tube(path, np.linspace(0.07, 0.01, 7), 6).turn("z", 137.5 * k))
    return [
        Part(lathe(np.vstack([[(0, 0)], side, [(0, 1.05)]])), plain("#6d4510"), 0.1),
        Part(join(knobs), plain(m.shade("#d99a22")), 0.3, 15),
        Part(join(leaves), gradient("z", 1.0, 1.6, "#1f5a24", m.shade("#58a03a")), 0.2),
    ]


@thing("cake", size=0.95)
def _cake(m: Maker) -> Sequence[Part]:
    cream, pink = "#fff3e6", m.shade("#f28ab2")
    layers = bands(
        "z", [0.16, 0.22, 0.38, 0.44], [m.shade("#6b3a1c"), cream, "#6b3a1c", cream, pink]
    )
    body = cylinder(0.62, 0.6, sections=56)
    drips = [
        ellipsoid(0.075, 0.05, 0.05 + 0.06 * (k * 7 % 5) / 4, 16)
        .move(0.61, 0, 0.5)
        .turn("z", 20 * k)
        for k in range(18)
    ]
    cherries = [
        ellipsoid(0.085, sections=20).move(0.48, 0, 0.66).turn("z", 45 * k) for k in range(8)
    ]
    candles = [cylinder(0.03, 0.3).move(0.2, 0, 0.6).turn("z", 120 * k) for k in range(3)]
    flames = [ellipsoid(0.035, 0.035, 0.06).move(0.2, 0, 0.95).turn("z", 120 * k) for k in range(3)]
    return [
        Part(lathe([(0, 0), (0.85, 0), (0.9, 0.05), (0, 0.05)], 56), plain("#e9e9ee"), 0.5),
        Part(body.move(z=0.05), layers, 0.1),
        Part(join(drips), plain(pink), 0.3),
        Part(join(cherries), plain("#b0101c"), 0.7, 60),
        Part(join(candles), stripes("z", 0.1, "#ffffff", "#2f6fd0"), 0.2),
        Part(join(flames), plain((1, 0.85, 0.25)), 0),
    ]


@thing("mushroom", size=0.85)
def _mushroom(m: Maker) -> Sequence[Part]:
    cap = smooth_profile([(0.7, 0.62), (0.72, 0.7), (0.55, 1.05), (0.25, 1.22), (0.001, 1.26)], 22)
    stem = smooth_profile([(0.26, 0), (0.2, 0.25), (0.17, 0.68)], 12)
    dots = []
    for k in range(16):
        r, z = cap[4 + (k * 5) % 17]
        dots.append(
            ellipsoid(0.09, 0.09, 0.05, 16)
            .turn("y", 20 + 55 * r / 0.72)
            .move(r, 0, z)
            .turn("z", 137.5 * k)
        )
    return [
        Part(lathe(np.vstack([[(0.17, 0.6)], cap]), 48), plain(m.shade("#d0201c", 0.05)), 0.5, 40),
        Part(lathe(np.vstack([[(0, 0)], stem])), mottled(0.2, "#f2ead6", "#ddd0b4"), 0.1),
        Part(join(dots), plain("#fffaf0"), 0.1),
    ]


@thing("umbrella")
def _umbrella(m: Maker) -> Sequence[Part]:
    dome = smooth_profile([(0.95, 0.95), (0.8, 1.22), (0.45, 1.45), (0.001, 1.54)], 16)
    crook = smooth_profile(
        [(0, 0, 1.5), (0, 0, 0.25), (0.04, 0, 0.08), (0.14, 0, 0.04), (0.22, 0, 0.16)], 30
    )
    canopy = sectors(8, [m.shade("#e0282e"), "#fdfdf8"])
    return [
        Part(lathe(dome, 64), canopy, 0.15),
        Part(tube(crook, 0.035), plain("#4b2b15"), 0.3),
        Part(cylinder(0.03, 0.12, top=0.005).move(z=1.53), plain(STEEL), 0.8),
    ]


@thing("vase")
def _vase(m: Maker) -> Sequence[Part]:
    side = smooth_profile([(0.22, 0), (0.42, 0.3), (0.36, 0.62), (0.16, 0.82), (0.24, 0.96)], 26)
    violet = m.shade("#6a3fa0")
    blooms, stems = [], []
    for k, colour_turn in enumerate((0, 72, 144, 216, 288)):
        top = np.array([0.36 if k else 0.05, 0, 1.35 + 0.12 * (k % 2)])
        stems.append(
            tube(smooth_profile([(0, 0, 0.8), (0.06, 0, 1.0), tuple(top)], 8), 0.02).turn(
                "z", colour_turn
            )
        )
        blooms += [
            ellipsoid(0.13, 0.07, 0.05, 14)
            .move(0.1)
            .turn("z", 60 * j)
            .move(*top)
            .turn("z", colour_turn)
            for j in range(6)
        ]
    hearts = [
        ellipsoid(0.07, sections=20)
        .move(0.36 if k else 0.05, 0, 1.38 + 0.12 * (k % 2))
        .turn("z", 72 * k)
        for k in range(5)
    ]
    return [
        Part(
            lathe(np.vstack([[(0, 0)], side, [(0.2, 0.95), (0.1, 0.8)]])),
            stripes("z", 0.16, violet, "#d8c4ee", 0.3),
            0.7,
            60,
        ),
        Part(join(stems), plain("#3c7a2c"), 0.1),
        Part(join(blooms), plain(m.shade("#f26a9a")), 0.1),
        Part(join(hearts), plain("#7a3b12"), 0.1),
    ]


@thing("picture frame", size=0.9)
def _picture_frame(m: Maker) -> Sequence[Part]:
    gold = m.shade("#b58a35")
    bars = [box(1.3, 0.12, 0.14).move(z=z) for z in (0, 0.86)]
    bars += [box(0.14, 0.12, 0.86).move(s * 0.58, 0, 0.1) for s in (-1, 1)]
    hill = extrude(
        [(-0.52, 0), (0.52, 0), (0.52, 0.2), (0.2, 0.42), (-0.1, 0.2), (-0.52, 0.34)], 0.01
    )
    sun = cylinder(0.1, 0.012).move(0.3, 0.58)
    scene = [
        (box(1.06, 0.02, 0.76).move(z=0.12), "#7ec2ee"),
        (box(1.06, 0.06, 0.76).move(0, 0.035, 0.12), "#6b4a2a"),
    ]
    stand = box(0.2, 0.04, 0.8).turn("x", -25).move(0, 0.35, 0)
    parts = [Part(join(bars), plain(gold), 0.7, 30), Part(stand, plain("#4a3018"), 0.1)]
    parts += [Part(shape, plain(colour), 0.2) for shape, colour in scene]
    for shape, colour in ((hill, "#3d8a3a"), (sun, "#fff2a0")):
        parts.append(Part(shape.turn("x", 90).move(0, -0.012, 0.13), plain(colour), 0.1))
    return parts
